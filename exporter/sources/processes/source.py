"""What each pod uses of each GPU, folded from the processes that compute there."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from exporter.attribution import fold
from exporter.snapshot import Gpu, Gpus, PodShares
from exporter.sources import SourceDown
from exporter.sources.processes.cgroups import PodName, pods_by_uid, uid_of_process

PROC = Path("/proc")
LOGS = Path("/var/log/pods")
INTERVAL_SECONDS = 10.0
LIFETIME_INTERVALS = 3.0
_OFF = "or switch this off with --no-collector.processes"


class ProcessesSource:
    """Finds the pods of the processes that `gpus`, the newest reading, has; a `Source`.

    `proc` and `logs` are the host's `/proc` and `/var/log/pods`.
    """

    name = "processes"
    expected = True
    """It is read only where somebody asked for it."""

    def __init__(
        self,
        gpus: Callable[[], Gpus | None],
        *,
        interval: float = INTERVAL_SECONDS,
        proc: Path = PROC,
        logs: Path = LOGS,
    ) -> None:
        self.interval = interval
        self.lifetime: float | None = LIFETIME_INTERVALS * interval
        self.retry_most: float | None = None
        self._gpus = gpus
        self._proc = proc
        self._logs = logs

    def collect(self, now: float) -> PodShares:  # noqa: ARG002 - the reading has its own time
        """Fold once; raises SourceDown where processes or pods of the host cannot be seen."""
        self._require_host()
        try:
            names = pods_by_uid(self._logs)
        except OSError as error:
            problem = f"the pods of this node cannot be read from {self._logs}: {error.strerror}"
            remedy = f"mount the host's {LOGS} there, read-only, {_OFF}"
            raise SourceDown(problem, remedy) from error
        gpus = self._gpus()
        found = gpus.gpus if gpus else ()
        return fold(found, self._owners(found, names))

    def close(self) -> None:
        """Do nothing: no file outlives its reading."""

    def _owners(self, gpus: Iterable[Gpu], names: Mapping[str, PodName]) -> dict[int, PodName]:
        pids = {process.pid for gpu in gpus for process in gpu.processes}
        try:
            uids = {pid: uid_of_process(self._proc, pid) for pid in pids}
        except PermissionError as error:
            problem = f"{self._proc} hides the processes of others"
            raise SourceDown(problem, f"run the pod as user 0, {_OFF}") from error
        return {pid: names[uid] for pid, uid in uids.items() if uid and uid in names}

    def _require_host(self) -> None:
        """Make sure that numbers of processes mean here what the driver means by them.

        In a container with numbers of its own, one of the host's may be that of a stranger. The
        kernel's own threads are seen from the host alone.
        """
        try:
            is_host = (self._proc / "2" / "comm").read_text().strip() == "kthreadd"
        except OSError:
            is_host = False
        if not is_host:
            problem = "the processes of the host cannot be seen here"
            raise SourceDown(problem, f"run the pod with hostPID: true, {_OFF}")
