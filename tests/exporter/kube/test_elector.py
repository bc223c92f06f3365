"""The elector in calm weather: one holds the Lease, the others wait, and it is handed on."""

from __future__ import annotations

import math
import time

import kubernetes_validate  # type: ignore[import-untyped]  # ships no types

from exporter.kube import Settings, connect
from tests.exporter.kube.conftest import Clock, Join, Member
from tests.support.kube_api import KubeApi
from tests.support.kube_objects import LEASES, Manifest


def lease(api: KubeApi) -> Manifest:
    return api.storage.get(LEASES, "monitoring", "tunewatch")


def holder(api: KubeApi) -> str:
    return str(lease(api)["spec"]["holderIdentity"])


def let_run_out(clock: Clock, *members: Member) -> None:
    """Let the members look now and again after the lease could have been renewed last."""
    for member in members:
        member.tick()
    clock.now += 15.0


def test_the_first_holds_and_the_second_waits(api: KubeApi, join: Join) -> None:
    a, b = join("a"), join("b")

    a.tick()
    b.tick()

    assert (a.holds(), b.holds()) == (True, False)
    assert (a.events, b.events) == (["gain"], [])
    assert (a.elector.holder, b.elector.holder) == ("a", "a")
    assert holder(api) == "a"


def test_a_renewal_is_one_request_each_fifth_of_the_lease(
    api: KubeApi, clock: Clock, join: Join
) -> None:
    a = join("a")
    a.tick()
    api.requests.clear()

    for _ in range(10):
        assert a.tick() == 3.0
        clock.now += 3.0

    assert [request.verb for request in api.requests] == ["update"] * 10
    assert a.holds()
    assert (a.events, a.elector.acquisitions, a.elector.losses) == (["gain"], 1, 0)


def test_kubectl_shows_who_holds_the_lease_and_since_when(
    api: KubeApi, clock: Clock, join: Join
) -> None:
    a, b = join("a"), join("b")
    a.tick()
    first = lease(api)
    a.tick()
    renewed = lease(api)
    let_run_out(clock, b)
    b.tick()
    taken = lease(api)

    for written in (first, renewed, taken):
        kubernetes_validate.validate(written, "1.37", strict=True)
    assert first["spec"] | {"renewTime": "", "acquireTime": ""} == {
        "holderIdentity": "a",
        "leaseDurationSeconds": 15,
        "acquireTime": "",
        "renewTime": "",
        "leaseTransitions": 0,
    }
    assert renewed["spec"]["acquireTime"] == first["spec"]["acquireTime"]
    assert renewed["spec"]["renewTime"] > first["spec"]["renewTime"]
    assert taken["spec"]["leaseTransitions"] == 1
    assert taken["spec"]["acquireTime"] > first["spec"]["acquireTime"]


def test_what_others_have_written_into_the_lease_stays(api: KubeApi, join: Join) -> None:
    a = join("a")
    a.tick()
    labelled = lease(api)
    labelled["metadata"]["labels"] = {"app": "tunewatch"}
    api.storage.update(LEASES, "monitoring", "tunewatch", labelled)

    a.tick()

    assert lease(api)["metadata"]["labels"] == {"app": "tunewatch"}
    assert a.events == ["gain"]


def test_a_silent_holder_stops_before_another_takes_over(clock: Clock, join: Join) -> None:
    a, b = join("a"), join("b")
    a.tick()
    assert b.tick() == 5.0

    clock.now += 9.9
    assert a.holds()
    clock.now += 0.1
    assert not a.holds()
    clock.now += 4.9
    assert math.isclose(b.tick(), 0.1, abs_tol=1e-6)
    assert not b.holds()
    clock.now += 0.1
    b.tick()
    assert b.holds()


def test_a_candidate_looks_just_when_the_lease_may_be_free(clock: Clock, join: Join) -> None:
    a, b = join("a"), join("b")
    a.tick()

    waits = []
    while not b.holds():
        waits.append(b.tick())
        clock.now += waits[-1]

    assert waits == [5.0, 5.0, 5.0, 3.0]


def test_a_loss_is_noticed_without_a_tick(clock: Clock, join: Join) -> None:
    a = join("a")
    a.tick()

    assert a.elector.watch(0.0) == 3.0
    clock.now += 8.0
    assert a.elector.watch(0.0) == 2.0
    clock.now += 2.0
    assert a.elector.watch(0.0) == 3.0

    assert a.events == ["gain", "loss"]
    assert a.elector.losses == 1


