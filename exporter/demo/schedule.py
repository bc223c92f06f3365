"""When each moment of each recorded run is played, on a compressed clock."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from enum import Enum
from typing import NamedTuple

from exporter.demo.recording import Record, Recording


class Story(NamedTuple):
    """When a recording begins and how long it lasts, in seconds of a performance at full length."""

    recording: str
    begins: float
    lasts: float


STORIES = (
    Story("nan-default-filter", begins=0, lasts=30),
    Story("healthy", begins=5, lasts=175),
    Story("diverging-warmup", begins=10, lasts=80),
    Story("overfit", begins=20, lasts=130),
)
"""The quickest to go wrong comes first; one that stays well runs beside all others."""

FULL_LENGTH = max(story.begins + story.lasts for story in STORIES)


class Act(Enum):
    """What is done with a run at one moment."""

    BEGIN = "begin"
    LOG = "log"
    END = "end"


class Cue(NamedTuple):
    """One act, `at` seconds after the performance begins; a record goes with LOG alone."""

    at: float
    recording: str
    act: Act
    record: Record | None = None


def schedule(
    stories: Sequence[Story], recordings: Mapping[str, Recording], duration: float
) -> tuple[Cue, ...]:
    """Return all cues in order of time; the last one is at `duration` seconds."""
    pace = duration / max(story.begins + story.lasts for story in stories)
    cues = [cue for story in stories for cue in _cues(story, recordings[story.recording], pace)]
    # Stable: what one run does at one time stays in its order.
    return tuple(sorted(cues, key=lambda cue: cue.at))


def _cues(story: Story, recording: Recording, pace: float) -> Iterable[Cue]:
    stretch = story.lasts / recording.seconds
    yield Cue(story.begins * pace, recording.name, Act.BEGIN)
    for record in recording.records:
        at = (story.begins + record.offset * stretch) * pace
        yield Cue(at, recording.name, Act.LOG, record)
    yield Cue((story.begins + story.lasts) * pace, recording.name, Act.END)
