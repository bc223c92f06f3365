"""Three electors on real clocks and threads: what the API server saw of them."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from exporter.daemon import Worker
from exporter.kube import Elector, Settings, connect
from tests.support.kube_api import Fault, KubeApi
from tests.support.program import eventually

LEASE_SECONDS = 1.0
NAMES = ("a", "b", "c")


@pytest.fixture
def electors(api: KubeApi, tmp_path: Path) -> Iterator[dict[str, Elector]]:
    workers: list[Worker] = []
    running: dict[str, Elector] = {}
    for name in NAMES:
        environ = {"KUBECONFIG": str(api.kubeconfig(tmp_path, name)), "POD_NAME": name}
        elector = connect(Settings(lease_duration=LEASE_SECONDS), environ).elector()
        ticking = Worker(f"{name}-lease", elector.tick)
        elector.wake = ticking.wake
        workers += [ticking, Worker(f"{name}-watch", elector.watch)]
        running[name] = elector
    for worker in workers:
        worker.start(lambda _death: None)
    yield running
    for worker in workers:
        worker.retire()


def holder(electors: dict[str, Elector]) -> str:
    """Wait until somebody holds the Lease, and return its name."""
    found: list[str] = []

    def held() -> bool:
        found[:] = [name for name, elector in electors.items() if elector.holds()]
        return bool(found)

    eventually(held)
    return found[0]


@pytest.mark.parametrize(
    "how", [Fault("hang"), Fault("late"), Fault("cut"), Fault("status", 503), "release", "resign"]
)
def test_the_lease_passes_on_and_never_too_early(
    api: KubeApi, electors: dict[str, Elector], how: Fault | str
) -> None:
    first = holder(electors)
    if isinstance(how, Fault):
        api.fail(first, how)
    elif how == "release":
        electors[first].release(time.time())
    else:
        electors[first].resign("a test")
    eventually(lambda: electors[first].holds() is False)
    second = holder({name: elector for name, elector in electors.items() if name != first})
    api.heal(first)
    eventually(lambda: not electors[first].problem)

    assert second != first
    _assert_no_hurry(api)


def _assert_no_hurry(api: KubeApi) -> None:
    """Nobody may take a Lease that was not given back within its duration after the last write."""
    leases = [write for write in api.writes if write.plural == "leases"]
    changes = 0
    for before, after in itertools.pairwise(leases):
        old, new = (write.stored["spec"]["holderIdentity"] for write in (before, after))
        if old and new and old != new:
            assert after.at - before.at >= LEASE_SECONDS
        changes += old != new
    assert changes
