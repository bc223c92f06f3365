"""The rules about the health of GPUs: one history where each must fire, and one near miss."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.model import (
    GpuObservation,
    Inventory,
    Observations,
    RowRemap,
    Severity,
    Transition,
)
from alerts.thresholds import Limits
from tests.support.fleet import NODE, Watchman, gpu
from tests.support.histories import START, limits

HOUR = 3600.0
MINUTE = 60.0
WHOLE = Inventory(NODE, 8, 8, (), START)


def sick(**changes: Any) -> GpuObservation:  # noqa: ANN401 - any field
    return replace(gpu(), **changes)


def xid(**at: float) -> GpuObservation:
    """Return a GPU that reported codes so many seconds after the start: `x79=60`."""
    times = {int(code[1:]): START + seconds for code, seconds in at.items()}
    return sick(xids=dict.fromkeys(times, 1), xid_at=times)


def brief(told: list[Transition]) -> list[tuple[str, str, str, float]]:
    """Return rule, state, severity and how long after the start of each transition."""
    return [(t.key.rule, t.state, t.severity.value, t.at - START) for t in told]


Look = tuple[Any, float]
"""What is seen, and for how many seconds."""
CASES: Mapping[str, tuple[list[Look], list[tuple[str, str, str, float]]]] = {
    "an Xid is told at once, dated by the driver, and over after a quiet hour": (
        [(gpu(), 300), (xid(x79=290), 2 * HOUR)],
        [
            ("gpu_xid", "firing", "critical", 290),
            ("gpu_xid", "resolved", "critical", 290 + HOUR + 310),
        ],
    ),
    "an Xid that programs cause is none": ([(xid(x13=0, x31=0, x43=0), HOUR)], []),
    "a contained error is a warning, which a graver code raises": (
        [(xid(x94=0), 600), (xid(x94=0, x48=600), 60)],
        [("gpu_xid", "firing", "warning", 0), ("gpu_xid", "firing", "critical", 600)],
    ),
    "a code that comes again within the hour is the same episode": (
        [(xid(x74=0), 3_000), (xid(x74=3_000), HOUR)],
        [("gpu_xid", "firing", "critical", 0)],
    ),
    "an uncorrectable error is told until a reset": (
        [
            (sick(ecc_uncorrected=0), 60),
            (sick(ecc_uncorrected=1), 9 * HOUR),
            (sick(ecc_uncorrected=0), 600),
        ],
        [
            ("gpu_ecc_uncorrectable", "firing", "critical", 60),
            ("gpu_ecc_uncorrectable", "resolved", "critical", 60 + 9 * HOUR + 300),
        ],
    ),
    "a GPU without ECC has no errors": ([(sick(ecc_uncorrected=None), HOUR)], []),
    "rows that wait for a reset are a warning": (
        [(sick(remap=RowRemap(pending=True, failure=False)), 60)],
        [("gpu_row_remap", "firing", "warning", 0)],
    ),
    "rows that cannot be replaced are critical": (
        [
            (sick(remap=RowRemap(pending=True, failure=False)), 60),
            (sick(remap=RowRemap(pending=False, failure=True)), 60),
        ],
        [("gpu_row_remap", "firing", "warning", 0), ("gpu_row_remap", "firing", "critical", 60)],
    ),
    "rows that were replaced are no trouble": (
        [(sick(remap=RowRemap(pending=False, failure=False)), HOUR)],
        [],
    ),
    "a GPU that is lost is told after two minutes": (
        [(WHOLE, 60), (replace(WHOLE, lost=("GPU-3",)), 180), (WHOLE, 600)],
        [("gpu_lost", "firing", "critical", 180), ("gpu_lost", "resolved", "critical", 540)],
    ),
    "a GPU that the driver does not list is lost as well": (
        [(replace(WHOLE, seen=7), 180)],
        [("gpu_lost", "firing", "critical", 120)],
    ),
    "a GPU that is away for less is not": (
        [(replace(WHOLE, seen=7), 90), (WHOLE, 60), (replace(WHOLE, seen=7), 90), (WHOLE, 60)],
        [],
    ),
    "nobody knows how many there should be": ([(replace(WHOLE, expected=None), HOUR)], []),
    "heat that lasts is told after five minutes": (
        [(sick(throttle={"hw_thermal_slowdown": True}), 330)],
        [("gpu_slowdown", "firing", "warning", 300)],
    ),
    "so is the power brake": (
        [(sick(throttle={"hw_power_brake_slowdown": True}), 330)],
        [("gpu_slowdown", "firing", "warning", 300)],
    ),
    "heat that comes and goes is not": (
        [
            (sick(throttle={"hw_thermal_slowdown": True}), 270),
            (sick(throttle={"hw_thermal_slowdown": False}), 30),
        ]
        * 4,
        [],
    ),
    "a power cap is as it should be": (
        [(sick(throttle={"sw_power_cap": True, "hw_thermal_slowdown": False}), HOUR)],
        [],
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_health(name: str) -> None:
    looks, expected = CASES[name]
    watchman = Watchman()
    for seen, seconds in looks:
        if isinstance(seen, Inventory):
            watchman.see(inventories=[seen], seconds=seconds)
        else:
            watchman.see(seen, seconds=seconds)
    assert brief(watchman.told) == expected


def test_what_is_told_names_the_gpu_the_trouble_and_the_remedy() -> None:
    watchman = Watchman()
    ill = replace(
        xid(x79=0, x48=0),
        index=3,
        ecc_uncorrected=2,
        remap=RowRemap(pending=True, failure=True),
        throttle={"hw_thermal_slowdown": True, "hw_power_brake_slowdown": True},
    )
    lost = replace(WHOLE, seen=7, lost=("GPU-5",))
    watchman.see(ill, inventories=[lost], seconds=330)
    said = {t.key.rule: t.summary for t in watchman.told}
    assert said == {
        "gpu_xid": "GPU 3 on n1 reported Xid 48 (uncorrectable (double-bit) ECC error) and Xid 79 "
        "(the GPU has fallen off the bus)",
        "gpu_ecc_uncorrectable": "2 uncorrectable ECC errors in the memory of GPU 3 on n1 since "
        "its last reset",
        "gpu_row_remap": "GPU 3 on n1 could not replace a bad memory row",
        "gpu_slowdown": "GPU 3 on n1 is slowed down by heat and the power brake",
        "gpu_lost": "2 of 8 GPUs on n1 are lost (GPU-5)",
    }
    assert all(t.action for t in watchman.told)
    remedy = {t.key.rule: t.action for t in watchman.told}
    assert "have the board replaced" in remedy["gpu_row_remap"]


def test_a_process_that_begins_anew_neither_repeats_an_xid_nor_ends_it_early() -> None:
    watchman = Watchman()
    watchman.see(xid(x79=0), seconds=600)
    watchman.restart()
    assert watchman.see(gpu(), seconds=HOUR - 600 + 60) == []
    watchman.restart()
    assert watchman.see(gpu(), seconds=600) == [("gpu_xid", "resolved", HOUR + 300)]
    assert watchman.see(xid(x79=5_000), seconds=60)[0][:2] == ("gpu_xid", "firing")
    assert watchman.told[-1].episode == 2


def test_an_xid_that_another_process_saw_while_this_one_was_down_is_told() -> None:
    watchman = Watchman()
    watchman.see(gpu(), seconds=60)
    watchman.now += 1_800
    assert watchman.see(xid(x79=120)) == [("gpu_xid", "firing", 120)]
    assert watchman.told[0].seen_at == START + 1_860


def test_an_xid_of_long_ago_is_no_news() -> None:
    watchman = Watchman()
    watchman.now += 2 * HOUR
    assert watchman.see(xid(x79=0), seconds=600) == []


@pytest.mark.parametrize("off", [0.0, -3 * HOUR, 3 * HOUR, -1e9, 1e9])
def test_an_xid_is_dated_by_the_clock_of_who_tells(off: float) -> None:
    watchman = Watchman()
    for after in (0.0, 30.0, 40 * MINUTE):
        now = START + after
        at = {} if after == 0 else {79: START + 20 + off}
        reading = replace(gpu(), observed_at=now + off, xids=dict.fromkeys(at, 1), xid_at=at)
        seen = Observations(gpus=(reading,))
        watchman.told += watchman.fleet.observe(seen, watchman.limits, now)
    assert brief(watchman.told) == [("gpu_xid", "firing", "critical", 20)]


def test_xids_are_remembered_for_a_day() -> None:
    watchman = Watchman()
    for code in range(50):
        watchman.see(xid(**{f"x{code}": watchman.now - START}), seconds=2 * HOUR, every=HOUR)
    ((*_, remembered),) = watchman.fleet.to_document()["xids"]
    assert [code for code, _ in remembered] == list(range(38, 50))


def test_a_clock_that_was_set_back_does_not_keep_an_xid_for_ever() -> None:
    watchman = Watchman()
    watchman.see(xid(x79=9 * HOUR), seconds=60)
    told = watchman.see(gpu(), seconds=2 * HOUR)
    assert [news[:2] for news in told] == [("gpu_xid", "resolved")]


def test_the_error_that_took_a_gpu_away_is_told_though_it_does_not_answer() -> None:
    watchman = Watchman()
    watchman.see(gpu(), inventories=[WHOLE], seconds=300)
    silent = GpuObservation("GPU-1", 0, NODE, None, None, START, xid_at={79: START + 295})
    watchman.see(silent, inventories=[replace(WHOLE, lost=("GPU-1",))], seconds=180)
    assert brief(watchman.told) == [
        ("gpu_xid", "firing", "critical", 295),
        ("gpu_lost", "firing", "critical", 420),
    ]


REMAPS = [RowRemap(pending=p, failure=f) for p, f in ((False, False), (True, False), (True, True))]
LOOKS = st.lists(
    st.tuples(
        st.sampled_from([None, 31, 94, 79, 48]),
        st.sampled_from([None, 0, 0, 2]),
        st.sampled_from([None, *REMAPS]),
        st.booleans(),
        st.sampled_from([30.0, 300.0, 1_800.0]),
    ),
    max_size=10,
)


@settings(max_examples=20)
@given(looks=LOOKS, restarts=st.sets(st.integers(0, 19)))
def test_restarts_change_nothing(
    looks: list[tuple[int | None, int | None, RowRemap | None, bool, float]], restarts: set[int]
) -> None:
    """A process that begins anew has forgotten the Xids of the one before."""
    steady, shaky = Watchman(), Watchman()
    known: dict[int, float] = {}
    recent: dict[int, float] = {}
    for place, (code, errors, remap, hot, seconds) in enumerate(looks):
        if place in restarts:
            shaky.restart()
            recent = {}
        if code is not None:
            known[code] = recent[code] = steady.now - 1
        seen = sick(ecc_uncorrected=errors, remap=remap, throttle={"hw_thermal_slowdown": hot})
        steady.see(replace(seen, xid_at=dict(known)), seconds=seconds)
        shaky.see(replace(seen, xid_at=dict(recent)), seconds=seconds)
    assert shaky.told == steady.told


@pytest.mark.parametrize(
    ("tuning", "told"),
    [
        ({"gpu_xid": {"critical": [31], "warning": []}}, [("gpu_xid", "critical")]),
        ({"gpu_xid": {"critical": [], "warning": [31, 79]}}, [("gpu_xid", "warning")]),
        ({"gpu_xid": {"critical": [], "warning": []}}, []),
        ({"gpu_xid": {"severity": "info"}}, [("gpu_xid", "info")]),
        ({"gpu_xid": {"ignore": ["GPU-*"]}}, []),
        ({"gpu_xid": {"ignore": ["n1"]}}, []),
        ({"gpu_xid": {"enabled": False}}, []),
    ],
)
def test_codes_and_severities_are_settings(
    tuning: Mapping[str, Mapping[str, object]], told: list[tuple[str, str]]
) -> None:
    watchman = Watchman(limits(tuning))
    watchman.see(xid(x31=0, x79=0), seconds=60)
    assert [(t.key.rule, t.severity.value) for t in watchman.told] == told


def test_how_long_an_xid_is_told_of_is_a_setting() -> None:
    watchman = Watchman(limits({"gpu_xid": {"quiet": "10m", "keep_firing_for": "0s"}}))
    watchman.see(xid(x79=0), seconds=HOUR)
    assert brief(watchman.told)[-1] == ("gpu_xid", "resolved", "critical", 600)


@pytest.mark.parametrize(
    "under",
    [limits({"gpu_lost": {"ignore": ["n*"]}}), limits({"gpu_lost": {"enabled": False}})],
)
def test_a_node_may_be_ignored(under: Limits) -> None:
    watchman = Watchman(under)
    assert watchman.see(inventories=[replace(WHOLE, seen=1)], seconds=HOUR) == []


def test_a_node_that_loses_more_gpus_stays_one_alert_with_a_larger_number() -> None:
    watchman = Watchman()
    watchman.see(inventories=[replace(WHOLE, lost=("GPU-1",))], seconds=180)
    watchman.see(inventories=[replace(WHOLE, lost=("GPU-1", "GPU-2"))], seconds=180)
    (alert,) = watchman.fleet.alerts.values()
    assert (alert.episode, alert.value, alert.severity) == (1, 2.0, Severity.CRITICAL)
    assert len(watchman.told) == 1
