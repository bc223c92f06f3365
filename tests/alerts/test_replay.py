"""Replays of finished runs: what is read, how the clock goes, and how it is printed."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from alerts.judge import Watch
from alerts.model import MetricPoint, Transition
from alerts.replay import Recording, play, read_recording, replay
from alerts.replay.recording import RecordingError
from alerts.replay.view import json_line, report
from alerts.thresholds import LimitBook
from tests.support.histories import INF, NAN, START, TRAINER, Trace, levels, run_facts, settings

BOOK = LimitBook(settings())
STATUSES: dict[str, Any] = {"status": "FINISHED", "ended_at": START + 900}


def recording(trace: Trace, **facts: Any) -> Recording:  # noqa: ANN401 - any field
    return Recording(run_facts(**{**STATUSES, **facts}), tuple(trace.points))


def left_running(trace: Trace, **facts: Any) -> Recording:  # noqa: ANN401 - any field
    return recording(trace, **{"status": "RUNNING", "ended_at": None, **facts})


def told(found: Recording, book: LimitBook = BOOK) -> list[tuple[str, str, float]]:
    """Return rule, state and seconds after the start of each transition."""
    return [(t.key.rule, t.state, t.at - START) for t in replay(found, book)]


# The clock


def test_a_finished_run_is_judged_as_if_it_had_been_watched() -> None:
    found = recording(Trace().train(levels((20, 1.0), (6, 1.5))), params={"a": "1"})
    assert told(found) == [("loss_increase", "firing", 220.0), ("loss_increase", "resolved", 900.0)]


def test_what_recovers_is_resolved_by_the_clock_of_the_run() -> None:
    trace = Trace().train([*levels((20, 1.0), (6, 1.5)), *levels((60, 1.0))]).close(86)
    assert told(recording(trace)) == [
        ("loss_increase", "firing", 220.0),
        ("loss_increase", "resolved", 580.0),
    ]


def test_a_run_left_running_is_watched_for_a_day_after_its_last_point() -> None:
    trace = Trace().train([1.0] * 10)
    assert told(left_running(trace)) == [("run_stalled", "firing", 760.0)]
    patient = {"run_stalled": {"min_silence": 86_399, "early_silence": 86_399}}
    assert told(left_running(trace), LimitBook(settings(patient))) == []


def test_a_run_that_never_logged_anything_is_stalled_after_an_hour() -> None:
    assert told(left_running(Trace())) == [("run_stalled", "firing", 3_660.0)]
    assert told(left_running(Trace(), params={})) == []


def test_a_point_that_comes_when_the_clock_would_tell_comes_first() -> None:
    trace = Trace().train([1.0] * 10).wait(650).train([1.0] * 10, first=11).close(20)
    assert told(recording(trace)) == []


def test_a_run_that_ends_before_its_last_point_ends_with_it() -> None:
    found = recording(Trace().train([1.0] * 10), ended_at=START)
    assert told(found) == [("run_incomplete", "firing", 100.0)]


@pytest.mark.parametrize(
    "found",
    [
        recording(Trace().train([1.0] * 9).close(9), started_at=0.0),
        recording(Trace(start=0.0).train([1.0] * 9).close(9), started_at=START),
        recording(Trace().train([1.0] * 9).close(9), ended_at=4e9),
        left_running(Trace().train([1.0] * 4).wait(1e15).train([1.0] * 4, first=5)),
    ],
)
def test_clocks_that_are_years_off_cost_little(
    found: Recording, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = 0

    class Counted(Watch):
        def tick(self, *given: Any, **named: Any) -> list[Transition]:  # noqa: ANN401 - as Watch
            nonlocal looks
            looks += 1
            return super().tick(*given, **named)

    monkeypatch.setattr(play, "Watch", Counted)
    assert all(math.isfinite(transition.at) for transition in replay(found, BOOK))
    assert looks < 5_000


# Recordings


def document(**changes: Any) -> dict[str, Any]:  # noqa: ANN401 - any field
    return {
        "run_id": "r",
        "run_name": "n",
        "status": "RUNNING",
        "start_time": 1_000,
        "metrics": {"loss": [[1, 2_000, 1.5], [2, 3_000, "NaN"], [3, 4_500, "-Infinity"]]},
        **changes,
    }


def written(folder: Path, content: object) -> Path:
    path = folder / "run.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def test_a_recording_is_read_in_seconds_with_its_odd_values(tmp_path: Path) -> None:
    found = read_recording(written(tmp_path, document(params={"a": "1"}, end_time=9_500)))
    assert (found.facts.started_at, found.facts.ended_at, found.facts.params) == (
        1.0,
        9.5,
        {"a": "1"},
    )
    assert repr(found.points) == repr(
        (
            MetricPoint("loss", 1, 2.0, 1.5),
            MetricPoint("loss", 2, 3.0, NAN),
            MetricPoint("loss", 3, 4.5, -INF),
        )
    )


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "not a JSON file"),
        ("{", "not a JSON file"),
        ("[" * 100_000, "not a JSON file"),
        ("[]", "not a recording: the whole file"),
        ({}, "not a recording: run_id: Field required"),
        (document(status="DONE"), "not a recording: status"),
        (document(metrics={"loss": [[1, 2]]}), "not a recording: metrics.loss.0.2: Field required"),
        (document(metrics={"loss": [[1.5, 2, 3]]}), "not a recording: metrics.loss.0.0"),
        (document(metrics={"loss": [[2**63, 2, 3]]}), "not a recording: metrics.loss.0.0"),
        (document(metrics={"loss": [[1, 10**400, 3]]}), "not a recording: metrics.loss.0.1"),
        (document(metrics={"loss": [[1, 2, "x"]]}), "not a recording: metrics.loss.0.2"),
        (document(start_time=10**400), "not a recording: start_time"),
        (document(params={"a": 1}), "not a recording: params.a"),
    ],
)
def test_what_is_no_recording_is_refused_with_its_place(
    tmp_path: Path, content: object, message: str
) -> None:
    path = written(tmp_path, content)
    with pytest.raises(RecordingError) as caught:
        read_recording(path)
    assert str(caught.value).startswith(f"{path}: {message}")


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match=r"nowhere: cannot read the file: No such file"):
        read_recording(tmp_path / "nowhere")
    with pytest.raises(RecordingError, match=r"cannot read the file: Is a directory"):
        read_recording(tmp_path)
    (tmp_path / "bytes").write_bytes(b"\xff\xfe{}")
    with pytest.raises(RecordingError, match=r"not a JSON file"):
        read_recording(tmp_path / "bytes")


# Lines for machines

KEYS = [
    "run",
    "run_id",
    "experiment",
    "rule",
    "eval_set",
    "severity",
    "state",
    "step",
    "epoch",
    "time",
    "value",
    "threshold",
    "message",
    "action",
    "reason",
    "inhibited_by",
]


def lines(found: Recording) -> list[dict[str, Any]]:
    def strict(word: str) -> None:
        raise ValueError(word)

    return [
        json.loads(json_line(found.facts, t), parse_constant=strict) for t in replay(found, BOOK)
    ]


def test_each_line_is_strict_json_with_these_keys() -> None:
    trace = Trace().train(levels((20, 1.0), (6, 1.5))).log(27, eval_loss=9.0)
    trace.log(28, loss=NAN).log(28, eval_loss=NAN)
    found = lines(recording(trace, name="n\n\x1b\u2028", params=TRAINER))
    assert all(list(line) == KEYS for line in found)
    first = found[0]
    assert (first["rule"], first["state"], first["step"]) == ("loss_increase", "firing", 22)
    assert first["time"] == "2023-11-14T22:17:00.000+00:00"
    assert (first["value"], first["threshold"]) == (50.0, 20.0)
    assert first["message"].startswith("training loss rose 50 %")
    ends = [line["message"] for line in found if line["state"] == "resolved"]
    assert all(message.startswith("the run ended; was: ") for message in ends)


@pytest.mark.parametrize(
    ("value", "shown"), [(NAN, "NaN"), (INF, "+Inf"), (-INF, "-Inf"), (None, None)]
)
def test_what_json_cannot_hold_is_spelt_as_prometheus_does(
    value: float | None, shown: str | None
) -> None:
    transition = one_transition()
    odd = Transition(**{**_fields(transition), "value": value, "threshold": value})
    line = json.loads(json_line(run_facts(), odd))
    assert (line["value"], line["threshold"]) == (shown, shown)


def one_transition() -> Transition:
    (transition,) = replay(recording(Trace().train([1.0] * 9), ended_at=START + 100), BOOK)
    return transition


def _fields(transition: Transition) -> dict[str, Any]:
    return {name: getattr(transition, name) for name in Transition.__dataclass_fields__}


@pytest.mark.parametrize(
    ("at", "shown"),
    [
        (0.0, "1970-01-01T00:00:00.000+00:00"),
        (-5.0, "1970-01-01"),
        (1e300, "9999-12-31"),
        (INF, "9999"),
    ],
)
def test_any_time_that_a_trainer_logs_can_be_printed(at: float, shown: str) -> None:
    transition = one_transition()
    odd = Transition(**{**_fields(transition), "at": at})
    assert json.loads(json_line(run_facts(), odd))["time"].startswith(shown)


def test_half_a_surrogate_pair_in_a_name_can_be_printed() -> None:
    transition = one_transition()
    line = json_line(run_facts(name="\ud83d"), transition)
    assert json.loads(line)["run"] == "\ud83d"
    assert line.encode()


# Reports for people


def test_a_report_draws_the_curves_and_marks_where_alerts_fired() -> None:
    trace = Trace()
    for step, loss in enumerate(levels((40, 1.0), (40, 4.0)), start=1):
        trace.log(step, loss=loss, epoch=step / 40)
        if step % 20 == 0:
            trace.log(step, eval_loss=loss, epoch=step / 40)
    found = recording(trace, params={"a": "1"}, name="a\x1b[31mred")
    text = report(found, list(replay(found, BOOK)))
    _, training, evaluation, marks, *alerts = text.splitlines()
    assert "\x1b" not in text
    assert training.split()[0] == "loss"
    assert evaluation.split()[0] == "eval_loss"
    assert marks.index("a") > len(training) // 2
    assert [line.split()[:3] for line in alerts] == [["a", "step", "43"]]
    assert "training loss rose 300 % above its best level" in alerts[0]


@pytest.mark.parametrize(
    "make",
    [
        Trace,
        lambda: Trace().log(5, loss=NAN),
        lambda: Trace().log(5, other=1.0),
        lambda: Trace().train([INF, -INF, 1e308, 5e-324], first=-(2**63)),
        lambda: Trace().train([1.0], first=2**63 - 1).train([1.0], first=-(2**63)),
    ],
)
def test_any_run_can_be_reported(make: Callable[[], Trace]) -> None:
    found = recording(make())
    assert report(found, list(replay(found, BOOK))).count("\n") >= 2


def test_a_run_of_which_nothing_is_told_says_so() -> None:
    found = recording(Trace().train([1.0] * 9).close(9))
    assert report(found, []).splitlines()[-1] == "  no alert"
