"""`tunewatch runs` lists what a real server has, judged by the configured thresholds."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from exporter.cli import main
from tests.support.mlflow_bulk import Bulk, fill
from tests.support.mlflow_runs import Trainer, upload
from tests.support.mlflow_server import MlflowServer
from tests.support.mlflow_store import Store
from tests.support.recordings import recording

HOUR = 3_600_000


@pytest.fixture
def asked(remote: Store, monkeypatch: pytest.MonkeyPatch) -> Store:
    """A server that the environment names, as for whoever works with MLflow."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", remote.uri)
    return remote


def ended(store: Store, name: str, ago: int) -> None:
    """Put back a recorded run that ended so long ago (ms)."""
    found = recording(name)
    shift = round(time.time() * 1000) - ago - found["end_time"]
    upload(store.client, found, experiment=store.experiment, shift=shift)


def begun(store: Store, name: str, **logged: float) -> Trainer:
    """Begin a run that has logged its first record just now."""
    now = round(time.time() * 1000)
    run = store.begin(name=name, at=now - 60_000)
    run.log(1, now, **logged)
    return run


def listed(capsys: pytest.CaptureFixture[str], store: Store, *flags: str) -> list[dict[str, Any]]:
    """Run the command and parse its lines."""
    only = store.experiment.replace("[", "[[]")
    capsys.readouterr()  # MLflow's client says where a run can be seen
    assert main(["runs", "--experiment", only, "--output", "json", *flags]) == 0
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_active_runs_come_first_and_each_shows_what_people_compare(
    asked: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    ended(asked, "overfit", HOUR)
    ended(asked, "diverging", 2 * HOUR)
    begun(asked, "now", loss=2.0, learning_rate=1e-4)
    running, overfit, diverging = listed(capsys, asked)
    assert [r["run"] for r in (running, overfit, diverging)] == ["now", "overfit", "diverging"]
    assert (running["status"], running["step"], running["loss"]) == ("RUNNING", 1, 2.0)
    assert (running["learning_rate"], running["alerts"], running["eval_loss"]) == (1e-4, [], None)
    assert 50 < running["duration_seconds"] < 600
    points = recording("overfit")["metrics"]["eval_loss"]
    best = min(points, key=lambda point: point[2])
    assert (overfit["best_step"], overfit["best_eval_loss"]) == (best[0], best[2])
    assert overfit["eval_loss"] == points[-1][2]
    assert overfit["params"]["learning_rate"] == recording("overfit")["params"]["learning_rate"]
    assert "overfitting" in {alert["rule"] for alert in overfit["alerts"]}


def test_without_alerts_the_numbers_are_the_same(
    asked: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    ended(asked, "overfit", HOUR)
    [judged] = listed(capsys, asked)
    [unjudged] = listed(capsys, asked, "--no-alerts")
    assert judged["alerts"]
    assert unjudged == {**judged, "alerts": []}


def test_thresholds_are_those_of_the_configuration(
    asked: Store, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    ended(asked, "overfit", HOUR)
    file = tmp_path / "tunewatch.yaml"
    file.write_text("thresholds: {max_val_loss_diff: 1000}\nrules: {overfitting: {enabled: false}}")
    [run] = listed(capsys, asked, "--config.file", str(file))
    rules = {alert["rule"] for alert in run["alerts"]}
    assert not rules & {"overfitting", "eval_loss_gap"}


def test_the_best_are_those_with_the_lowest_validation_loss(
    asked: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    begun(asked, "never evaluated", loss=0.1)
    for name, loss in (("good", 0.4), ("better", 0.2), ("nan", float("nan")), ("bad", 3.0)):
        begun(asked, name, eval_loss=loss)
    assert [row["run"] for row in listed(capsys, asked, "--best", "2")] == ["better", "good"]
    assert len(listed(capsys, asked, "--best", "9")) == 3


def test_only_lately_ended_runs_up_to_a_limit(
    asked: Store, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    ended(asked, "crash", 30 * 24 * HOUR)
    assert listed(capsys, asked) == []
    assert [row["run"] for row in listed(capsys, asked, "--since", "60d")] == ["crash"]
    for number in range(3):
        begun(asked, f"run-{number}", loss=1.0)
    only = asked.experiment.replace("[", "[[]")
    capsys.readouterr()
    assert main(["runs", "--experiment", only, "--limit", "2"]) == 0
    heading, *rows, rest = capsys.readouterr().out.splitlines()
    assert heading.startswith("RUN ")
    assert len(rows) == 2
    assert rest == "and 1 more (--limit)"


def test_of_long_histories_a_sample_is_read(
    asked: Store, server: MlflowServer, capsys: pytest.CaptureFixture[str]
) -> None:
    now = round(time.time() * 1000)
    long = Bulk(now - 13_000_000, 1, ("loss",), points=12_000, stride=1, every=1_000)
    [run_id] = fill(server.database, asked.experiment, long)
    Trainer(asked.client, run_id).log(12_000, now - 1_000_000, loss=float("nan"))
    [row] = listed(capsys, asked, "--no-alerts")
    assert (row["step"], row["loss"]) == (12_000, "NaN")


def test_a_local_database_is_listed_too(
    local: Store, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", local.uri)
    begun(local, "here", loss=2.0)
    assert [row["run"] for row in listed(capsys, local)] == ["here"]


def test_without_runs_it_says_so(asked: Store, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["runs", "--experiment", "no such"]) == 0
    assert capsys.readouterr().out == "no such run is active or ended lately (--since)\n"
    assert asked.client


@pytest.mark.parametrize(
    ("uri", "message"),
    [
        ("http://127.0.0.1:1", "nothing listens at http://127.0.0.1:1: start the MLflow server"),
        ("sqlite:///missing.db", "there is no MLflow database at missing.db"),
    ],
)
def test_a_server_that_cannot_be_read_costs_one_line(
    uri: str,
    message: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    assert main(["runs"]) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith(f"tunewatch: {message}")
    assert said.err.count("\n") == 1


@pytest.mark.parametrize("flag", [("--best", "0"), ("--limit", "many"), ("--since", "yesterday")])
def test_a_bad_flag_is_refused(flag: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["runs", *flag])
    assert "should be" in capsys.readouterr().err
