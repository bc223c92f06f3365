"""All recorded runs played before a tracking server, with a word on how they get along."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

from exporter.demo.crew import Say
from exporter.demo.player import Player
from exporter.demo.recording import Recording, load
from exporter.demo.schedule import FULL_LENGTH, STORIES, Act, Cue, schedule
from exporter.demo.tracking import Tracking
from exporter.demo.watch import Watch

PROGRESS_SECONDS = 15.0


class Performance:
    """The runs of the demonstration, before the tracking server at a loopback port."""

    def __init__(self, port: int, watch: Watch, say: Say) -> None:
        self._recordings: Mapping[str, Recording] = {
            story.recording: load(story.recording) for story in STORIES
        }
        self._player = Player(Tracking(port), self._recordings)
        self._watch = watch
        self._say = say

    def prepare(self) -> None:
        """Create the experiments, as a team has them before a run begins."""
        self._player.prepare()

    def play(self, duration: float | None = None) -> None:
        """Play them once, in so many seconds (three minutes unless said); raises TrackingError."""
        cues = schedule(STORIES, self._recordings, duration or FULL_LENGTH)
        self._say(
            f"{len(STORIES)} recorded fine-tuning runs are played live for {cues[-1].at:.0f} s"
        )
        begun = told = time.monotonic()
        for cue in cues:
            self._watch.wait(begun + cue.at - time.monotonic())
            self._player.perform(cue)
            if cue.act is not Act.LOG:
                self._say(
                    f"run {cue.recording} {'begins' if cue.act is Act.BEGIN else 'has ended'}"
                )
            if time.monotonic() - told >= PROGRESS_SECONDS:
                told = time.monotonic()
                self._say(self._progress(cues, told - begun))

    def _progress(self, cues: Sequence[Cue], gone: float) -> str:
        steps = self._player.steps.items()
        under_way = ", ".join(f"{name} at step {step}" for name, step in steps)
        return f"{gone:.0f} of {cues[-1].at:.0f} s: {under_way}"
