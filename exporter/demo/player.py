"""A trainer that logs what others once logged: cues become calls to a tracking server."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from exporter.demo.recording import Recording
from exporter.demo.schedule import Act, Cue
from exporter.demo.tracking import Tracking


class Player:
    """Plays cues at the moment of the call: steps and values are recorded, the time is now.

    Call `prepare` once before.
    """

    def __init__(
        self,
        tracking: Tracking,
        recordings: Mapping[str, Recording],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._tracking = tracking
        self._recordings = recordings
        self._clock = clock
        self._experiments: dict[str, str] = {}
        self._runs: dict[str, str] = {}
        self._last_ms = 0
        self.steps: dict[str, int] = {}
        """The last step of every run under way, by the name of its recording."""

    def prepare(self) -> None:
        """Create the experiments, as a team has them before a run begins."""
        for name in sorted({recording.experiment for recording in self._recordings.values()}):
            self._experiments[name] = self._tracking.create_experiment(name)

    def perform(self, cue: Cue) -> None:
        """Carry out one cue; raises TrackingError when the server does not take it."""
        recording = self._recordings[cue.recording]
        if cue.act is Act.BEGIN:
            self._begin(recording)
        elif cue.record is not None:
            run_id = self._runs[cue.recording]
            self._tracking.log_metrics(run_id, cue.record.values, cue.record.step, self._now_ms())
            self.steps[cue.recording] = cue.record.step
        else:
            self._tracking.end_run(self._runs.pop(cue.recording), recording.status, self._now_ms())
            self.steps.pop(cue.recording, None)

    def _begin(self, recording: Recording) -> None:
        run_id = self._tracking.create_run(
            self._experiments[recording.experiment],
            recording.name,
            self._now_ms(),
            recording.tags,
        )
        self._tracking.log_params(run_id, recording.params)
        self._runs[recording.name] = run_id
        self.steps[recording.name] = 0

    def _now_ms(self) -> int:
        # Two records of one millisecond would lose their order.
        self._last_ms = max(self._last_ms + 1, int(self._clock() * 1000))
        return self._last_ms
