"""What dashboards ask about GPUs: of the nodes and GPUs that are chosen, told apart by both."""

from __future__ import annotations

from collections.abc import Mapping

from alerts import signals
from grafana.queries import (
    GPU,
    first_of,
    labelled,
    max_by,
    on_node,
    per_second,
    series,
)

ON = ("node", "uuid")
"""What joins series of one GPU; `gpu` goes along."""
NODES = 'node=~"$node"'
CHOSEN = 'uuid=~"$uuid|$parent"'
"""Of a MIG instance that is chosen, its GPU is shown as well."""
GPU_LEGEND = "{{node}} GPU {{gpu}}"


def every(name: str, *matchers: str, by: tuple[str, ...] = GPU) -> str:
    """Return a metric for each chosen GPU, or for each combination of the labels `by`."""
    return max_by(by, on_node(series(name, NODES, CHOSEN, *matchers)))


def summed(name: str, *matchers: str, by: tuple[str, ...] = GPU) -> str:
    """Return the sum of a metric over its further labels, for each chosen GPU."""
    return f"sum by ({', '.join(by)}) ({every(name, *matchers, by=(*by, *_FURTHER[name]))})"


_FURTHER: Mapping[str, tuple[str, ...]] = {
    signals.GPU_ECC: ("kind", "location"),
    "nvidia_gpu_ecc_lifetime_errors_total": ("kind", "location"),
    "nvidia_gpu_retired_pages": ("cause",),
    "nvidia_gpu_nvlink_up": ("link",),
}


def growth(name: str, *matchers: str, by: tuple[str, ...] = GPU) -> str:
    """Return how fast a counter grows a second, for each chosen GPU."""
    return max_by(by, on_node(per_second(series(name, NODES, CHOSEN, *matchers))))


def grown(name: str, *matchers: str, by: tuple[str, ...] = GPU) -> str:
    """Return by how much a counter has grown in the range shown, for each chosen GPU.

    A pod that is replaced ends its series: what each has counted adds up.
    """
    increase = f"increase({series(name, NODES, CHOSEN, *matchers)}[$__range])"
    return f"sum by ({', '.join(by)}) ({on_node(increase)})"


def busy() -> str:
    """Return the share (0-1) of time with a kernel running, from all of the driver's samples."""
    return f"clamp_max({busy_rate()}, 1)"


def busy_rate() -> str:
    """Return the same to take means of.

    It may be above 1: readings and scrapes have paces of their own, which a mean evens out.
    """
    counted = growth("nvidia_gpu_busy_seconds_total")
    return first(counted, f"{every('nvidia_gpu_utilization_pct')} / 100")


def whole_memory() -> str:
    """Return the share (0-1) of a GPU's memory that processes hold, divided or not."""
    return f"{every(signals.GPU_MEMORY_USED)} / {every(signals.GPU_MEMORY_TOTAL)}"


def named() -> str:
    """Return 1 for each chosen GPU with its model as the label `name`, without the maker."""
    info = every(signals.GPU_INFO, by=(*GPU, "name"))
    return labelled(info, "name", "$1", "name", "NVIDIA (.+)")


def headroom() -> str:
    """Return how many degrees are left until the driver slows a GPU down, below 0 beyond that.

    Newer GPUs tell a margin, older ones a temperature.
    """
    margin, now = (
        every("nvidia_gpu_temperature_margin_celsius"),
        every("nvidia_gpu_temperature_celsius"),
    )
    return first(
        f"{margin} - {every('nvidia_gpu_temperature_margin_max_celsius')}",
        margin,
        f"{every('nvidia_gpu_temperature_max_celsius')} - {now}",
        f"{every('nvidia_gpu_temperature_slowdown_celsius')} - {now}",
    )


def traffic(link: str, direction: str) -> str:
    """Return the bytes a second over `pcie` or `nvlink`, where they are counted or measured."""
    name = f"nvidia_gpu_{link}_{direction}_bytes"
    by = (*GPU, "link") if link == "nvlink" else GPU
    counted = f"sum by ({', '.join(GPU)}) ({growth(f'{name}_total', by=by)})"
    return first(counted, every(f"{name}_per_second"))


def driver(*labels: str) -> str:
    """Return 1 for each chosen GPU, with labels of the driver of its node."""
    versions = max_by(("node", *labels), on_node(series("nvidia_driver_info", NODES)))
    one = f"topk by (node) (1, {versions})"
    return f"{every(signals.GPU_INFO)} * on (node) group_left ({', '.join(labels)}) {one}"


def first(*vectors: str) -> str:
    """Return for each GPU the first vector that has it."""
    return first_of(ON, *(f"({vector})" for vector in vectors))
