"""Which pod holds which GPU, asked of this node's kubelet."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from pathlib import Path

from exporter.attribution import DeviceNames
from exporter.snapshot import Gpus, Pods, PodUse
from exporter.sources.pods.call import unary
from exporter.sources.pods.problems import TROUBLE, source_down
from exporter.sources.pods.resources import LIST, Assignment, assignments

INTERVAL_SECONDS = 10.0
TIMEOUT_SECONDS = 5.0
_NAMES_TOLD = 64

log = logging.getLogger("tunewatch.pods")


class PodsSource:
    """Asks the kubelet that listens at `socket`; a `Source`.

    Every collection opens a connection of its own, so that a kubelet which has restarted is found.
    `gpus` returns the newest reading of this node's GPUs, None where there is none: some device
    plugins name devices by index or minor number. `expected` says that pods were asked for.
    """

    name = "pods"
    lifetime: float | None = None
    """Nobody but the kubelet hands out devices: while it is down nothing changes hands."""

    def __init__(
        self,
        gpus: Callable[[], Gpus | None],
        socket: Path,
        *,
        interval: float = INTERVAL_SECONDS,
        timeout: float = TIMEOUT_SECONDS,
        expected: bool = False,
    ) -> None:
        self.interval = interval
        self.retry_most: float | None = None
        self.expected = expected
        self._gpus = gpus
        self._socket = socket
        self._timeout = timeout
        self._told: set[tuple[str, ...]] = set()

    def collect(self, now: float) -> Pods:  # noqa: ARG002 - the kubelet's answer has no time in it
        """Ask once; raises SourceDown when there is no answer."""
        try:
            answer = unary(self._socket, LIST, timeout=self._timeout)
            return self._pods(assignments(answer))
        except TROUBLE as error:
            raise source_down(error, self._socket) from error

    def close(self) -> None:
        """Do nothing: no connection outlives its call."""

    def _pods(self, found: Iterable[Assignment]) -> Pods:
        gpus = self._gpus()
        devices = DeviceNames(gpus)
        uses: dict[PodUse, None] = {}
        unknown = 0
        for one in found:
            if not devices.is_gpu(one.resource, one.names):
                continue
            uuid = devices.uuid(one.names)
            if uuid:
                uses[PodUse(uuid, one.namespace, one.pod, one.container)] = None
            else:
                unknown += 1
                if gpus is not None:
                    self._tell(one)
        return Pods(tuple(sorted(uses)), unknown)

    def _tell(self, one: Assignment) -> None:
        """Log once what cannot be joined; the metric counts it at every collection."""
        if one.names not in self._told and len(self._told) < _NAMES_TOLD:
            self._told.add(one.names)
            log.warning(
                "pod %s/%s holds %s %s, which names no GPU that is read here",
                one.namespace,
                one.pod,
                one.resource,
                " ".join(one.names),
            )
