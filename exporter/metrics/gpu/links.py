"""How a GPU is connected: PCIe to the host, NVLink to others."""

from __future__ import annotations

from collections.abc import Callable

from exporter.metrics.gpu.rows import Row, Series, counter, gauge, keyed, labelled
from exporter.snapshot import Gpu, NvLink, PcieLink


def _pcie(name: str, text: str, value: Callable[[PcieLink], float | None]) -> Row[Gpu]:
    return gauge(name, text, lambda gpu: None if gpu.pcie is None else value(gpu.pcie))


def _pcie_bytes(name: str, text: str, direction: str) -> Row[Gpu]:
    return counter(name, text, lambda gpu: gpu.pcie_bytes.get(direction))


def _rate(name: str, text: str, which: str) -> Row[Gpu]:
    since = f"{text}; averaged since the last reading"
    return gauge(name, since, lambda gpu: gpu.rates.get(which))


def _nvlink(
    name: str, text: str, value: Callable[[NvLink], float | None], *, is_counter: bool = True
) -> Row[Gpu]:
    def series(gpu: Gpu) -> Series:
        for link in gpu.nvlinks:
            yield (str(link.link),), value(link)

    return Row(labelled(name, "counter" if is_counter else "gauge", text, "link"), series)


def _nvlink_errors(gpu: Gpu) -> Series:
    for link in gpu.nvlinks:
        for kind, count in link.errors.items():
            yield (str(link.link), kind), count


PCIE_ROWS: tuple[Row[Gpu], ...] = (
    _pcie(
        "nvidia_gpu_pcie_link_generation",
        "PCIe generation of the link now; falls while the GPU is idle",
        lambda link: link.generation,
    ),
    _pcie(
        "nvidia_gpu_pcie_link_generation_max",
        "Highest PCIe generation that GPU and slot can do",
        lambda link: link.max_generation,
    ),
    _pcie("nvidia_gpu_pcie_link_width", "PCIe lanes of the link now", lambda link: link.width),
    _pcie(
        "nvidia_gpu_pcie_link_width_max",
        "Most PCIe lanes that GPU and slot can do",
        lambda link: link.max_width,
    ),
    _pcie_bytes(
        "nvidia_gpu_pcie_transmit_bytes_total", "Bytes that the GPU sent over PCIe", "transmit"
    ),
    _pcie_bytes(
        "nvidia_gpu_pcie_receive_bytes_total", "Bytes that the GPU received over PCIe", "receive"
    ),
    _rate(
        "nvidia_gpu_pcie_transmit_bytes_per_second",
        "Bytes a second that the GPU sends over PCIe",
        "pcie_transmit",
    ),
    _rate(
        "nvidia_gpu_pcie_receive_bytes_per_second",
        "Bytes a second that the GPU receives over PCIe",
        "pcie_receive",
    ),
    counter(
        "nvidia_gpu_pcie_replays_total",
        "Transfers over PCIe that had to be repeated",
        lambda gpu: gpu.pcie_replays,
    ),
    keyed(
        labelled("nvidia_gpu_pcie_errors_total", "counter", "PCIe errors by severity", "severity"),
        lambda gpu: gpu.pcie_errors,
    ),
)

NVLINK_ROWS: tuple[Row[Gpu], ...] = (
    _nvlink(
        "nvidia_gpu_nvlink_up",
        "1 while this NVLink is in use",
        lambda link: link.active,
        is_counter=False,
    ),
    _nvlink(
        "nvidia_gpu_nvlink_transmit_bytes_total",
        "Payload bytes that the GPU sent over this NVLink",
        lambda link: link.transmitted,
    ),
    _nvlink(
        "nvidia_gpu_nvlink_receive_bytes_total",
        "Payload bytes that the GPU received over this NVLink",
        lambda link: link.received,
    ),
    _rate(
        "nvidia_gpu_nvlink_transmit_bytes_per_second",
        "Bytes a second that the GPU sends over all its NVLinks",
        "nvlink_transmit",
    ),
    _rate(
        "nvidia_gpu_nvlink_receive_bytes_per_second",
        "Bytes a second that the GPU receives over all its NVLinks",
        "nvlink_receive",
    ),
    Row(
        labelled(
            "nvidia_gpu_nvlink_errors_total",
            "counter",
            "Errors of this NVLink: replay, recovery and crc until Hopper; receive, integrity and"
            " recovery since Blackwell",
            "link",
            "kind",
        ),
        _nvlink_errors,
    ),
)

ROWS: tuple[Row[Gpu], ...] = (*PCIE_ROWS, *NVLINK_ROWS)
