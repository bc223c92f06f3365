"""Pods that come and go while Prometheus watches."""

from __future__ import annotations

import signal
import time
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

from tests.grafana.bed.nodes import running
from tests.grafana.bed.prometheus import Prometheus, Target, write_targets
from tests.support.kube_api import KubeApi
from tests.support.program import Daemon
from tests.support.stack import port

PATIENCE = 240.0
PODS = ("cpu-1", "gpu-2", "gpu-1", "cpu-1")
"""The nodes of all pods: the first holds the run role, and the last comes in its place."""


class Stage:
    """The pods of the bed, each with a name and an address of its own; `nodes` are where they run.

    All addresses are known beforehand, as those behind a headless Service are to its pods.
    """

    def __init__(self, folder: Path, prometheus: Prometheus, api: KubeApi) -> None:
        self._folder = folder
        self._prometheus = prometheus
        self._api = api
        self._scraped: list[Target] = []
        self._pods: dict[Target, tuple[ExitStack, Daemon]] = {}
        self.targets = [
            Target(port(), node, f"tunewatch-{number:05x}") for number, node in enumerate(PODS)
        ]

    def announce(self, target: Target) -> None:
        """Have a pod scraped, which is to be started as soon as Prometheus knows of it."""
        self._scraped.append(target)
        write_targets(self._folder, self._scraped)

    def start(self, target: Target) -> None:
        """Start a pod."""
        held = ExitStack()
        others = [other for other in self.targets if other != target]
        config = self._api.kubeconfig(self._folder, target.pod)
        process = held.enter_context(running(self._folder, target, others, config))
        self._pods[target] = held, process

    def stop(self, target: Target) -> None:
        """Stop a pod as a kubelet does, and have it forgotten."""
        held, process = self._pods.pop(target)
        process.end(signal.SIGTERM)
        held.close()
        self._scraped.remove(target)
        write_targets(self._folder, self._scraped)

    def close(self) -> None:
        """End everything at once."""
        for held, _ in self._pods.values():
            held.close()

    def until(self, what: str, counts: Mapping[str, int]) -> float:
        """Wait until each query has so many series or more, and return when, in Unix seconds."""
        deadline = time.monotonic() + PATIENCE
        while True:
            now = time.time()
            found = {query: self._count(query, now) for query in counts}
            if all(found[query] >= count for query, count in counts.items()):
                return now
            assert time.monotonic() < deadline, f"in vain until {what}: {found}"
            time.sleep(0.5)

    def _count(self, query: str, at: float) -> int:
        return len(self._prometheus.instant(query, at)["result"])
