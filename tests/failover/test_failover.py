"""One voice whatever befalls its holder: real processes, and five accidents one after another."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.failover.evidence import gaps, last_document, reigned, reigns, repeats, untold_of
from tests.failover.processes import ACCIDENTS, Cluster, cut_off, frozen, killed, terminated, until
from tests.failover.training import Pace, Training
from tests.support.cluster import Pod, inbox
from tests.support.kube_api import serving_kube_api
from tests.support.mlflow_server import MlflowServer
from tests.support.storm import News

log = logging.getLogger("tests.failover")

ON_THE_WAY = 0.5
"""Seconds that a message may take from the check of the Lease to its arrival."""


QUICK = Pace(lease=3, poll=1)
USUAL = Pace(lease=15, poll=15)
"""What a process does that was told nothing else."""


@contextmanager
def cluster(folder: Path, server: MlflowServer, pace: Pace) -> Iterator[Cluster]:
    with serving_kube_api() as api, inbox() as posts:
        cluster = Cluster(folder, api, posts, server.uri, pace)
        try:
            for pod in cluster.pods:
                pod.start()
            until(lambda: cluster.leader() is not None, cluster.describe)
            yield cluster
        finally:
            cluster.end()


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    "rounds", [1, pytest.param(10, marks=[pytest.mark.long, pytest.mark.timeout(3000)])]
)
def test_nothing_is_lost_and_nobody_speaks_out_of_turn(
    tmp_path: Path, server: MlflowServer, rounds: int
) -> None:
    with cluster(tmp_path, server, QUICK) as pods:
        befall(pods, server, [*ACCIDENTS] * rounds)


@pytest.mark.long
@pytest.mark.timeout(900)
def test_runs_are_back_within_a_lease_and_a_poll(tmp_path: Path, server: MlflowServer) -> None:
    with cluster(tmp_path, server, USUAL) as pods:
        befall(pods, server, [killed, terminated, frozen, cut_off])
        assert max(gaps(pods)) <= USUAL.lease + USUAL.poll


def befall(
    cluster: Cluster, server: MlflowServer, accidents: Sequence[Callable[[Cluster, Pod], None]]
) -> None:
    """Let one accident after another happen, and examine what became of the alerts."""
    training = Training(server.uri, cluster.posts)
    chance = random.Random(len(accidents))  # noqa: S311 - the same moments each time, no secret
    for accident in accidents:
        leader = cluster.wait_for_leader()
        time.sleep(chance.uniform(0, 4))
        accident(cluster, leader)
    cluster.wait_for_leader()
    training.calm_down()
    expected = training.expected(cluster.pace) | {
        News("gpu_memory_high", f"GPU 0 on {pod.name}", 1, "fired") for pod in cluster.pods
    }

    def untold() -> str:
        missing = sorted(expected - cluster.posts.counts().keys())
        return f"never told: {missing}\n{cluster.describe()}"

    # No transition is lost, and none is made up.
    until(lambda: expected <= cluster.posts.counts().keys(), untold)
    assert cluster.posts.counts().keys() == expected
    nobody_spoke_out_of_turn(cluster)
    only_what_was_untold_is_told_again(cluster, training.names)
    log.info(
        "%d pieces of news, %d told again; %d holders; gaps between them %s s",
        len(expected),
        len(repeats(cluster)),
        len(reigns(cluster.api)),
        ", ".join(f"{gap:.1f}" for gap in gaps(cluster)),
    )


def nobody_spoke_out_of_turn(cluster: Cluster) -> None:
    """Whoever writes, tells or shows is the holder, by the API server's own log."""
    held = reigns(cluster.api)
    for write in cluster.api.writes:
        if write.plural == "configmaps":
            assert reigned(held, write.user, write.at, write.at), write
    for told in cluster.posts.told:
        assert reigned(held, told.pod, told.at - ON_THE_WAY, told.at), told
    for look in (look for pod in cluster.pods for look in pod.looks if look.shows_runs):
        assert reigned(held, look.pod, look.begun, look.ended), look


def only_what_was_untold_is_told_again(cluster: Cluster, names: Mapping[str, str]) -> None:
    """Whatever was told again had not been stored as told."""
    for news, before, again in repeats(cluster):
        untold = untold_of(last_document(cluster.api, again.at), names)
        assert news in untold, (news, before, again)
