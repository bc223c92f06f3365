"""A field that a card, a driver or a permission withholds is absent, and nothing else is."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any, NamedTuple

import pytest

from exporter.simulation import H100, RTX_4080, Return, SimulatedLibrary
from exporter.snapshot import Gpu
from exporter.sources.nvml import NvmlSource


class Call(NamedTuple):
    """C symbols, newest first, and the readings that hang on them."""

    symbols: tuple[str, ...]
    readings: tuple[str, ...]


CALLS = (
    Call(
        ("nvmlDeviceGetMemoryInfo_v2", "nvmlDeviceGetMemoryInfo"),
        ("memory_total", "memory_used", "memory_free", "memory_reserved"),
    ),
    Call(("nvmlDeviceGetUtilizationRates",), ("utilization", "memory_utilization")),
    Call(("nvmlDeviceGetTemperatureV", "nvmlDeviceGetTemperature"), ("temperature",)),
    Call(("nvmlDeviceGetPowerUsage",), ("power",)),
    Call(("nvmlDeviceGetEnforcedPowerLimit",), ("power_limit",)),
    Call(("nvmlDeviceGetTotalEnergyConsumption",), ("energy",)),
    Call(("nvmlDeviceGetClockInfo",), ("sm_clock", "memory_clock")),
    Call(("nvmlDeviceGetFanSpeed",), ("fan_ratio",)),
    Call(("nvmlDeviceGetPerformanceState",), ("performance_state",)),
    Call(
        ("nvmlDeviceGetCurrentClocksEventReasons", "nvmlDeviceGetCurrentClocksThrottleReasons"),
        ("throttle",),
    ),
    Call(
        ("nvmlDeviceGetSupportedClocksEventReasons", "nvmlDeviceGetSupportedClocksThrottleReasons"),
        ("throttle",),
    ),
    Call(("nvmlDeviceGetTotalEccErrors",), ("ecc_errors",)),
    Call(("nvmlDeviceGetCurrPcieLinkGeneration",), ("pcie.generation",)),
    Call(("nvmlDeviceGetCurrPcieLinkWidth",), ("pcie.width",)),
    Call(("nvmlDeviceGetMaxPcieLinkGeneration",), ("pcie.max_generation",)),
    Call(("nvmlDeviceGetMaxPcieLinkWidth",), ("pcie.max_width",)),
)
FACTS = (
    Call(("nvmlDeviceGetName",), ("name",)),
    Call(("nvmlDeviceGetSerial",), ("serial",)),
    Call(("nvmlDeviceGetVbiosVersion",), ("vbios",)),
    Call(("nvmlDeviceGetPciInfo_v3",), ("pci_bus_id",)),
    Call(("nvmlDeviceGetCudaComputeCapability",), ("compute_capability",)),
)
FOREVER = (Return.NOT_SUPPORTED, Return.NOT_FOUND, Return.DEPRECATED)
FOR_NOW = (Return.UNKNOWN, Return.INSUFFICIENT_SIZE)

each_call = pytest.mark.parametrize("call", CALLS, ids=lambda call: call.symbols[0])
each_call_or_fact = pytest.mark.parametrize("call", CALLS + FACTS, ids=lambda call: call.symbols[0])


@pytest.fixture(autouse=True)
def cards_with_everything(library: SimulatedLibrary) -> None:
    library.gpus.board = replace(RTX_4080, ecc_counters=H100.ecc_counters, has_serial=True)


def without(gpu: Gpu, call: Call) -> Gpu:
    """Return the reading as it must be when `call` cannot be made."""
    absent: dict[str, Any] = {}
    for reading in call.readings:
        name, _, part = reading.partition(".")
        default = next(field for field in fields(Gpu) if field.name == name)
        if part and gpu.pcie:
            absent[name] = gpu.pcie._replace(**{part: None})
        else:
            empty: Callable[[], Any] = dict
            absent[name] = empty() if name in ("throttle", "ecc_errors") else default.default
    return replace(gpu, **absent)


def fail(library: SimulatedLibrary, call: Call, code: Return, device: int = 1) -> None:
    for symbol in call.symbols:
        library.faults.fail(code, symbol, device)


def heal(library: SimulatedLibrary, call: Call, device: int = 1) -> None:
    for symbol in call.symbols:
        library.faults.clear(symbol, device)


def test_the_table_of_calls_covers_every_reading() -> None:
    covered = {name.partition(".")[0] for call in CALLS + FACTS for name in call.readings}
    assert covered == {field.name for field in fields(Gpu)} - {"index", "uuid"}


@each_call_or_fact
@pytest.mark.parametrize("code", [*FOREVER, *FOR_NOW, Return.NO_PERMISSION], ids=lambda c: c.name)
def test_a_refused_field_is_absent_on_that_device_alone(
    library: SimulatedLibrary, source: NvmlSource, call: Call, code: Return
) -> None:
    healthy = NvmlSource().collect(0.0).gpus
    fail(library, call, code)
    assert source.collect(0.0).gpus == (healthy[0], without(healthy[1], call))


@each_call_or_fact
def test_a_missing_symbol_costs_its_field_only(
    library: SimulatedLibrary, source: NvmlSource, call: Call
) -> None:
    healthy = NvmlSource().collect(0.0).gpus
    for symbol in call.symbols:
        library.hide(symbol)
    assert source.collect(0.0).gpus == tuple(without(gpu, call) for gpu in healthy)


@pytest.mark.parametrize(
    "call", [call for call in CALLS if len(call.symbols) > 1], ids=lambda call: call.symbols[0]
)
def test_an_older_driver_is_asked_by_the_older_name(
    library: SimulatedLibrary, source: NvmlSource, call: Call
) -> None:
    healthy = NvmlSource().collect(0.0).gpus[0]
    library.hide(call.symbols[0])
    older = source.collect(0.0).gpus[0]
    if "memory_used" in call.readings:
        assert healthy.memory_used is not None
        assert healthy.memory_reserved is not None
        assert older.memory_reserved is None
        assert older.memory_used == healthy.memory_used + healthy.memory_reserved
    else:
        assert older == healthy


@each_call
@pytest.mark.parametrize("code", FOREVER, ids=lambda code: code.name)
def test_what_is_not_supported_is_asked_again_only_after_a_new_init(
    library: SimulatedLibrary, source: NvmlSource, call: Call, code: Return
) -> None:
    healthy = NvmlSource().collect(0.0).gpus[1]
    fail(library, call, code)
    source.collect(0.0)
    heal(library, call)
    assert source.collect(1e6).gpus[1] == without(healthy, call)
    library.gpus.count = 3
    assert source.collect(1e6).gpus[1] == healthy


@each_call
def test_a_missing_permission_is_tried_again_rarely(
    library: SimulatedLibrary, source: NvmlSource, call: Call
) -> None:
    healthy = NvmlSource().collect(0.0).gpus[1]
    fail(library, call, Return.NO_PERMISSION)
    source.collect(0.0)
    heal(library, call)
    assert source.collect(599.0).gpus[1] == without(healthy, call)
    assert source.collect(600.0).gpus[1] == healthy


@each_call
@pytest.mark.parametrize("code", FOR_NOW, ids=lambda code: code.name)
def test_any_other_refusal_holds_for_one_collection(
    library: SimulatedLibrary, source: NvmlSource, call: Call, code: Return
) -> None:
    healthy = NvmlSource().collect(0.0).gpus[1]
    fail(library, call, code)
    source.collect(0.0)
    heal(library, call)
    assert source.collect(10.0).gpus[1] == healthy


@pytest.mark.parametrize(
    ("code", "level"),
    [
        (Return.NOT_SUPPORTED, logging.INFO),
        (Return.NO_PERMISSION, logging.WARNING),
        (Return.UNKNOWN, logging.WARNING),
    ],
    ids=str,
)
def test_a_refusal_is_logged_once_per_device_and_field(
    library: SimulatedLibrary,
    source: NvmlSource,
    caplog: pytest.LogCaptureFixture,
    code: Return,
    level: int,
) -> None:
    caplog.set_level(logging.DEBUG, "tunewatch")
    library.faults.fail(code, "nvmlDeviceGetPowerUsage")
    for now in (0.0, 10.0, 700.0):
        source.collect(now)
    library.gpus.count = 1
    source.collect(800.0)
    assert [(record.name, record.levelno, record.message) for record in caplog.records] == [
        (
            "tunewatch.nvml",
            level,
            f"GPU {index} ({library.gpus.gpu(index).uuid}) does not give power: {code.name}",
        )
        for index in (0, 1)
    ]


def test_one_ecc_counter_may_be_missing_alone(
    library: SimulatedLibrary, source: NvmlSource
) -> None:
    library.gpus.board = replace(H100, ecc_counters=((1, 1),))
    assert source.collect(0.0).gpus[0].ecc_errors == {("uncorrected", "aggregate"): 0}


def test_a_name_that_is_no_text_is_absent(
    library: SimulatedLibrary, source: NvmlSource, caplog: pytest.LogCaptureFixture
) -> None:
    library.gpus.board = replace(library.gpus.board, vbios="\udcff")
    gpu = source.collect(0.0).gpus[0]
    assert gpu.vbios is None
    assert gpu.power is not None
    assert "does not give vbios: CORRUPTED_INFOROM" in caplog.text


def test_an_unknown_performance_state_is_absent(
    library: SimulatedLibrary, source: NvmlSource
) -> None:
    library.gpus.board = replace(library.gpus.board, performance_state=32)
    assert source.collect(0.0).gpus[0].performance_state is None
