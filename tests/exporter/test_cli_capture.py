"""`tunewatch gpu-capture` writes a file that can be replayed, or says in a line what is missing."""

from __future__ import annotations

from pathlib import Path

import pytest

from exporter.app import gpu_capture
from exporter.cli import main
from exporter.simulation import Return, SimulatedLibrary, installed, simulated_gpus
from exporter.simulation.capture import from_json
from tests.support.captures import replayed

SIMULATED = ("--nvml.simulate", "2", "--nvml.simulate-profile", "t4")


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read twice without the seconds between."""
    monkeypatch.setattr(gpu_capture, "PAUSE_SECONDS", 0.0)


def test_a_capture_is_written_and_can_be_replayed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "gpus.json"
    assert main(["gpu-capture", "--output", str(file), *SIMULATED]) == 0
    assert capsys.readouterr().out.startswith(f"{file}: written")
    capture = from_json(file.read_text())
    assert capture.simulated
    assert all(call.microseconds >= 0 for call in capture.calls)
    assert [gpu.name for gpu in replayed(capture).gpus] == ["Tesla T4"] * 2


def test_without_a_file_it_goes_to_the_console(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["gpu-capture", *SIMULATED]) == 0
    assert len(from_json(capsys.readouterr().out).collections) == gpu_capture.COLLECTIONS


def test_without_a_driver_one_line_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    library = SimulatedLibrary(simulated_gpus(1))
    library.faults.fail(Return.DRIVER_NOT_LOADED, "nvmlInitWithFlags")
    with installed(library):
        assert main(["gpu-capture"]) == 1
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith("tunewatch: the NVIDIA kernel driver is not loaded: ")
    assert told.err.count("\n") == 1


def test_a_file_that_cannot_be_written_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "missing" / "gpus.json"
    assert main(["gpu-capture", "--output", str(file), *SIMULATED]) == 2
    assert f"{file}: No such file or directory" in capsys.readouterr().err
