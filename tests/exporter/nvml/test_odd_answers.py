"""Answers that no driver should give cost their own reading, and neither the GPU nor the others."""

from __future__ import annotations

import ctypes
import logging
from collections.abc import Iterator
from typing import Any

import pynvml
import pytest

from exporter.simulation import SimulatedGpus, SimulatedLibrary, installed, simulated_gpus
from exporter.simulation.hardware import SimulatedGpu
from exporter.simulation.partition import MIXED
from exporter.snapshot import Gpu
from exporter.sources.nvml import NvmlSource
from exporter.sources.nvml.values import signed

START = 1_760_000_000.0
NO_TEXT = "GPU-\udcff"
NOT_AVAILABLE_WATTS = (2**32 - 1) / 1000
SAMPLES = "nvmlDeviceGetSamples"


class Damaged(SimulatedGpu):
    """A GPU whose infoROM has lost its name."""

    @property
    def uuid(self) -> str:
        return NO_TEXT


class Unmeasured(SimulatedGpu):
    """A GPU whose driver has no figure for its power, and says that it answers."""

    @property
    def power(self) -> float:
        return NOT_AVAILABLE_WATTS


class Gpus(SimulatedGpus):
    """Two GPUs, of which the second may be of another kind."""

    second: type[SimulatedGpu] = SimulatedGpu

    def gpu(self, index: int) -> SimulatedGpu:
        gpu = super().gpu(index)
        if index != 1:
            return gpu
        return self.second(gpu.index, gpu.board, gpu.now, gpu.since, gpu.driver)


@pytest.fixture
def gpus() -> Iterator[Gpus]:
    gpus = Gpus(2, clock=lambda: START)
    with installed(SimulatedLibrary(gpus)):
        yield gpus


def test_a_gpu_whose_uuid_is_no_text_is_left_out_alone(
    gpus: Gpus, caplog: pytest.LogCaptureFixture
) -> None:
    gpus.second = Damaged
    reading = NvmlSource().collect(START)
    assert [gpu.index for gpu in reading.gpus] == [0]
    assert [silent.reason for silent in reading.unanswered] == ["CORRUPTED_INFOROM"]
    (line,) = [line for line in caplog.messages if "does not answer" in line]
    assert line.startswith("GPU 1 (unknown, index 1) does not answer: CORRUPTED_INFOROM")


def test_a_number_that_means_none_is_none(gpus: Gpus) -> None:
    gpus.second = Unmeasured
    whole, unmeasured = NvmlSource().collect(START).gpus
    assert None not in (whole.power, whole.power_instant)
    assert (unmeasured.power, unmeasured.power_instant) == (None, None)
    assert unmeasured.temperature is not None


@pytest.mark.parametrize(
    ("written", "margin"), [(0, 0), (7, 7), (2**32 - 1, -1), (2**32 - 8, -8), (2**64 - 8, -8)]
)
def test_a_margin_may_be_cast_to_any_width(written: int, margin: float) -> None:
    assert signed(written) == margin


def test_an_instance_whose_name_is_no_text_costs_itself_alone(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "tunewatch.nvml")
    gpus = simulated_gpus(1, "h100", clock=lambda: START)
    gpus.divided[0] = MIXED
    library = SimulatedLibrary(gpus)
    name = library.nvmlDeviceGetName
    damaged = iter((False, True, False, False))

    def answer(handle: Any, text: Any, size: Any) -> int:  # noqa: ANN401 - of ctypes
        code = int(name(handle, text, size))
        if b"MIG" in text.value and next(damaged, False):
            text.value = b"\xff MIG"
        return code

    monkeypatch.setattr(library, "nvmlDeviceGetName", answer, raising=False)
    with installed(library):
        gpu = NvmlSource().collect(START).gpus[0]
    assert len(gpu.instances) == len(MIXED) - MIXED.count(None) - 1
    assert "does not give instances: CORRUPTED_INFOROM" in caplog.text


def sampled(monkeypatch: pytest.MonkeyPatch, answer: Any) -> Gpu:  # noqa: ANN401 - a function of C
    """Read a GPU whose driver gives its samples in another way than all others."""
    clock = iter([START])
    library = SimulatedLibrary(SimulatedGpus(1, clock=lambda: next(clock, START + 1000)))
    monkeypatch.setattr(library, SAMPLES, answer(getattr(library, SAMPLES)), raising=False)
    with installed(library):
        return NvmlSource().collect(START + 1000).gpus[0]


def test_a_ring_that_grows_while_it_is_asked_for_is_asked_for_again(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    refusals = iter((pynvml.NVML_ERROR_INSUFFICIENT_SIZE,))

    def growing(samples: Any) -> Any:  # noqa: ANN401 - a function of C
        def answer(*arguments: Any) -> int:  # noqa: ANN401 - of ctypes
            refusal = 0 if arguments[-1] is None else next(refusals, 0)
            return refusal or int(samples(*arguments))

        return answer

    assert sampled(monkeypatch, growing).busy_seconds is not None
    assert "utilization_samples" not in caplog.text


def test_samples_of_a_type_that_is_newer_than_we_are_not_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def newer(samples: Any) -> Any:  # noqa: ANN401 - a function of C
        def answer(*arguments: Any) -> int:  # noqa: ANN401 - of ctypes
            code = int(samples(*arguments))
            ctypes.c_uint.from_address(ctypes.addressof(arguments[3]._obj)).value = 7
            return code

        return answer

    gpu = sampled(monkeypatch, newer)
    assert (gpu.busy_seconds, gpu.power_max) == (None, None)
    assert gpu.temperature is not None
