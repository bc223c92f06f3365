"""The GPUs of this machine as a source: sessions of the library opened and ended as needed."""

from __future__ import annotations

from exporter.snapshot import Gpus
from exporter.sources import SourceDown
from exporter.sources.nvml.notices import Notices
from exporter.sources.nvml.session import Session

INTERVAL_SECONDS = 10.0
LIFETIME_INTERVALS = 2.5


class NvmlSource:
    """Reads all GPUs through NVML; a `Source`.

    `expected` says that GPUs were asked for, so that their absence is worth an alert; `simulated`
    marks the readings when the stand-in library is installed.
    """

    name = "nvml"

    def __init__(
        self,
        *,
        interval: float = INTERVAL_SECONDS,
        expected: bool = False,
        simulated: bool = False,
    ) -> None:
        self.interval = interval
        self.lifetime: float | None = LIFETIME_INTERVALS * interval
        self.expected = expected
        self._simulated = simulated
        self._notices = Notices()
        self._session: Session | None = None

    def collect(self, now: float) -> Gpus:
        """Read every GPU once; blocks as long as the driver does.

        A lost GPU is left out and named in `lost`. Raises SourceDown when nothing can be read; the
        next collection then starts from a new init, so that it finds what has changed.
        """
        try:
            return self._ready_session(now).read(now)
        except SourceDown:
            self._end_session()
            raise

    def close(self) -> None:
        """Forget the session without a call to the driver, which may hang.

        The kernel takes back what the driver library holds when the process ends.
        """
        self._session = None

    def _ready_session(self, now: float) -> Session:
        if self._session is not None and self._session.outdated(now):
            self._end_session()
        if self._session is None:
            self._session = Session(self._notices, now, simulated=self._simulated)
        return self._session

    def _end_session(self) -> None:
        if self._session is not None:
            self._session.close()
        self._session = None
