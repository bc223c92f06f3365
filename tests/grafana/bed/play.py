"""The trainers: recorded runs logged to a real tracking server, faster than they once were."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from exporter.demo.recording import Record, Recording, from_document
from exporter.demo.tracking import Tracking
from tests.grafana.bed.cast import NAMESPACE, Part
from tests.support.recordings import recording


class _Cue(NamedTuple):
    """What happens to a part `at` seconds after the performance begins."""

    at: float
    part: int
    record: Record | None
    ends: bool = False


class Play:
    """A performance of `seconds`; every value that was once logged is logged again."""

    def __init__(self, port: int, cast: Sequence[Part], seconds: float) -> None:
        self._tracking = Tracking(port)
        self._cast = cast
        self._recordings = [_recording(part.recording) for part in cast]
        self._seconds = seconds
        self._experiments: dict[str, str] = {}
        self._last_ms = 0
        self.run_ids: dict[int, str] = {}
        """By place in the cast."""

    def perform(self, meanwhile: Callable[[float], None]) -> None:
        """Play to the end; `meanwhile` is called all the time with the seconds that were played."""
        cues = [cue for number in range(len(self._cast)) for cue in self._cues(number)]
        # Stable: what one run does at one time stays in its order.
        cues.sort(key=lambda cue: cue.at)
        begun = time.monotonic()
        for cue in cues:
            # On a slow machine everything comes later, but in the same order.
            while (left := begun + cue.at - time.monotonic()) > 0:
                time.sleep(min(left, 0.05))
            meanwhile(cue.at)
            self._act(cue)
        time.sleep(max(0.0, begun + self._seconds - time.monotonic()))

    def _cues(self, number: int) -> Iterator[_Cue]:
        part, recorded = self._cast[number], self._recordings[number]
        begins, lasts = (self._seconds * share for share in (part.begins, part.ends - part.begins))
        yield _Cue(begins, number, None)
        for record in recorded.records:
            at = begins + lasts * record.offset / max(recorded.seconds, 1.0)
            if at < min(self._seconds, begins + lasts):
                yield _Cue(at, number, record)
        if part.ends < 1:
            yield _Cue(begins + lasts, number, None, ends=True)

    def _act(self, cue: _Cue) -> None:
        part = self._cast[cue.part]
        if cue.ends:
            self._tracking.end_run(self.run_ids[cue.part], part.status, self._now_ms())
        elif cue.record is None:
            self._begin(cue.part)
        else:
            record, run_id = cue.record, self.run_ids[cue.part]
            self._tracking.log_metrics(run_id, record.values, record.step, self._now_ms())

    def _begin(self, number: int) -> None:
        part, recorded = self._cast[number], self._recordings[number]
        if part.experiment not in self._experiments:
            created = self._tracking.create_experiment(part.experiment)
            self._experiments[part.experiment] = created
        home = self._experiments[part.experiment]
        run_id = self._tracking.create_run(home, part.name, self._now_ms(), _tags(part, recorded))
        self._tracking.log_params(run_id, recorded.params)
        self.run_ids[number] = run_id

    def _now_ms(self) -> int:
        # Two records of one millisecond would lose their order.
        self._last_ms = max(self._last_ms + 1, int(time.time() * 1000))
        return self._last_ms


def _recording(name: str) -> Recording:
    document = recording(name)
    newest = max(point[1] for points in document["metrics"].values() for point in points)
    return from_document({**document, "end_time": document["end_time"] or newest})


def _tags(part: Part, recorded: Recording) -> dict[str, str]:
    """Return what the job sets by MLFLOW_TAGS, beside what the Trainer sets itself."""
    place = {
        "k8s.namespace": NAMESPACE,
        "k8s.pod": part.pod,
        "k8s.node": part.node,
        "k8s.job": part.job,
    }
    return {
        **recorded.tags,
        "mlflow.runName": part.name,
        "mlflow.user": "ana",
        **{f"param.{name}": value for name, value in part.settings.items()},
        **(place if part.node else {}),
    }
