"""The GPUs of this machine as a source: sessions of the library opened and ended as needed."""

from __future__ import annotations

from typing import NoReturn

from exporter.snapshot import Gpus
from exporter.sources import SourceDown, SourceReleased
from exporter.sources.nvml.bus import Bus
from exporter.sources.nvml.hands import PATIENCE_SECONDS, Hands
from exporter.sources.nvml.lasting import Lasting
from exporter.sources.nvml.problems import RELEASED, STUCK
from exporter.sources.nvml.session import Session

INTERVAL_SECONDS = 10.0
LIFETIME_INTERVALS = 2.5


class NvmlSource:
    """Reads all GPUs through NVML; a `Source`.

    `expected` says that GPUs were asked for, so that their absence is worth an alert; `simulated`
    marks the readings when the stand-in library is installed. A GPU that does not return from a
    call for `patience` seconds is left out. `processes` says whether to read who computes where.
    `watch` has a tick for a thread of its own.
    """

    name = "nvml"

    def __init__(
        self,
        *,
        interval: float = INTERVAL_SECONDS,
        expected: bool = False,
        simulated: bool = False,
        patience: float = PATIENCE_SECONDS,
        bus: Bus | None = None,
        processes: bool = False,
    ) -> None:
        self.interval = interval
        self.lifetime: float | None = LIFETIME_INTERVALS * interval
        self.retry_most: float | None = None
        self.expected = expected
        self._simulated = simulated
        self._lasting = Lasting(Hands(patience), bus, processes=processes)
        self.watch = self._lasting.watch
        self._session: Session | None = None
        self._released = False

    def collect(self, now: float) -> Gpus:
        """Read every GPU once; blocks as long as the driver does.

        A lost GPU is left out and named in `lost`. Raises SourceDown when nothing can be read; the
        next collection then starts from a new init, so that it finds what has changed.
        """
        if self._released:
            self._give_back()
        try:
            return self._ready_session(now).read(now)
        except SourceDown:
            self._end_session()
            raise

    def release(self) -> None:
        """Let the next collection give the driver back, so that it can go; never blocks."""
        self._released = True

    def take_back(self) -> None:
        """Let the next collection open the driver again; never blocks."""
        self._released = False

    def close(self) -> None:
        """Forget the session without a call to the driver, which may hang.

        The kernel takes back what the driver library holds when the process ends.
        """
        self._session = None

    def _give_back(self) -> NoReturn:
        closed = self._session.close() if self._session else self._lasting.close()
        if not closed:
            raise SourceDown(*STUCK)
        self._session = None
        raise SourceReleased(*RELEASED)

    def _ready_session(self, now: float) -> Session:
        if self._session is not None and self._session.outdated(now):
            self._end_session()
        if self._session is None:
            self._session = Session(self._lasting, now, simulated=self._simulated)
        return self._session

    def _end_session(self) -> None:
        if self._session is not None:
            self._session.close()
        self._session = None
