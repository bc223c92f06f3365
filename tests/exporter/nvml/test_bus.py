"""How many GPUs there should be is read off the bus, not asked of the driver."""

from __future__ import annotations

from pathlib import Path

import pytest

from exporter.sources.nvml.bus import Bus, gpus_on_the_bus

H100, GTX_680 = "0x2330", "0x1180"
DATA_CENTRE, DISPLAY, SWITCH, SOUND = "0x030200", "0x030000", "0x068000", "0x040300"


def plug(
    bus: Path,
    address: str,
    kind: str,
    vendor: str = "0x10de",
    driver: str = "nvidia",
    model: str = H100,
) -> Path:
    """Put a device on the bus as the kernel shows it; without a driver for an empty name."""
    device = bus / address
    device.mkdir(parents=True)
    (device / "vendor").write_text(f"{vendor}\n")
    (device / "class").write_text(f"{kind}\n")
    (device / "device").write_text(f"{model}\n")
    if driver:
        (device / "driver").symlink_to(f"../../../bus/pci/drivers/{driver}")
    return device


@pytest.mark.parametrize(
    ("kind", "vendor", "driver", "count"),
    [
        (DATA_CENTRE, "0x10de", "nvidia", 1),
        (DISPLAY, "0x10de", "nvidia", 1),
        (DATA_CENTRE, "0x10de", "", 0),
        (DATA_CENTRE, "0x10de", "vfio-pci", 0),
        (DISPLAY, "0x10de", "nouveau", 0),
        (DISPLAY, "0x1002", "amdgpu", 0),
        (SWITCH, "0x10de", "nvidia-nvswitch", 0),
        (SOUND, "0x10de", "snd_hda_intel", 0),
    ],
)
def test_the_gpus_of_the_nvidia_driver_are_counted(
    tmp_path: Path, kind: str, vendor: str, driver: str, count: int
) -> None:
    plug(tmp_path, "0000:1b:00.0", kind, vendor, driver)
    assert gpus_on_the_bus(tmp_path) == count


@pytest.mark.parametrize(("model", "count"), [(H100, 3), (GTX_680, 2)])
def test_a_gpu_that_no_driver_holds_is_missed_where_its_model_is_served(
    tmp_path: Path, model: str, count: int
) -> None:
    plug(tmp_path, "0000:1b:00.0", DATA_CENTRE)
    plug(tmp_path, "0000:2b:00.0", DATA_CENTRE)
    plug(tmp_path, "0000:3b:00.0", DATA_CENTRE, driver="", model=model)
    plug(tmp_path, "0000:4b:00.0", DATA_CENTRE, driver="vfio-pci")
    assert gpus_on_the_bus(tmp_path) == count


def test_a_virtual_function_belongs_to_a_guest(tmp_path: Path) -> None:
    physical = plug(tmp_path, "0000:1b:00.0", DATA_CENTRE)
    (plug(tmp_path, "0000:1b:00.4", DATA_CENTRE) / "physfn").symlink_to(physical)
    assert gpus_on_the_bus(tmp_path) == 1


def test_a_device_that_vanishes_while_it_is_looked_at_is_none(tmp_path: Path) -> None:
    (tmp_path / "0000:1b:00.0").mkdir()
    (plug(tmp_path, "0000:2b:00.0", DISPLAY) / "class").unlink()
    assert gpus_on_the_bus(tmp_path) == 0


def test_a_machine_without_a_bus_is_unknown_and_not_zero(tmp_path: Path) -> None:
    assert gpus_on_the_bus(tmp_path / "none") is None


def test_the_bus_is_looked_at_once_a_minute(tmp_path: Path) -> None:
    bus = Bus(tmp_path, {})
    assert bus.count(100.0) == 0
    plug(tmp_path, "0000:1b:00.0", DATA_CENTRE)
    assert bus.count(159.0) == 0
    assert bus.count(160.0) == 1


@pytest.mark.parametrize(
    ("visible", "count"),
    [(None, 1), ("all", 1), ("0", None), ("GPU-1,GPU-2", None), ("void", None), ("", None)],
)
def test_a_container_that_was_given_some_gpus_cannot_tell(
    tmp_path: Path, visible: str | None, count: int | None
) -> None:
    plug(tmp_path, "0000:1b:00.0", DATA_CENTRE)
    environ = {} if visible is None else {"NVIDIA_VISIBLE_DEVICES": visible}
    assert Bus(tmp_path, environ).count(0.0) == count
