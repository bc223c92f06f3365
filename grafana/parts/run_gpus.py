"""The GPUs and MIG instances on which a run trains."""

from __future__ import annotations

from collections.abc import Iterator

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.builders import timeseries as curves

from grafana import units
from grafana.choices import THIS_RUN
from grafana.panels import About, Panel, timeseries
from grafana.queries import GPU, first_of, max_by, named_gpu, series
from grafana.targets import curve
from grafana.words import advice

NO_GPU = (
    "No GPU is known to be this run's: its job must set the tags k8s.namespace and k8s.pod, or "
    "tunewatch.gpus"
)


TO_GPU = (
    "/d/tunewatch-gpus?var-uuid=${__field.labels.uuid}&${datasource:queryparam}&${__url_time_range}"
)


def run_gpus() -> Iterator[Panel]:
    """Yield what the devices of the run do; each leads to its own dashboard."""
    for panel in (_busy(), _memory(), _power(), _temperature()):
        yield panel.data_links([dashboard.DashboardLink("Open the GPU").url(TO_GPU)])


def _used(vector: str) -> str:
    """Keep of all devices those that the run has, and name them."""
    mine = max_by(("uuid",), series("tunewatch_run_gpu_info", THIS_RUN))
    return named_gpu(f"({vector}) * on (uuid) group_left () {mine}")


def _of_gpu(name: str) -> str:
    return max_by(GPU, series(name))


def _busy() -> curves.Panel:
    about = About(
        80,
        "Busy",
        "Share of time in which a kernel ran. Steep falls to zero: the GPU waits. "
        + advice("gpu_idle_while_training"),
        units.PERCENT,
        NO_GPU,
    )
    part = f"{_of_gpu('nvidia_mig_graphics_active_ratio')} * 100"
    every = first_of(("uuid",), _of_gpu("nvidia_gpu_utilization_pct"), part)
    return timeseries(about, curve(_used(every), "{{device}}")).min(0).max(100)


def _memory() -> curves.Panel:
    about = About(
        81,
        "Memory in use",
        "Share of the memory that processes hold. " + advice("gpu_memory_high"),
        units.RATIO,
        NO_GPU,
    )
    every = first_of(("uuid",), *(_share(kind) for kind in ("nvidia_gpu", "nvidia_mig")))
    return timeseries(about, curve(_used(every), "{{device}}")).min(0).max(1)


def _share(kind: str) -> str:
    return f"{_of_gpu(f'{kind}_memory_used_bytes')} / {_of_gpu(f'{kind}_memory_total_bytes')}"


def _power() -> curves.Panel:
    about = About(
        82,
        "Power",
        "Far below the limit while busy, the GPU waits for memory or other GPUs, or its clocks "
        "are held down: see the GPU's own dashboard.",
        units.unit_of("nvidia_gpu_power_watts"),
        f"{NO_GPU}; a MIG instance has no power of its own",
    )
    return timeseries(about, curve(_used(_of_gpu("nvidia_gpu_power_watts")), "{{device}}")).min(0)


def _temperature() -> curves.Panel:
    about = About(
        83,
        "Temperature",
        "Near the temperature at which the GPU slows itself down (mostly 83 to 90 °C) training "
        f"gets slower. {advice('gpu_slowdown')}",
        units.unit_of("nvidia_gpu_temperature_celsius"),
        f"{NO_GPU}; a MIG instance has no temperature of its own",
    )
    of_gpu = curve(_used(_of_gpu("nvidia_gpu_temperature_celsius")), "{{device}}")
    return timeseries(about, of_gpu).min(0)
