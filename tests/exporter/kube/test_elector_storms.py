"""The elector when answers come late, never or wrong, and when the process itself is frozen."""

from __future__ import annotations

import logging
import threading
import time

import pytest

from tests.exporter.kube.conftest import Clock, Join
from tests.support.kube_api import Fault, KubeApi
from tests.support.kube_objects import LEASES

HANG = Fault("hang")
FAULTS = [
    (Fault("status", 409, methods=["POST", "PUT"]), ""),
    (Fault("status", 410), "refuses leases/tunewatch"),
    (Fault("status", 429, retry_after=1), "too much to do"),
    (Fault("status", 500), "the API server fails"),
    (Fault("status", 503), "the API server fails"),
    (Fault("status", 504), "the API server fails"),
    (Fault("cut"), "broke off"),
    (Fault("drop"), "broke off"),
    (HANG, "did not answer within 0.2 s"),
]
NAMES = [f"{fault.how}-{fault.status or ''}".strip("-") for fault, _ in FAULTS]


@pytest.mark.parametrize(("fault", "problem"), FAULTS, ids=NAMES)
def test_a_holder_survives_it_and_says_so_once(
    api: KubeApi,
    clock: Clock,
    join: Join,
    fault: Fault,
    problem: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    a = join("a")
    a.tick()
    api.fail("a", fault)
    a.wire.patience = 0.2 if fault is HANG else None

    for _ in range(3):
        clock.now += a.tick()
        assert problem in a.elector.problem

    assert a.holds(), "three failures fit before the deadline"
    clock.now += 10
    a.tick()
    assert a.events == ["gain", "loss"]
    api.heal("a")
    a.wire.patience = None
    a.tick()
    a.tick()
    assert a.holds()
    assert a.elector.problem == ""
    said = [r.message for r in caplog.records if r.message.startswith("cannot use")]
    assert len(said) == (1 if problem else 0)


@pytest.mark.parametrize(("fault", "problem"), FAULTS, ids=NAMES)
def test_a_candidate_survives_it(api: KubeApi, join: Join, fault: Fault, problem: str) -> None:
    a = join("a")
    api.fail("a", fault)
    a.wire.patience = 0.2 if fault is HANG else None

    for _ in range(3):
        assert 1 <= a.tick() <= 5
        assert problem in a.elector.problem

    assert not a.holds()
    assert a.events == []
    api.heal("a")
    a.wire.patience = None
    a.tick()
    assert a.holds()


def test_a_candidate_waits_as_long_as_it_is_told(api: KubeApi, join: Join) -> None:
    a = join("a")
    api.fail("a", Fault("status", 429, retry_after=30))

    assert a.tick() == 30


def test_a_holder_that_is_told_to_wait_does_not_lose_the_lease_over_it(
    api: KubeApi, join: Join
) -> None:
    a = join("a")
    a.tick()
    api.fail("a", Fault("status", 429, retry_after=30))

    assert a.tick() == 3.0


def test_a_write_whose_answer_is_lost_counts_at_the_next_look(api: KubeApi, join: Join) -> None:
    a = join("a")
    api.fail("a", Fault("drop", methods=["POST"], times=1))

    a.tick()
    assert not a.holds()

    a.tick()
    assert a.holds()
    assert a.events == ["gain"]
    stored = api.storage.get(LEASES, "monitoring", "tunewatch")
    assert stored["spec"]["leaseTransitions"] == 0


def test_a_renewal_whose_answer_is_lost_is_not_taken_for_anothers(api: KubeApi, join: Join) -> None:
    a = join("a")
    a.tick()
    api.fail("a", Fault("drop", times=1))

    a.tick()
    a.tick()

    assert a.holds()
    assert a.events == ["gain"]


def test_a_renewal_that_hangs_does_not_keep_the_loss_from_being_noticed(
    clock: Clock, join: Join
) -> None:
    a = join("a")
    a.tick()
    sent, go_on = threading.Event(), threading.Event()

    def hang(_method: str) -> None:
        sent.set()
        assert go_on.wait(30)

    a.wire.before = hang
    ticking = threading.Thread(target=a.tick)
    ticking.start()
    assert sent.wait(30)
    clock.now += 10

    a.elector.watch(0.0)
    assert a.events == ["gain", "loss"]

    go_on.set()
    ticking.join(30)
    assert not a.holds(), "the answer came after the renewal had lost its worth"
    a.wire.before = lambda _method: None
    a.tick()
    assert a.events == ["gain", "loss", "gain"]


def test_an_answer_that_comes_after_the_deadline_is_worth_nothing(clock: Clock, join: Join) -> None:
    a = join("a")

    def sleep(method: str) -> None:
        clock.now += 10 if method == "create" else 0

    a.wire.after = sleep
    a.tick()

    assert not a.holds()
    assert a.events == []


def test_who_was_frozen_while_another_held_the_lease_is_told_of_the_loss_first(
    clock: Clock, join: Join
) -> None:
    a, b = join("a"), join("b")
    a.tick()
    b.tick()

    def freeze(method: str) -> None:
        if method == "replace":
            a.wire.before = lambda _method: None
            clock.now += 60
            b.tick()
            b.elector.release(time.time())

    a.wire.before = freeze
    a.tick()

    assert b.events == ["gain"]
    assert a.events == ["gain", "loss", "gain"]


def test_who_was_frozen_and_finds_another_does_not_write(
    api: KubeApi, clock: Clock, join: Join
) -> None:
    a, b = join("a"), join("b")
    a.tick()
    b.tick()
    clock.now += 60
    b.tick()
    writes = len(api.writes)

    a.tick()
    a.tick()

    assert (a.holds(), b.holds()) == (False, True)
    assert a.events == ["gain", "loss"]
    assert len(api.writes) == writes


def test_who_resigns_while_a_renewal_is_under_way_does_not_hold_by_its_answer(
    api: KubeApi, join: Join
) -> None:
    a = join("a")
    a.tick()

    def resign(method: str) -> None:
        if method == "replace":
            a.wire.after = lambda _method: None
            a.elector.resign("another has the state")

    a.wire.after = resign
    a.tick()
    assert not a.holds()
    assert a.events == ["gain", "wake", "loss"]

    a.tick()
    stored = api.storage.get(LEASES, "monitoring", "tunewatch")
    assert stored["spec"]["holderIdentity"] == ""


def test_a_release_does_not_wait_for_an_api_server_that_hangs(
    api: KubeApi, join: Join, caplog: pytest.LogCaptureFixture
) -> None:
    a = join("a")
    a.tick()
    api.fail("a", HANG)

    a.elector.release(time.time())

    assert not a.holds()
    assert "runs out" in caplog.text


def test_a_process_that_ends_does_not_gain_by_a_late_answer(join: Join) -> None:
    a = join("a")

    def end(method: str) -> None:
        if method == "create":
            a.elector.release(time.time())

    a.wire.after = end
    a.tick()

    assert not a.holds()
    assert a.events == []


def test_what_a_callback_breaks_is_not_hidden(join: Join) -> None:
    a = join("a")

    def broken() -> None:
        raise RuntimeError("a bug")

    a.elector.on_gain = broken

    with pytest.raises(RuntimeError, match="a bug"):
        a.tick()
    a.tick()
    assert a.holds()
