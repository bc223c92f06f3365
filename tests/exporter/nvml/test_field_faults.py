"""A field that a card, a driver or a permission withholds is absent, and nothing else is."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, NamedTuple

import pytest

from exporter.simulation import (
    H100,
    Condition,
    Return,
    SimulatedGpus,
    SimulatedLibrary,
    installed,
)
from exporter.sources.nvml import NvmlSource
from tests.support.gpus import EVERYTHING, parts

START = 1_760_000_000.0


class Call(NamedTuple):
    """C symbols, newest first, and the readings (or all that begin so) that hang on them."""

    symbols: tuple[str, ...]
    readings: tuple[str, ...]


def call(symbols: str, readings: str) -> Call:
    """Return a row of the table; each name of a symbol goes without its `nvmlDevice`."""
    names = (f"nvml{'' if s.startswith('Gpm') else 'Device'}{s}" for s in symbols.split())
    return Call(tuple(names), tuple(readings.split()))


CALLS = (
    call("GetMemoryInfo_v2 GetMemoryInfo", "memory_total memory_used memory_free memory_reserved"),
    call("GetBAR1MemoryInfo", "bar1_total bar1_used"),
    call("GetUtilizationRates", "utilization memory_utilization"),
    call("GetEncoderUtilization", "engines.encoder"),
    call("GetDecoderUtilization", "engines.decoder"),
    call("GetJpgUtilization", "engines.jpeg"),
    call("GetOfaUtilization", "engines.optical_flow"),
    call("GetTemperatureV GetTemperature", "temperature"),
    call("GetMarginTemperature", "temperature_margin"),
    call("GetTemperatureThreshold", "temperature_limits."),
    call("GetPowerUsage", "power"),
    call("GetEnforcedPowerLimit", "power_limit"),
    call("GetPowerManagementLimitConstraints", "power_limits.min power_limits.max"),
    call("GetPowerManagementDefaultLimit", "power_limits.default"),
    call("GetTotalEnergyConsumption", "energy"),
    call("GetClockInfo", "clocks."),
    call("GetMaxClockInfo", "max_clocks."),
    call("GetFanSpeed_v2", "fans."),
    call("GetPerformanceState", "performance_state"),
    call("GetCurrentClocksEventReasons GetCurrentClocksThrottleReasons", "throttle."),
    call("GetSupportedClocksEventReasons GetSupportedClocksThrottleReasons", "throttle."),
    call("GetTotalEccErrors", "ecc_errors."),
    call("GetMemoryErrorCounter", "ecc_locations."),
    call("GetEccMode", "ecc_enabled"),
    call("GetRemappedRows", "remapped_rows."),
    call("GetRowRemapperHistogram", "remapper_banks."),
    call("GetRetiredPages", "retired_pages.single_bit retired_pages.double_bit"),
    call("GetRetiredPagesPendingStatus", "retired_pages.pending"),
    call("GetPersistenceMode", "persistence_mode"),
    call("GetComputeMode", "compute_mode"),
    call("GetMigMode", "mig_mode"),
    call("GetCurrPcieLinkGeneration", "pcie.generation"),
    call("GetCurrPcieLinkWidth", "pcie.width"),
    call("GetMaxPcieLinkGeneration", "pcie.max_generation"),
    call("GetMaxPcieLinkWidth", "pcie.max_width"),
    call("GetNvLinkState", "nvlinks.0.active nvlinks.1.active"),
    call(
        "GetFieldValues",
        "memory_temperature power_instant module_power pcie_bytes. pcie_errors. pcie_replays"
        " recovery_action margin_limits. throttle_seconds. nvlinks.",
    ),
    call("GpmSampleGet", "activity. rates."),
)
FACTS = (
    call("GetName", "name"),
    call("GetSerial", "serial"),
    call("GetVbiosVersion", "vbios"),
    call("GetMinorNumber", "minor"),
    call("GetPciInfo_v3", "pci_bus_id"),
    call("GetCudaComputeCapability", "compute_capability"),
)
ABILITIES = (
    call("GpmQueryDeviceSupport", "activity. rates."),
    call("GpmSampleAlloc", "activity. rates."),
    call("GpmMetricsGet", "activity. rates."),
)
UNTOLD = ("index", "uuid", "collected_at", "collection_seconds", "busy_", "power_min", "power_max")
"""What hangs on no call of the table: it is made of the driver's samples, or of none."""
FOREVER = (Return.NOT_SUPPORTED, Return.NOT_FOUND, Return.DEPRECATED)
FOR_NOW = (Return.UNKNOWN, Return.INSUFFICIENT_SIZE)


