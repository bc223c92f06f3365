"""One voice whatever befalls its holder: real processes, and five accidents one after another."""

from __future__ import annotations

import gzip
import logging
import math
import random
import signal
import threading
import time
from base64 import b64decode
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml

from alerts.engine import Engine
from alerts.model import MetricPoint, Observations, RunFacts, RunUpdate
from alerts.outbox import Outbox
from alerts.rules import RULES
from alerts.store import Document, MemoryStore, decode
from exporter.config import Config
from exporter.demo.loopback import free_port
from exporter.kube.state import KEY
from exporter.server import Address
from tests.support.cluster import Inbox, Pod, Told, inbox
from tests.support.kube_api import Fault, KubeApi, serving_kube_api
from tests.support.mlflow_runs import Trainer
from tests.support.mlflow_server import MlflowServer
from tests.support.storm import News

log = logging.getLogger("tests.failover")

LEASE_SECONDS = 3.0
PODS = ("pod-a", "pod-b", "pod-c")
"""Enough that two compete whenever one is gone."""
STEP_SECONDS = 1.0
MOST_UNTOLD = 15
"""Steps after the last message: a message has room for so many alerts only."""
PATIENCE = 120.0
ON_THE_WAY = 0.5
"""Seconds that a message may take from the check of the Lease to its arrival."""
LIVELY = ("nonfinite", "eval_loss_rising", "gpu_memory_high")
SCRIPTS = {
    "broken": ("loss", [float("nan"), *[1.0] * 21]),
    "rising": ("eval_loss", [1.0, 1.1, 1.2, 1.3, 1.4, 0.5]),
}
"""What each run logs over and over: alerts that fire and resolve."""
CALM = {"broken": [1.0] * 25, "rising": [0.5, 0.5]}
"""What ends every alert."""


def configuration() -> dict[str, object]:
    """Return settings under which three rules speak up, and all that they say is critical."""
    lively = {"keep_firing_for": "0s", "severity": "critical"}
    rules: dict[str, dict[str, object]] = {
        name: dict(lively) if name in LIVELY else {"enabled": False} for name in RULES
    }
    # Pending when the first holder is killed: the time that it has waited must not be lost.
    rules["gpu_memory_high"]["for"] = "15s"
    return {
        "thresholds": {"max_val_loss_increase": 3, "max_gpu_memory_pct": 0},
        "rules": rules,
        "mlflow": {"interval": "1s", "discovery_interval": "1s"},
        "nvml": {"interval": "1s"},
        "notify": {"console": False, "channels": [{"name": "ops", "url_env": "OPS_URL"}]},
    }


class Training:
    """Two runs that log one point after another, until they are told to calm down."""

    def __init__(self, uri: str, posts: Inbox) -> None:
        from mlflow import MlflowClient  # noqa: PLC0415 - seconds

        self.points: dict[str, list[MetricPoint]] = {name: [] for name in SCRIPTS}
        now = int(time.time() * 1000)
        self._trainers = {
            name: Trainer.begin(MlflowClient(uri), at=now, name=name) for name in SCRIPTS
        }
        self._posts = posts
        self._over = threading.Event()
        for trainer in self._trainers.values():
            trainer.params({"learning_rate": "0.0001"})
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    @property
    def names(self) -> dict[str, str]:
        """Return what the runs are called, by id."""
        return {trainer.run_id: name for name, trainer in self._trainers.items()}

    def calm_down(self) -> None:
        """End every alert, and log nothing more."""
        self._over.set()
        self._thread.join()
        for name, values in CALM.items():
            for value in values:
                self._log(name, value)

    def expected(self) -> set[News]:
        """Return what happens to an engine that nothing befalls."""
        settings = Config.model_validate(configuration())
        engine = Engine(settings, MemoryStore(), Outbox(()))
        engine.restore(0.0)
        happened = set()
        for name, points in self.points.items():
            facts = RunFacts(name, name, "tests", "RUNNING", points[0].time, has_params=True)
            for point in points:
                both = (point._replace(metric="loss", value=1.0), point)
                logged = both if point.metric != "loss" else (point,)
                update = RunUpdate(facts, logged, point.time)
                for told in engine.tick(Observations(runs=(update,)), point.time):
                    what = "fired" if told.state == "firing" else "resolved"
                    happened.add(News(told.key.rule, name, told.episode, what))
        return happened

    def _run(self) -> None:
        number = heard = heard_at = 0
        while not self._over.wait(STEP_SECONDS):
            if heard != (heard := len(self._posts.told)):
                heard_at = number
            if number - heard_at >= MOST_UNTOLD:
                continue
            for name, (_, values) in SCRIPTS.items():
                self._log(name, values[number % len(values)])
            number += 1

    def _log(self, name: str, value: float) -> None:
        metric, points = SCRIPTS[name][0], self.points[name]
        point = MetricPoint(metric, len(points) + 1, time.time(), value)
        # A run that only evaluates is taken for what an evaluation left behind.
        values = {"loss": 1.0, metric: value}
        self._trainers[name].log(point.step, int(point.time * 1000), **values)
        points.append(point)


