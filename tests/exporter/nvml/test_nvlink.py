"""NVLinks are told one by one, by the counters of their generation."""

from __future__ import annotations

import pytest

from exporter.simulation import Condition, Return, SimulatedLibrary, installed, simulated_gpus
from exporter.simulation.fieldvalues import NVLINK_BYTES_PER_SECOND
from exporter.snapshot import NvLink
from exporter.sources.nvml import NvmlSource

START = 1_760_000_000.0


def links(profile: str, condition: Condition | None = None) -> tuple[NvLink, ...]:
    """Return the links of a GPU a hundred seconds after the driver's start."""
    clock = iter([START])
    gpus = simulated_gpus(1, profile, lambda: next(clock, START + 100))
    if condition:
        gpus.conditions[0] = condition
    with installed(SimulatedLibrary(gpus)):
        return NvmlSource().collect(START).gpus[0].nvlinks


@pytest.mark.parametrize(
    ("profile", "count", "errors"),
    [
        ("v100", 6, {"replay", "recovery", "crc"}),
        ("a100", 12, {"replay", "recovery", "crc"}),
        ("h200", 18, {"replay", "recovery", "crc"}),
        ("b200", 18, {"receive", "integrity", "recovery"}),
        ("l40s", 0, set()),
        ("rtx4090", 0, set()),
    ],
)
def test_each_generation_tells_its_links(profile: str, count: int, errors: set[str]) -> None:
    found = links(profile)
    assert [link.link for link in found] == list(range(count))
    for link in found:
        assert link.active is True
        assert link.errors.keys() == errors
        assert link.transmitted == link.received
        assert link.transmitted is not None
        assert 0.8 < link.transmitted / (100 * NVLINK_BYTES_PER_SECOND) < 1.0


def test_a_link_that_is_down_is_named_and_counts_nothing() -> None:
    found = links("h100", Condition(links_down=frozenset({3})))
    assert [link.link for link in found if not link.active] == [3]
    assert found[3] == NvLink(3, active=False)
    assert found[4].transmitted is not None


def test_a_link_that_comes_up_is_counted_from_then_on(
    library: SimulatedLibrary, source: NvmlSource
) -> None:
    library.gpus.conditions[0] = Condition(links_down=frozenset({0}))
    assert source.collect(0.0).gpus[0].nvlinks[0].transmitted is None
    library.gpus.conditions.clear()
    link = source.collect(60.0).gpus[0].nvlinks[0]
    assert link.active is True
    assert link.transmitted is not None
    assert link.errors


def test_links_are_found_later_where_the_first_question_fails(
    library: SimulatedLibrary, source: NvmlSource
) -> None:
    library.gpus.conditions[0] = Condition(refused_fields={91: Return.UNKNOWN})
    assert source.collect(0.0).gpus[0].nvlinks == ()
    library.gpus.conditions.clear()
    assert len(source.collect(10.0).gpus[0].nvlinks) == 18