def symbol_of(one: Call) -> str:
    return one.symbols[0]


each_call = pytest.mark.parametrize("one", CALLS, ids=symbol_of)
each_call_or_fact = pytest.mark.parametrize("one", CALLS + FACTS + ABILITIES, ids=symbol_of)


class Machine:
    """One card that gives everything, and the time there."""

    def __init__(self) -> None:
        self.now = START
        self.gpus = SimulatedGpus(1, EVERYTHING, clock=lambda: self.now)
        self.library = SimulatedLibrary(self.gpus)

    def read(self, source: NvmlSource, at: float) -> dict[str, Any]:
        """Return what the card gives at so many seconds after the start."""
        self.now = START + at
        known = parts(source.collect(self.now).gpus[0])
        return {name: value for name, value in known.items() if not name.startswith(UNTOLD)}

    def fail(self, one: Call, code: Return) -> None:
        for symbol in one.symbols:
            self.library.faults.fail(code, symbol)

    def heal(self, one: Call) -> None:
        for symbol in one.symbols:
            self.library.faults.clear(symbol)


def healthy(*times: float) -> dict[str, Any]:
    """Return what the card gives at the last of these times, where nothing is wrong."""
    machine, source = Machine(), NvmlSource()
    with installed(machine.library):
        return [machine.read(source, at) for at in times][-1]


GIVEN = healthy(0.0, 10.0)


def withheld(one: Call, given: dict[str, Any]) -> dict[str, Any]:
    """Return what is left when `one` cannot be called."""
    return {
        name: value
        for name, value in given.items()
        if not any(name == r or (r.endswith(".") and name.startswith(r)) for r in one.readings)
    }


@pytest.fixture
def machine() -> Iterator[Machine]:
    machine = Machine()
    with installed(machine.library):
        yield machine


def test_the_table_of_calls_covers_every_reading() -> None:
    left = set(GIVEN)
    for one in CALLS + FACTS:
        left &= withheld(one, GIVEN).keys()
    assert not left


@each_call_or_fact
@pytest.mark.parametrize("code", [Return.NOT_SUPPORTED, Return.UNKNOWN], ids=lambda c: c.name)
def test_a_refused_field_is_absent_alone(machine: Machine, one: Call, code: Return) -> None:
    machine.fail(one, code)
    source = NvmlSource()
    machine.read(source, 0.0)
    assert machine.read(source, 10.0) == withheld(one, GIVEN)


@each_call_or_fact
def test_a_missing_symbol_costs_its_field_only(machine: Machine, one: Call) -> None:
    for symbol in one.symbols:
        machine.library.hide(symbol)
    source = NvmlSource()
    machine.read(source, 0.0)
    expected = withheld(one, GIVEN)
    assert machine.read(source, 10.0) == expected


@pytest.mark.parametrize("one", [one for one in CALLS if len(one.symbols) > 1], ids=symbol_of)
def test_an_older_driver_is_asked_by_the_older_name(machine: Machine, one: Call) -> None:
    machine.library.hide(one.symbols[0])
    source = NvmlSource()
    machine.read(source, 0.0)
    older = machine.read(source, 10.0)
    if "memory_used" in one.readings:
        assert older["memory_used"] == GIVEN["memory_used"] + GIVEN["memory_reserved"]
        assert GIVEN.keys() - older.keys() == {"memory_reserved"}
    else:
        assert older == GIVEN


def test_a_driver_that_counts_no_fans_tells_the_speed_of_one(machine: Machine) -> None:
    machine.library.hide("nvmlDeviceGetNumFans")
    read = machine.read(NvmlSource(), 0.0)
    assert {name: read[name] for name in read if name.startswith("fans")} == {"fans.0": 0.45}


@each_call
def test_what_is_not_supported_is_not_asked_again(machine: Machine, one: Call) -> None:
    machine.fail(one, Return.NOT_SUPPORTED)
    source = NvmlSource()
    machine.read(source, 0.0)
    asked = [machine.library.calls[symbol] for symbol in one.symbols]
    machine.heal(one)
    assert machine.read(source, 1e6) == withheld(one, healthy(0.0, 1e6))
    assert [machine.library.calls[symbol] for symbol in one.symbols] == asked


@pytest.mark.parametrize("code", FOREVER, ids=lambda code: code.name)
def test_what_is_not_supported_is_asked_again_after_a_new_init(
    machine: Machine, code: Return
) -> None:
    power = call("GetPowerUsage", "power")
    machine.fail(power, code)
    source = NvmlSource()
    machine.read(source, 0.0)
    machine.heal(power)
    assert "power" not in machine.read(source, 1e6)
    machine.gpus.count = 2
    assert "power" in machine.read(source, 1e6)


