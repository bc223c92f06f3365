"""Recorded runs on a compressed clock: nothing is lost, and the story comes in time."""

from __future__ import annotations

from itertools import pairwise

import pytest

from exporter.demo.recording import Record, Recording, from_document, load
from exporter.demo.schedule import FULL_LENGTH, STORIES, Act, Cue, Story, schedule

RECORDINGS = {story.recording: load(story.recording) for story in STORIES}
HALF, WHOLE = Record(5, 1, {"loss": 2.0}), Record(10, 2, {"loss": 1.0})
SHORT = Recording("short", "x", "FINISHED", 10, {}, {}, (HALF, WHOLE))


def played(cues: tuple[Cue, ...], name: str) -> list[Cue]:
    return [cue for cue in cues if cue.recording == name]


def test_a_recording_is_stretched_over_its_story_and_the_whole_over_the_duration() -> None:
    stories = (Story("short", begins=10, lasts=20), Story("short", begins=0, lasts=40))
    cues = schedule(stories[:1], {"short": SHORT}, duration=15)
    assert cues == (
        Cue(5, "short", Act.BEGIN),
        Cue(10, "short", Act.LOG, HALF),
        Cue(15, "short", Act.LOG, WHOLE),
        Cue(15, "short", Act.END),
    )
    assert schedule(stories, {"short": SHORT}, duration=80)[-1].at == 80


@pytest.mark.parametrize("name", RECORDINGS)
def test_every_record_is_played_once_between_begin_and_end(name: str) -> None:
    first, *logged, last = played(schedule(STORIES, RECORDINGS, 60), name)
    assert (first.act, last.act) == (Act.BEGIN, Act.END)
    assert tuple(cue.record for cue in logged) == RECORDINGS[name].records
    assert all(earlier.at <= later.at for earlier, later in pairwise([first, *logged, last]))


def test_all_stories_play_in_about_three_minutes() -> None:
    cues = schedule(STORIES, RECORDINGS, FULL_LENGTH)
    assert len(STORIES) == 4
    assert cues[-1].at == pytest.approx(180)
    assert [cue.at for cue in cues] == sorted(cue.at for cue in cues)


def test_the_first_trouble_comes_early() -> None:
    cues = played(schedule(STORIES, RECORDINGS, FULL_LENGTH), "nan-default-filter")
    first_nan = next(
        cue for cue in cues if cue.record and cue.record.values.get("grad_norm") == "NaN"
    )
    assert first_nan.record
    assert first_nan.record.step == 130
    assert first_nan.at < 15


def test_metrics_kept_by_name_become_records_in_the_order_of_their_logging() -> None:
    document = {
        "run_name": "r",
        "experiment_name": "e",
        "status": "FINISHED",
        "start_time": 1_000,
        "end_time": 9_000,
        "tags": {"a": "b"},
        "params": {"c": "d"},
        "metrics": {
            "loss": [[10, 3_000, 2.5], [20, 7_000, "NaN"]],
            "eval_loss": [[10, 4_000, 2.6]],
            "epoch": [[10, 3_000, 1.0], [10, 4_000, 1.0]],
        },
    }
    assert from_document(document) == Recording(
        name="r",
        experiment="e",
        status="FINISHED",
        seconds=8.0,
        tags={"a": "b"},
        params={"c": "d"},
        records=(
            Record(2.0, 10, {"loss": 2.5, "epoch": 1.0}),
            Record(3.0, 10, {"eval_loss": 2.6, "epoch": 1.0}),
            Record(6.0, 20, {"loss": "NaN"}),
        ),
    )


def test_no_recording_names_the_machine_it_was_made_on() -> None:
    for recording in RECORDINGS.values():
        assert recording.tags["mlflow.source.name"] == "scripts/train.py"
