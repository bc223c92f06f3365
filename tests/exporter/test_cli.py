"""The command line: what it prints where, and with which exit code it ends."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import pytest

from exporter.cli import main
from tests.support.program import environment, tunewatch

RECORDINGS = Path(__file__).parents[2] / "exporter" / "demo" / "recordings"
DEAD = str(RECORDINGS / "nan-default-filter.json")
HEALTHY = str(RECORDINGS / "healthy.json")
FIELDS = {
    "run",
    "run_id",
    "experiment",
    "rule",
    "severity",
    "state",
    "step",
    "epoch",
    "time",
    "value",
    "threshold",
    "message",
    "action",
    "inhibited_by",
}

Said = tuple[int, str, str]
Run = Callable[..., Said]


@pytest.fixture
def good(tmp_path: Path) -> str:
    path = tmp_path / "good.yaml"
    path.write_text("thresholds: {max_loss_increase_pct: 20}\n")
    return str(path)


@pytest.fixture
def bad(tmp_path: Path) -> str:
    path = tmp_path / "bad.yaml"
    path.write_text("thresholds:\n  max_los_increase_pct: 20\nnvml: {interval: 0}\n")
    return str(path)


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str]) -> Run:
    """Return a function that runs a command and tells code, output and complaints."""

    def run(*arguments: str) -> Said:
        try:
            code = main(arguments)
        except SystemExit as end:
            code = int(end.code or 0)
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


def test_the_version_is_that_of_the_distribution(said: Run) -> None:
    assert said("--version") == (0, f"tunewatch {version('tunewatch')}\n", "")


def test_without_a_command_help_is_printed(said: Run) -> None:
    code, out, err = said()
    assert (code, err) == (2, "")
    for command in ("run", "check", "doctor", "replay", "demo"):
        assert command in out


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["nonsense"], "invalid choice: 'nonsense'"),
        (["check"], "the following arguments are required: FILE"),
        (["replay"], "the following arguments are required"),
        (["replay", HEALTHY, "--output", "xml"], "invalid choice: 'xml'"),
        (["run", "--log.lev", "debug"], "unrecognized arguments: --log.lev"),
        (["run", "--nvml.simulate", "x"], "should be a whole number from 0 to 64"),
        (["demo", "--port", "99999"], "'99999': should be a port from 1 to 65535"),
        (["demo", "--mlflow-port", "0"], "'0': should be a port from 1 to 65535"),
        (["demo", "--duration", "0"], "'0': should be a number of seconds above 0"),
        (["demo", "--duration", "nan"], "'nan': should be a number of seconds above 0"),
        (["demo", "--duration", "soon"], "'soon': should be a number of seconds above 0"),
    ],
)
def test_a_command_that_makes_no_sense_is_explained(
    said: Run,
    arguments: list[str],
    problem: str,
) -> None:
    code, out, err = said(*arguments)
    assert (code, out) == (2, "")
    assert problem in err


def test_check_names_all_mistakes_of_all_files(said: Run, good: str, bad: str) -> None:
    unknown = "thresholds.max_los_increase_pct"
    missing = str(Path(good).with_name("missing.yaml"))
    code, out, err = said("check", bad, good, missing)
    assert code == 2
    assert out == f"{good}: good\n"
    assert err.splitlines() == [
        f"{bad}:2: unknown key '{unknown}'; did you mean 'max_loss_increase_pct'?",
        f"{bad}:3: nvml.interval: should be greater than or equal to 1 (found 0)",
        f"{missing}: cannot read the file: No such file or directory",
    ]


def test_check_is_content_with_good_files(said: Run, good: str) -> None:
    assert said("check", good, good) == (0, f"{good}: good\n" * 2, "")


def test_replay_prints_one_json_object_for_each_transition(said: Run) -> None:
    code, out, err = said("replay", DEAD, HEALTHY, "--output", "json")
    assert (code, err) == (0, "")
    told = [json.loads(line, parse_constant=pytest.fail) for line in out.splitlines()]
    assert all(transition.keys() >= FIELDS for transition in told)
    assert [t["time"] for t in told] == sorted(t["time"] for t in told)
    assert ("nonfinite", "firing", 130) in [(t["rule"], t["state"], t["step"]) for t in told]


def test_replay_draws_for_people(said: Run, tmp_path: Path) -> None:
    recording = json.loads(Path(HEALTHY).read_text())
    quiet = tmp_path / "quiet.json"
    quiet.write_text(json.dumps({**recording, "params": {}, "metrics": {"loss": [[1, 0, 2.0]]}}))
    code, out, err = said("replay", DEAD, str(quiet))
    assert (code, err) == (0, "")
    first, second = out.strip().split("\n\n")
    assert "nonfinite" in first
    assert "▁" in first
    assert second.splitlines()[-1] == "  no alert"


def test_replay_judges_by_the_file_that_it_is_given(said: Run, good: str, bad: str) -> None:
    Path(good).write_text("rules: {nonfinite: {enabled: false}}")
    code, out, _ = said("replay", DEAD, "--config.file", good, "--output=json")
    assert code == 0
    assert "nonfinite" not in out
    code, out, err = said("replay", DEAD, "--config.file", bad)
    assert (code, out) == (2, "")
    assert err.startswith(f"{bad}:2: ")


@pytest.mark.parametrize("command", [["replay", DEAD], ["rules"], ["runs"], ["notify"]])
def test_all_commands_take_the_configuration_that_the_environment_names(
    said: Run, bad: str, monkeypatch: pytest.MonkeyPatch, command: list[str]
) -> None:
    monkeypatch.setenv("TUNEWATCH_CONFIG_FILE", bad)
    code, out, err = said(*command)
    assert (code, out) == (2, "")
    assert err.startswith(f"{bad}:2: ")


def test_replay_without_a_tracking_server_is_no_bad_input(
    said: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/missing.db")
    run_id = "0123456789abcdef0123456789abcdef"
    code, out, err = said("replay", run_id)
    assert (code, out) == (1, "")
    assert err.startswith(f"tunewatch: {run_id}: there is no MLflow database at ")


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("missing.json", None, "No such file"),
        ("folder", "", "Is a directory"),
        ("text.json", "hello", "not a JSON file"),
        ("list.json", "[]", "not a recording"),
        ("other.json", "{}", "not a recording: run_id: Field required"),
    ],
)
def test_replay_says_what_is_no_recording(
    said: Run,
    tmp_path: Path,
    name: str,
    content: str | None,
    problem: str,
) -> None:
    path = tmp_path / name
    if name == "folder":
        path.mkdir()
    elif content is not None:
        path.write_text(content)
    code, out, err = said("replay", HEALTHY, str(path))
    assert (code, out) == (2, "")
    assert err.startswith(f"tunewatch: {path}: ")
    assert problem in err
    assert err.count("\n") == 1


def test_a_reader_that_goes_away_is_no_error(tmp_path: Path) -> None:
    """As with `tunewatch replay … | head -1`."""
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "exporter", "replay", DEAD],
            cwd=tmp_path,
            env=environment(tmp_path, PYTHONPATH=str(RECORDINGS.parents[2])),
            stdout=writing,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    finally:
        os.close(writing)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_terminal_that_lacks_characters_shows_the_others(tmp_path: Path) -> None:
    recording = json.loads(Path(HEALTHY).read_text())
    path = tmp_path / "odd.json"
    path.write_text(json.dumps({**recording, "run_name": "größer \ud800"}))
    ascii_only = environment(tmp_path, PYTHONIOENCODING="ascii")
    done = tunewatch("replay", str(path), cwd=tmp_path, environ=ascii_only)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("gr\\xf6\\xdfer")


@pytest.mark.parametrize(
    ("arguments", "environ", "problem"),
    [
        (["--config.file=bad.yaml"], {}, "bad.yaml:1: unknown key 'threshold'"),
        (["--config.file=missing.yaml"], {}, "missing.yaml: cannot read the file"),
        (
            ["--web.listen-address=nowhere"],
            {},
            "tunewatch: --web.listen-address: not a listen address: 'nowhere'; write HOST:PORT",
        ),
        ([], {"TUNEWATCH_LOG_LEVEL": "loud"}, "tunewatch: TUNEWATCH_LOG_LEVEL: 'loud': should be"),
        (
            ["--config.file=channel.yaml"],
            {},
            "tunewatch: channel 'team': the environment variable TEAM_URL is not set",
        ),
    ],
)
def test_a_bad_setting_keeps_the_daemon_from_starting(
    tmp_path: Path, arguments: list[str], environ: dict[str, str], problem: str
) -> None:
    (tmp_path / "bad.yaml").write_text("threshold: {}")
    (tmp_path / "channel.yaml").write_text("notify: {channels: [{name: team, url_env: TEAM_URL}]}")
    done = tunewatch("run", *arguments, cwd=tmp_path, environ=environment(tmp_path, **environ))
    assert done.returncode == 2
    assert done.stderr.startswith(problem)
    assert done.stderr.count("\n") == 1, "and nothing else was said"
    assert done.stdout == ""