class Cluster:
    """The processes, what they talk to, and what became of them."""

    def __init__(self, folder: Path, api: KubeApi, posts: Inbox, tracking_uri: str) -> None:
        self.api = api
        self.posts = posts
        (folder / "tunewatch.yaml").write_text(yaml.safe_dump(configuration()))
        port = free_port(None, usual=0)
        assert port
        addresses = {name: Address(f"127.0.0.{n}", port) for n, name in enumerate(PODS, start=11)}
        flags = (
            *("--config.file=tunewatch.yaml", "--nvml.simulate=1", "--leader-election"),
            f"--leader-election.lease-duration={LEASE_SECONDS}",
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


@pytest.fixture
def cluster(tmp_path: Path, server: MlflowServer) -> Iterator[Cluster]:
    with serving_kube_api() as api, inbox() as posts:
        cluster = Cluster(tmp_path, api, posts, server.uri)
        try:
            yield cluster
        finally:
            cluster.end()


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
    time.sleep(LEASE_SECONDS)
    assert cluster.leader() is None
    cluster.api.heal("*")


ACCIDENTS = (killed, terminated, frozen, cut_off, without_api)


class Reign(NamedTuple):
    """From when to when the Lease names a pod, on the boot clock."""

    begun: float
    ended: float
    pod: str


def reigns(api: KubeApi) -> list[Reign]:
    """Read from the log of the API server who held the Lease when."""
    named: list[tuple[float, str]] = []
    for write in tuple(api.writes):
        if write.plural == "leases":
            holder = str(write.stored["spec"].get("holderIdentity") or "")
            if not named or named[-1][1] != holder:
                named.append((write.at, holder))
    ends = [*(at for at, _ in named[1:]), math.inf]
    return [
        Reign(at, end, holder.partition("_")[0])
        for (at, holder), end in zip(named, ends, strict=True)
        if holder
    ]


def reigned(reigns: Sequence[Reign], pod: str, begun: float, ended: float) -> bool:
    """Say whether a pod was the holder at some time between two."""
    return any(r.pod == pod and r.begun <= ended and begun <= r.ended for r in reigns)


def repeats(cluster: Cluster) -> list[tuple[News, Told, Told]]:
    """Return what was told again, with both messages."""
    first: dict[News, Told] = {}
    found = []
    for told in cluster.posts.told:
        for news in told.news:
            before = first.setdefault(news, told)
            if before is not told:
                found.append((news, before, told))
    return found


def last_document(api: KubeApi, at: float) -> Document:
    """Return the state as it was stored at a time."""
    found = [w.stored for w in api.writes if w.plural == "configmaps" and w.at < at]
    return decode(gzip.decompress(b64decode(found[-1]["binaryData"][KEY])))


def untold_of(document: Document, names: Mapping[str, str]) -> set[News]:
    """Return what a holder that starts from this state takes for untold."""
    found = set()
    for row in document["outbox"]["rows"]:
        kind, subject, node = row["subject"]
        about = names[subject] if kind == "run" else f"GPU 0 on {node}"
        if row["pending"]:
            found |= {News(row["rule"], about, row["episode"], w) for w in ("fired", "resolved")}
    return found


def gaps(cluster: Cluster) -> list[float]:
    """Return for how many seconds nobody showed runs, each time that another began to."""
    shown = sorted(
        (look for pod in cluster.pods for look in pod.looks if look.shows_runs),
        key=lambda look: look.ended,
    )
    return [b.ended - a.ended for a, b in pairwise(shown) if a.pod != b.pod]


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    "rounds", [1, pytest.param(10, marks=[pytest.mark.long, pytest.mark.timeout(3000)])]
)
def test_nothing_is_lost_and_nobody_speaks_out_of_turn(
    cluster: Cluster, server: MlflowServer, rounds: int
) -> None:
    for pod in cluster.pods:
        pod.start()
    until(lambda: cluster.leader() is not None, cluster.describe)
    training = Training(server.uri, cluster.posts)
    chance = random.Random(rounds)  # noqa: S311 - the same moments each time, no secret
    for number in range(rounds * len(ACCIDENTS)):
        leader = cluster.wait_for_leader()
        time.sleep(chance.uniform(0, 4))
        ACCIDENTS[number % len(ACCIDENTS)](cluster, leader)
    cluster.wait_for_leader()
    training.calm_down()
    expected = training.expected() | {
        News("gpu_memory_high", f"GPU 0 on {pod.name}", 1, "fired") for pod in cluster.pods
    }

    def untold() -> str:
        missing = sorted(expected - cluster.posts.counts().keys())
        return f"never told: {missing}\n{cluster.describe()}"

    # No transition is lost, and none is made up.
    until(lambda: expected <= cluster.posts.counts().keys(), untold)
    assert cluster.posts.counts().keys() == expected

    # Whoever writes, tells or shows is the holder, by the API server's own log.
    held = reigns(cluster.api)
    for write in cluster.api.writes:
        if write.plural == "configmaps":
            assert reigned(held, write.user, write.at, write.at), write
    for told in cluster.posts.told:
        assert reigned(held, told.pod, told.at - ON_THE_WAY, told.at), told
    for look in (look for pod in cluster.pods for look in pod.looks if look.shows_runs):
        assert reigned(held, look.pod, look.begun, look.ended), look

    # What is told again had not been stored as told.
    for news, before, again in repeats(cluster):
        assert news in untold_of(last_document(cluster.api, again.at), training.names), (
            news,
            before,
            again,
        )
    log.info(
        "%d pieces of news, %d told again; %d holders; gaps between them %s s",
        len(expected),
        len(repeats(cluster)),
        len(held),
        ", ".join(f"{gap:.1f}" for gap in gaps(cluster)),
    )