@each_call
def test_a_missing_permission_is_tried_again_rarely(machine: Machine, one: Call) -> None:
    machine.fail(one, Return.NO_PERMISSION)
    source = NvmlSource()
    machine.read(source, 0.0)
    machine.heal(one)
    assert machine.read(source, 599.0).keys() == withheld(one, GIVEN).keys()
    machine.read(source, 600.0)
    assert machine.read(source, 610.0).keys() == GIVEN.keys()


@each_call
def test_any_other_refusal_holds_for_one_collection(machine: Machine, one: Call) -> None:
    source = NvmlSource()
    for code in FOR_NOW:
        machine.fail(one, code)
        machine.read(source, 0.0)
    machine.heal(one)
    machine.read(source, 10.0)
    assert machine.read(source, 20.0) == healthy(0.0, 10.0, 20.0)


@pytest.mark.parametrize(
    ("code", "back_at"),
    [
        (Return.NOT_SUPPORTED, None),
        (Return.NO_PERMISSION, 600.0),
        (Return.UNKNOWN, 10.0),
    ],
    ids=str,
)
def test_a_field_value_is_refused_alone(
    machine: Machine, code: Return, back_at: float | None
) -> None:
    machine.gpus.conditions[0] = Condition(refused_fields={82: code})
    source = NvmlSource()
    first = machine.read(source, 0.0)
    assert "memory_temperature" not in first
    assert "power_instant" in first
    machine.gpus.conditions.clear()
    times = (10.0, 590.0, 600.0, 1e6)
    seen = ["memory_temperature" in machine.read(source, at) for at in times]
    assert seen == [back_at is not None and at >= back_at for at in times]


def test_a_field_value_may_tell_that_the_gpu_is_lost(machine: Machine) -> None:
    machine.gpus.count = 2
    machine.gpus.conditions[1] = Condition(refused_fields={186: Return.GPU_IS_LOST})
    reading = NvmlSource().collect(START)
    assert [gpu.index for gpu in reading.gpus] == [0]
    assert [gpu.reason for gpu in reading.unanswered] == ["GPU_IS_LOST"]


@pytest.mark.parametrize(
    ("code", "level"),
    [
        (Return.NOT_SUPPORTED, logging.INFO),
        (Return.NO_PERMISSION, logging.WARNING),
        (Return.UNKNOWN, logging.WARNING),
    ],
    ids=str,
)
def test_refusals_are_logged_once_in_one_line(
    machine: Machine, caplog: pytest.LogCaptureFixture, code: Return, level: int
) -> None:
    caplog.set_level(logging.DEBUG, "tunewatch.nvml")
    for symbol in ("nvmlDeviceGetPowerUsage", "nvmlDeviceGetClockInfo"):
        machine.library.faults.fail(code, symbol)
    source = NvmlSource()
    for at in (0.0, 10.0, 700.0):
        machine.read(source, at)
    machine.gpus.count = 2
    machine.read(source, 800.0)
    fields = "power, clocks.sm, clocks.memory, clocks.graphics, clocks.video"
    told = [record for record in caplog.records if "does not give power" in record.message]
    assert [record.levelno for record in told] == [level, level]
    for index, record in enumerate(told):
        who = f"GPU {index} ({machine.gpus.gpu(index).uuid})"
        assert record.message.startswith(f"{who} does not give {fields}")
        assert code.name in record.message


def test_one_ecc_counter_may_be_missing_alone(machine: Machine) -> None:
    machine.gpus.board = replace(H100, ecc_counters=((1, 1),))
    read = machine.read(NvmlSource(), 0.0)
    assert [name for name in read if name.startswith("ecc_errors")] == [
        "ecc_errors.uncorrected.aggregate"
    ]


def test_a_name_that_is_no_text_is_absent(
    machine: Machine, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "tunewatch.nvml")
    machine.gpus.board = replace(EVERYTHING, vbios="\udcff")
    read = machine.read(NvmlSource(), 0.0)
    assert "vbios" not in read
    assert "power" in read
    assert "does not give vbios: CORRUPTED_INFOROM" in caplog.text


def test_an_unknown_performance_state_is_absent(machine: Machine) -> None:
    machine.gpus.board = replace(EVERYTHING, performance_state=32)
    assert "performance_state" not in machine.read(NvmlSource(), 0.0)
