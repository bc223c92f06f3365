"""Captures are replayed to the page that the captured machine had, now and in years to come."""

from __future__ import annotations

import re
from pathlib import Path

import pynvml
import pytest

from exporter.app import gpu_capture
from exporter.simulation import PROFILES, Return, SimulatedLibrary, installed, simulated_gpus
from exporter.simulation.capture import CaptureError, Mask, ReplayedLibrary, from_json, to_json
from exporter.simulation.installation import standing_in
from exporter.snapshot import Gpus
from exporter.sources import SourceDown
from tests.support.captures import captured, page, replayed
from tests.support.golden import assert_golden
from tests.support.promtool import check_metrics

CAPTURES = sorted(Path(__file__).parents[1].joinpath("captures").glob("*.json"))


def masked(text: str, reading: Gpus) -> str:
    """Replace what names boards in the order in which a capture meets it."""
    mask = Mask()
    for gpu in reading.gpus:
        for name in (gpu.uuid, gpu.serial or "", *(mig.uuid for mig in gpu.instances)):
            text = text.replace(f'"{name}"', f'"{mask.text(name)}"') if name else text
    return text


@pytest.mark.parametrize("file", CAPTURES, ids=lambda file: file.stem)
def test_the_page_of_each_capture_is_the_recorded_one(file: Path) -> None:
    shown = page(replayed(from_json(file.read_text())))
    assert_golden(file.with_suffix(".prom"), shown)
    check_metrics(shown.encode())


def test_captures_of_simulated_gpus_say_so() -> None:
    simulated = [file for file in CAPTURES if from_json(file.read_text()).simulated]
    assert simulated == [file for file in CAPTURES if file.name.startswith("simulated-")]


@pytest.mark.parametrize("profile", PROFILES)
def test_what_is_replayed_is_what_was_captured(profile: str) -> None:
    capture, original = captured(profile, 2)
    stored = from_json(to_json(capture))
    assert stored == capture
    assert page(replayed(stored)) == masked(page(original), original)


def test_nothing_that_names_a_board_is_in_the_file() -> None:
    capture, reading = captured("h100-mig", 2)
    text = to_json(capture)
    for gpu in reading.gpus:
        for name in (gpu.uuid, gpu.serial, *(mig.uuid for mig in gpu.instances)):
            assert name
            assert name not in text


def test_nobody_is_asked_for_processes() -> None:
    symbols = {call.symbol for call in captured("h100")[0].calls}
    assert not [symbol for symbol in symbols if "Process" in symbol]


def test_what_a_newer_exporter_asks_beside_is_not_supported() -> None:
    capture, original = captured("h100")
    renamed = to_json(capture).replace('"nvmlDeviceGetName"', '"nvmlDeviceGetAnotherName"')
    (gpu,) = replayed(from_json(renamed)).gpus
    assert gpu.name == ""
    assert gpu.power == original.gpus[0].power


def test_each_field_value_is_found_whatever_is_asked_for_beside_it() -> None:
    capture, _ = captured("h100")
    with standing_in(ReplayedLibrary(capture)):
        pynvml.nvmlInit()
        gpu = pynvml.nvmlDeviceGetHandleByIndex(0)
        known, unknown = pynvml.nvmlDeviceGetFieldValues(gpu, [(186, 0), (9999, 0)])
    assert (known.nvmlReturn, unknown.nvmlReturn) == (Return.SUCCESS, Return.NOT_SUPPORTED)
    assert known.value.uiVal > 70_000


def test_a_caller_with_more_room_for_a_text_gets_it_too() -> None:
    capture, original = captured("h100")
    smaller = from_json(to_json(capture).replace('{"I": 96}', '{"I": 64}'))
    assert smaller != capture
    assert [gpu.name for gpu in replayed(smaller).gpus] == [gpu.name for gpu in original.gpus]


def test_a_call_that_is_made_more_often_gets_the_last_answer_again() -> None:
    capture, _ = captured("h100", 2)
    with standing_in(ReplayedLibrary(capture)):
        pynvml.nvmlInit()
        assert [pynvml.nvmlDeviceGetCount() for _ in range(5)] == [2] * 5


def test_codes_that_are_newer_than_we_are_replayed(caplog: pytest.LogCaptureFixture) -> None:
    power = re.compile(r'(\["nvmlDeviceGetPowerUsage", .*), 0, 0\]')
    newer = power.sub(r"\1, 4242, 0]", to_json(captured("h100")[0]))
    (gpu,) = replayed(from_json(newer)).gpus
    assert gpu.power is None
    assert "does not give power: code 4242" in caplog.text


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "no capture"),
        ("[]", "no capture"),
        ('{"format": 1}', "no capture"),
        ('{"format": 2}', "format 2"),
    ],
)
def test_another_file_is_refused_with_a_reason(text: str, problem: str) -> None:
    with pytest.raises(CaptureError, match=problem):
        from_json(text)


def test_without_a_driver_there_is_nothing_to_capture() -> None:
    library = SimulatedLibrary(simulated_gpus(1))
    library.faults.fail(Return.DRIVER_NOT_LOADED, "nvmlInitWithFlags")
    with installed(library), pytest.raises(SourceDown, match="not loaded"):
        gpu_capture.take(simulated=True)


def test_the_same_text_is_masked_alike_and_another_otherwise() -> None:
    mask = Mask()
    uuid = "GPU-5f1e2d3c-0a1b-2c3d-4e5f-60718293a4b5"
    first, second = mask.text(uuid), mask.text(uuid.replace("5f1e", "6f1e"))
    assert first == mask.text(uuid) != second
    assert len(first) == len(uuid)
    assert mask.text(f"MIG-{uuid}/3/0") == f"MIG-{first}/3/0"
    assert mask.text("1650023000042") != mask.text("1650023000043")