def test_who_lost_the_lease_by_silence_and_finds_it_unclaimed_gains_it_anew(
    api: KubeApi, clock: Clock, join: Join
) -> None:
    a = join("a")
    a.tick()
    clock.now += 60

    a.tick()

    assert a.events == ["gain", "loss", "gain"]
    assert lease(api)["spec"]["leaseTransitions"] == 0


def test_who_is_deposed_stops_and_does_not_fight(api: KubeApi, join: Join) -> None:
    a = join("a")
    a.tick()
    edited = lease(api)
    edited["spec"]["holderIdentity"] = "administrator"
    api.storage.update(LEASES, "monitoring", "tunewatch", edited)

    a.tick()
    a.tick()

    assert a.events == ["gain", "loss"]
    assert holder(api) == "administrator"


def test_a_released_lease_is_anothers_at_its_next_look(api: KubeApi, join: Join) -> None:
    a, b = join("a"), join("b")
    a.tick()
    b.tick()

    a.elector.release(time.time())

    assert not a.holds()
    assert a.events == ["gain"], "a process that ends is told nothing"
    assert a.tick() == math.inf
    released = lease(api)
    kubernetes_validate.validate(released, "1.37", strict=True)
    assert released["spec"]["holderIdentity"] == ""
    assert released["spec"]["leaseDurationSeconds"] == 1
    b.tick()
    assert b.holds()
    assert lease(api)["spec"]["leaseTransitions"] == 1


def test_a_release_wins_against_a_renewal_under_way(api: KubeApi, join: Join) -> None:
    a = join("a")
    a.tick()
    # What the server does with a renewal that another thread has just sent.
    renewed = lease(api)
    renewed["spec"]["renewTime"] = "2030-01-01T00:00:00.000000Z"
    api.storage.update(LEASES, "monitoring", "tunewatch", renewed)

    a.elector.release(time.time())

    assert holder(api) == ""


def test_who_waits_releases_nothing(api: KubeApi, join: Join) -> None:
    a, b = join("a"), join("b")
    a.tick()
    b.tick()
    requests = len(api.requests)

    b.elector.release(time.time())

    assert len(api.requests) == requests
    assert holder(api) == "a"


def test_who_resigns_stops_at_once_and_leaves_the_lease_to_others(
    api: KubeApi, clock: Clock, join: Join
) -> None:
    a = join("a")
    a.tick()

    a.elector.resign("somebody else has the state")

    assert not a.holds()
    assert a.events == ["gain", "wake"]
    a.tick()
    assert a.events == ["gain", "wake", "loss"]
    assert holder(api) == ""
    clock.now += 14.9
    a.tick()
    assert not a.holds()
    clock.now += 0.1
    a.tick()
    assert a.holds()


def test_a_lease_deleted_by_hand_is_written_anew_by_its_holder(api: KubeApi, join: Join) -> None:
    a, b = join("a"), join("b")
    a.tick()
    b.tick()
    api.storage.delete(LEASES, "monitoring", "tunewatch")

    b.tick()
    a.tick()

    assert (a.holds(), b.holds()) == (True, False)
    assert a.events == ["gain"]


def test_of_two_that_find_no_lease_one_gets_it(join: Join) -> None:
    a, b = join("a"), join("b")

    def hurry(method: str) -> None:
        if method == "create":
            a.tick()

    b.wire.before = hurry

    b.tick()

    assert (a.holds(), b.holds()) == (True, False)
    assert b.elector.problem == ""


def test_of_two_that_find_it_free_one_gets_it(clock: Clock, join: Join) -> None:
    a, b, c = join("a"), join("b"), join("c")
    a.tick()
    let_run_out(clock, b, c)

    def hurry(method: str) -> None:
        if method == "replace":
            b.tick()

    c.wire.before = hurry

    c.tick()

    assert (b.holds(), c.holds()) == (True, False)
    assert c.events == []


def test_an_identity_is_new_with_each_start() -> None:
    first, second = (connect(Settings(), {"POD_NAME": "pod"}).identity for _ in range(2))

    assert first.startswith("pod_")
    assert first != second
