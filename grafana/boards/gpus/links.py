"""How GPUs are connected: PCIe to the host, NVLink to one another."""

from __future__ import annotations

from collections.abc import Sequence

from grafana_foundation_sdk.builders import timeseries as curves

from grafana import gpus, units
from grafana.gpus import GPU_LEGEND, every
from grafana.panels import About, Panel, timeseries
from grafana.queries import GPU
from grafana.targets import curve

NO_LINK = "None of the chosen GPUs has NVLinks"


def _traffic(number: int, kind: str, direction: str, verb: str, empty: str) -> curves.Panel:
    about = About(
        number,
        f"{kind}: {verb}",
        f"Bytes a second that GPUs {verb} over {kind}. Much traffic and little work on tensor "
        "cores means that the run waits for data or for other GPUs: pin memory, prefetch, or "
        "overlap communication with computing.",
        units.BYTES_PER_SECOND,
        empty,
    )
    expr = gpus.traffic(kind.lower(), direction)
    return timeseries(about, curve(expr, GPU_LEGEND)).min(0)


def _width() -> curves.Panel:
    about = About(
        803,
        "Narrow PCIe links",
        "Share of the lanes of slot and GPU that a link uses, where it is not all of them. Half "
        "the lanes are half the speed: seat the board anew, or look for another slot.",
        units.RATIO,
        "All links have all of their lanes",
    )
    now, most = every("nvidia_gpu_pcie_link_width"), every("nvidia_gpu_pcie_link_width_max")
    return timeseries(about, curve(f"({now} / {most}) < 1", GPU_LEGEND)).min(0).max(1)


def _generation() -> curves.Panel:
    about = About(
        804,
        "PCIe generation",
        "Generation of the link now; it falls while a GPU is idle, to save power. One that stays "
        "low under load is half as fast for each step: look at riser, slot and BIOS.",
        units.NONE,
        "None of the chosen GPUs tells its link",
    )
    panel = timeseries(about, curve(every("nvidia_gpu_pcie_link_generation"), GPU_LEGEND))
    return panel.min(0).decimals(0)


def _pcie_errors() -> curves.Panel:
    about = About(
        805,
        "PCIe errors an hour",
        "Transfers that had to be repeated, and errors by severity. A few are normal; many, or any "
        "that are fatal, come from riser, slot or board: seat it anew.",
        units.NONE,
        "No error on PCIe",
    )
    replays = gpus.growth("nvidia_gpu_pcie_replays_total")
    errors = gpus.growth("nvidia_gpu_pcie_errors_total", by=(*GPU, "severity"))
    return timeseries(
        about,
        curve(f"{replays} * 3600 > 0", f"{GPU_LEGEND} repeated"),
        curve(f"{errors} * 3600 > 0", f"{GPU_LEGEND} {{{{severity}}}}", "B"),
    ).min(0)


def _window() -> curves.Panel:
    about = About(
        806,
        "Window to the memory (BAR1)",
        "Share in use of the window through which the host and other devices reach GPU memory. "
        "Full, transfers between GPUs fail: restart what leaks mappings, or enlarge it in the "
        "BIOS.",
        units.RATIO,
        "None of the chosen GPUs tells its window",
    )
    used, total = (every(f"nvidia_gpu_bar1_memory_{what}_bytes") for what in ("used", "total"))
    return timeseries(about, curve(f"{used} / {total}", GPU_LEGEND)).min(0).max(1)


def _down() -> curves.Panel:
    about = About(
        903,
        "NVLinks that are down",
        "How many links of a GPU are not in use. On boards that are fully connected it should be "
        "none: jobs on several GPUs hang or crawl; reset the GPUs, and have the link looked at.",
        units.NONE,
        NO_LINK,
    )
    up = every("nvidia_gpu_nvlink_up", by=(*GPU, "link"))
    expr = f"sum by ({', '.join(GPU)}) (1 - {up})"
    return timeseries(about, curve(expr, GPU_LEGEND)).min(0).decimals(0)


def _link_errors() -> curves.Panel:
    about = About(
        904,
        "NVLink errors an hour",
        "Errors of all links of a GPU by kind. Recoveries and CRC errors that keep coming announce "
        "a failing link: `nvidia-smi nvlink --errorcounters` names it; have it looked at.",
        units.NONE,
        "No error on NVLink",
    )
    by = (*GPU, "kind")
    rate = gpus.growth("nvidia_gpu_nvlink_errors_total", by=(*by, "link"))
    expr = f"sum by ({', '.join(by)}) ({rate}) * 3600 > 0"
    return timeseries(about, curve(expr, f"{GPU_LEGEND} {{{{kind}}}}")).min(0)


_NO_PCIE = "None of the chosen GPUs counts its traffic"
PCIE: Sequence[Panel] = (
    _traffic(801, "PCIe", "transmit", "send", _NO_PCIE),
    _traffic(802, "PCIe", "receive", "receive", _NO_PCIE),
    *(panel.span(6) for panel in (_width(), _generation(), _pcie_errors(), _window())),
)
NVLINK: Sequence[Panel] = (
    _traffic(901, "NVLink", "transmit", "send", NO_LINK),
    _traffic(902, "NVLink", "receive", "receive", NO_LINK),
    _down(),
    _link_errors(),
)
