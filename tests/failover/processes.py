"""Three processes that stand for the run role, and what may befall the one that has it."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from pathlib import Path

import yaml

from exporter.demo.loopback import free_port
from exporter.server import Address
from tests.failover.training import Pace, configuration
from tests.support.cluster import Inbox, Pod
from tests.support.kube_api import Fault, KubeApi

PODS = ("pod-a", "pod-b", "pod-c")
"""Enough that two compete whenever one is gone."""
PATIENCE = 120.0


class Cluster:
    """The processes, what they talk to, and what became of them."""

    def __init__(
        self, folder: Path, api: KubeApi, posts: Inbox, tracking_uri: str, pace: Pace
    ) -> None:
        self.pace = pace
        self.api = api
        self.posts = posts
        (folder / "tunewatch.yaml").write_text(yaml.safe_dump(configuration(pace)))
        port = free_port(None, usual=0)
        assert port
        addresses = {name: Address(f"127.0.0.{n}", port) for n, name in enumerate(PODS, start=11)}
        flags = (
            *("--config.file=tunewatch.yaml", "--nvml.simulate=1", "--leader-election"),
            f"--leader-election.lease-duration={pace.lease}",
            f"--nodes.address={','.join(map(str, addresses.values()))}",
        )
        self.pods = [Pod(name, addresses[name], folder, flags) for name in PODS]
        for pod in self.pods:
            pod.environment = {
                "KUBECONFIG": str(api.kubeconfig(folder, pod.name)),
                "POD_NAME": pod.name,
                "MLFLOW_TRACKING_URI": tracking_uri,
                "OPS_URL": f"json://{posts.server_name}:{posts.server_port}/{pod.name}",
            }

    def leader(self) -> Pod | None:
        """Return who had the run role when last looked at."""
        return next((pod for pod in self.pods if pod.leads), None)

    def wait_for_leader(self, other_than: Pod | None = None) -> Pod:
        """Return who has the run role, and shows runs, as soon as somebody does."""

        def found() -> bool:
            leader = self.leader()
            return bool(leader and leader is not other_than and leader.looks[-1].shows_runs)

        until(found, self.describe)
        leader = self.leader()
        assert leader is not None
        return leader

    def describe(self) -> str:
        """Return what all processes have said."""
        return "\n".join(f"=== {pod.name}\n{pod.log}" for pod in self.pods)

    def end(self) -> None:
        """Leave no process behind."""
        for pod in self.pods:
            pod.end()


def until(condition: Callable[[], bool], describe: Callable[[], str]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, describe()
        time.sleep(0.05)


def killed(cluster: Cluster, leader: Pod) -> None:
    leader.send(signal.SIGKILL)
    cluster.wait_for_leader(other_than=leader)
    leader.start()


def terminated(cluster: Cluster, leader: Pod) -> None:
    leader.send(signal.SIGTERM)
    cluster.wait_for_leader(other_than=leader)
    leader.start()


def frozen(cluster: Cluster, leader: Pod) -> None:
    leader.send(signal.SIGSTOP)
    cluster.wait_for_leader(other_than=leader)
    leader.send(signal.SIGCONT)


def cut_off(cluster: Cluster, leader: Pod) -> None:
    cluster.api.fail(leader.name, Fault("cut"))
    cluster.wait_for_leader(other_than=leader)
    cluster.api.heal(leader.name)


def without_api(cluster: Cluster, leader: Pod) -> None:
    """Have the API server hang for longer than a lease: nobody leads until it is back."""
    cluster.api.fail("*", Fault("hang"))
    until(lambda: not leader.leads, cluster.describe)
    time.sleep(cluster.pace.lease)
    assert cluster.leader() is None
    cluster.api.heal("*")


ACCIDENTS = (killed, terminated, frozen, cut_off, without_api)
