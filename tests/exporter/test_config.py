"""The configuration file: the user's own works as it is, and mistakes are named without secrets."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from alerts.documents import DocumentError
from alerts.thresholds import USER_THRESHOLDS
from exporter.cli import main
from exporter.config import DEFAULT_CONFIG, Config, config_hash, load_config

EXAMPLE = Path(__file__).parents[2] / "exporter" / "example.yaml"
USERS_FILE = """\
thresholds:
  max_loss_increase_pct: 20      # alert when loss rises by more than 20 %
  min_loss_decrease_per_epoch: 5 # alert when loss falls by less than 5 % per epoch
  max_val_loss_diff: 0.1         # alert when val_loss > train_loss + 0.1
  max_val_loss_increase: 3       # alert after 3 val_loss rises in a row
  max_gpu_memory_pct: 95         # alert above 95 % GPU memory
  max_training_time_hours: 24    # alert when training takes longer than 24 h
"""
SECRETS = ("hunter2", "TokenAAAA", "s3cret", "xoxb-1-2")
NO_CREDENTIALS = (
    "must not hold a user or a password; set MLFLOW_TRACKING_USERNAME and "
    "MLFLOW_TRACKING_PASSWORD, or all of it as MLFLOW_TRACKING_URI, in the environment"
)
DURATION = "should be a duration such as 30s, 5m or 1h30m"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "tunewatch.yaml"


def loaded(file: Path, text: str) -> Config:
    file.write_text(text, encoding="utf-8")
    return load_config(file)


def mistakes(file: Path, text: str) -> list[str]:
    """Return what is wrong with the text, each as `line: message`."""
    with pytest.raises(DocumentError) as caught:
        loaded(file, text)
    return [f"{p.line}: {p.message}" for p in caught.value.problems]


def test_the_users_file_works_as_it_is(file: Path) -> None:
    config = loaded(file, USERS_FILE)
    assert config.thresholds == USER_THRESHOLDS
    assert config == DEFAULT_CONFIG


def test_without_a_file_the_users_thresholds_hold() -> None:
    assert load_config(None) is DEFAULT_CONFIG


def test_a_file_without_thresholds_has_none(file: Path) -> None:
    assert loaded(file, "nvml: {}").thresholds.max_loss_increase_pct is None


def test_the_example_says_every_key_and_every_default() -> None:
    example = load_config(EXAMPLE)
    assert example == DEFAULT_CONFIG
    shown = EXAMPLE.read_text(encoding="utf-8")
    keys = [*Config.model_fields]
    keys += [key for name in ("mlflow", "nvml", "notify") for key in _fields(example, name)]
    keys += [*_fields(example, "rules"), *_fields(example.rules, "loss_increase")]
    assert [key for key in keys if f"{key}:" not in shown] == []


def _fields(model: object, name: str) -> list[str]:
    fields = type(getattr(model, name)).model_fields
    return [info.alias or field for field, info in fields.items()]


def test_durations_are_written_as_prometheus_writes_them(file: Path) -> None:
    config = loaded(file, "nvml: {interval: 1m30s}\nmlflow: {interval: 5, ended_grace: 0s}")
    assert config.nvml.interval == 90
    assert config.mlflow.interval == 5
    assert config.mlflow.ended_grace == 0


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nvml:\n  interval: 0.5", "2: nvml.interval: should be greater than or equal to 1"),
        (
            "nvml:\n  interval: 900ms",
            "2: nvml.interval: should be greater than or equal to 1 seconds",
        ),
        ("nvml:\n  interval: 0", "2: nvml.interval: should be greater than or equal to 1"),
        ("nvml:\n  interval: -5", "2: nvml.interval: should be greater than or equal to 0"),
        ("nvml:\n  interval: .inf", "2: nvml.interval: should be a finite number"),
        ("nvml:\n  interval: .nan", "2: nvml.interval: should be greater than or equal to 0"),
        ("nvml:\n  interval: 5 minutes", f"2: nvml.interval: {DURATION} (found '5 minutes')"),
        ("nvml:\n  interval: true", "2: nvml.interval: should be a number (found True)"),
        ("nvml:\n  intervall: 5", "2: unknown key 'nvml.intervall'; did you mean 'interval'?"),
        ("nvlm: {}", "1: unknown key 'nvlm'; did you mean 'nvml'?"),
        ("nvml: 10s", "1: nvml: should be a mapping of keys to values"),
        ("mlflow:\n  tracking_uri: 5000", "2: mlflow.tracking_uri: should be text (found 5000)"),
        ("mlflow:\n  experiments: '*'", "2: mlflow.experiments: should be a list"),
        ("mlflow:\n  experiments: [1]", "2: mlflow.experiments.0: should be text (found 1)"),
        (
            "mlflow:\n  runs: []",
            '2: mlflow.runs: chooses nothing; leave it out for all, or write ["*"]',
        ),
        ("mlflow:\n  metrics: []", "2: mlflow.metrics: chooses nothing"),
        (
            "mlflow:\n  tags:\n    a: b\n    team: 5",
            "4: mlflow.tags.team: should be text (found 5)",
        ),
        ("mlflow:\n  exclude_tags: [team]", "2: mlflow.exclude_tags: should be a mapping"),
        ("mlflow:\n  max_runs: 0", "2: mlflow.max_runs: should be greater than or equal to 1"),
        ("mlflow:\n  discovery_interval: 0s", "2: mlflow.discovery_interval: should be greater"),
        ("mlflow:\n  max_run: 5", "2: unknown key 'mlflow.max_run'; did you mean 'max_runs'?"),
        (
            "mlflow:\n  max_metrics_per_run: 0",
            "2: mlflow.max_metrics_per_run: should be greater than or equal to 1 (found 0)",
        ),
        (
            "mlflow:\n  max_metrics_per_run: 1.5",
            "2: mlflow.max_metrics_per_run: should be a whole number (found 1.5)",
        ),
        (
            "mlflow:\n  system_metrics: 'yes'",
            "2: mlflow.system_metrics: should be true or false (found 'yes')",
        ),
        (
            "mlflow:\n  ended_grace: forever",
            f"2: mlflow.ended_grace: {DURATION} (found 'forever')",
        ),
    ],
)
def test_a_mistake_is_named_with_its_line_and_remedy(file: Path, text: str, message: str) -> None:
    (found,) = mistakes(file, text)
    assert found.startswith(message)


def test_all_mistakes_are_named_at_once(file: Path) -> None:
    text = "mlflow:\n  interval: soon\n  experiment: [a]\nnvml:\n  interval: 0\nthreshold: {}\n"
    assert [line.partition(":")[0] for line in mistakes(file, text)] == ["2", "3", "5", "6"]


@pytest.mark.parametrize(
    "uri",
    [
        "http://bob:hunter2@mlflow.example:5000",
        "https://hunter2@mlflow.example",
        "HTTPS://bob:hun/ter2hunter2@mlflow.example",
        "http://bob:hunter2://x@mlflow.example",
        "bob:hunter2@mlflow.example:5000",
        "postgresql://mlflow:hunter2@db/mlflow",
        "http://[::1:hunter2@x",
    ],
)
@pytest.mark.parametrize("key", ["tracking_uri", "public_url"])
def test_an_address_with_a_password_is_refused_without_repeating_it(
    file: Path, key: str, uri: str
) -> None:
    assert mistakes(file, f"mlflow:\n  {key}: {uri}") == [f"2: mlflow.{key}: {NO_CREDENTIALS}"]


@pytest.mark.parametrize(
    "uri",
    [
        "http://mlflow.example:5000",
        "https://[::1]:5000/prefix",
        "sqlite:////data/a@b.db",
        "/data/a@b:c/mlruns",
        "./mlruns",
        "databricks://profile",
        "postgresql://mlflow@db:5432/mlflow",
        "file:///data/a:b@c",
    ],
)
def test_an_address_without_a_password_is_taken(file: Path, uri: str) -> None:
    assert loaded(file, f"mlflow: {{tracking_uri: '{uri}'}}").mlflow.tracking_uri == uri


@pytest.mark.parametrize(
    "text",
    [
        "mlflow:\n  tracking_uri: http://bob:hunter2@mlflow",
        "mlflow:\n  tracking_url: http://bob:hunter2@mlflow",
        "mlflow: http://bob:hunter2@mlflow",
        "mlflow:\n  interval: http://bob:hunter2@mlflow",
        "notify: slack://TokenAAAA/b/c",
        "notify:\n  channels: slack://TokenAAAA/b/c",
        "notify:\n  channels:\n    - slack://TokenAAAA/b/c",
        "notify:\n  channels:\n    - {name: a, url: 'slack://TokenAAAA/b/c'}",
        "notify:\n  channels:\n    - {name: a, url_env: 'slack://TokenAAAA/b/c'}",
        "notify:\n  channels:\n    - {name: a, url_env: xoxb-1-2}",
        "notify:\n  channels:\n    - {name: a, url_file: 'slack://TokenAAAA/b/c'}",
        "notify:\n  channels:\n    - {name: 'mailto://me:s3cret@x', url_env: A}",
        "notify:\n  channels:\n    - {name: a, url_env: A, url_file: 'mailto://me:s3cret@x'}",
    ],
)
def test_no_message_repeats_a_secret(
    file: Path, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where a secret does not belong it may stand all the same."""
    file.write_text(text)
    assert main(["check", str(file)]) == 2
    said = capsys.readouterr()
    assert f"{file}:" in said.err
    assert not [secret for secret in SECRETS if secret in said.out + said.err]


def test_the_hash_is_of_what_is_said_not_of_how(file: Path) -> None:
    written = loaded(file, USERS_FILE)
    again = loaded(file, f"# the same\n{USERS_FILE}\nnvml: {{interval: 10.0}}\nrules:\n")
    other = loaded(file, USERS_FILE.replace("95", "96"))
    assert config_hash(written) == config_hash(again) == config_hash(DEFAULT_CONFIG)
    assert config_hash(other) != config_hash(written)
    assert len(config_hash(written)) == 12


def test_the_hash_is_the_same_in_every_process() -> None:
    """Other processes of a cluster have other hash seeds."""
    code = "from exporter.config import *; print(config_hash(DEFAULT_CONFIG))"
    environ = {"PYTHONHASHSEED": "7", "PYTHONPATH": str(EXAMPLE.parents[1])}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environ, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == config_hash(DEFAULT_CONFIG)


@pytest.mark.parametrize("path", ["missing.yaml", "."])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, path: str) -> None:
    with pytest.raises(DocumentError, match=r"cannot read the file: (No such|Is a)"):
        load_config(tmp_path / path)
