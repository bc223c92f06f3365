"""How busy and how full GPUs are."""

from __future__ import annotations

from collections.abc import Sequence

from grafana_foundation_sdk.builders import timeseries as curves

from alerts.rules import gpu as gpu_rules
from alerts.thresholds import IdleTuning
from grafana import gpus, instances, units, users
from grafana.gpus import GPU_LEGEND, every
from grafana.looks import PLAIN, RED, colored, dashed, lines, steps
from grafana.panels import About, Panel, timeseries
from grafana.queries import max_by, series
from grafana.targets import Target, curve

LIMIT = "limit"
HOPPER = "None of the chosen GPUs measures this: it takes Hopper or newer"


def _busy() -> curves.Panel:
    about = About(
        101,
        "Busy",
        "Share of time in which a kernel ran, from all samples of the driver, so that short bursts "
        "count. A GPU that trains should stay high: dips that come again and again are waits for "
        "data (more workers, faster storage, tokenise beforehand), a flat zero is a hang.",
        units.RATIO,
        "No utilisation (divided GPUs tell none)",
    )
    return timeseries(about, curve(gpus.busy(), GPU_LEGEND)).min(0).max(1)


def _memory() -> curves.Panel:
    about = About(
        102,
        "Memory used",
        "Share of memory that processes hold; of divided GPUs instance by instance. Above the "
        "limit a longer batch may run out of memory: lower the batch size or checkpoint "
        "activations. A level that stays is mostly what the framework keeps for itself.",
        units.RATIO,
        "No GPU: is a tunewatch process up on the node, and scraped?",
    )
    limit = max_by((), series("tunewatch_threshold", f'rule="{gpu_rules.MEMORY}"'))
    panel = timeseries(about, curve(instances.memory(), GPU_LEGEND), _limit(f"{limit} / 100"))
    return panel.min(0).max(1).override_by_name(LIMIT, [colored(RED), dashed()])


def _activity(number: int, title: str, measure: str, text: str) -> curves.Panel:
    about = About(number, title, text, units.RATIO, HOPPER)
    expr = every(f"nvidia_gpu_{measure}_ratio")
    return timeseries(about, curve(expr, GPU_LEGEND)).min(0).max(1).span(8)


def _training() -> curves.Panel:
    about = About(
        106,
        "Busy under a run",
        "How busy GPUs were on which a run trains, over the window of the alert. Below the limit "
        "the run wastes its GPU: look at its data loader, or for a process that hangs (py-spy).",
        units.PERCENT,
        "No run is known to train on the chosen GPUs (tags k8s.pod or tunewatch.gpus)",
    )
    expr = users.training_busy()
    panel = timeseries(about, curve(expr, GPU_LEGEND)).min(0).max(100)
    limit = steps({None: RED, IdleTuning().busy_pct: PLAIN})
    return panel.thresholds(limit).thresholds_style(lines())


def _engines() -> curves.Panel:
    about = About(
        107,
        "Memory traffic and media engines",
        "Share of the last sample period in which memory was read or written, or an engine worked. "
        "High memory traffic at low tensor activity: the run is bound by memory; larger batches "
        "or fused kernels help. Media engines should rest while language models train.",
        units.RATIO,
        "No sample (divided GPUs tell none)",
    )
    traffic = every("nvidia_gpu_memory_busy_ratio")
    engines = every("nvidia_gpu_engine_busy_ratio")
    panel = timeseries(
        about,
        curve(traffic, f"{GPU_LEGEND} memory"),
        curve(engines, f"{GPU_LEGEND} media", "B"),
    )
    return panel.min(0).max(1)


def _limit(expr: str) -> Target:
    return curve(expr, LIMIT, "B")


PANELS: Sequence[Panel] = (
    _busy(),
    _memory(),
    _activity(
        103,
        "Multiprocessors at work",
        "sm_active",
        "Share of the time in which multiprocessors had work, averaged over all of them. Busy but "
        "low here: kernels are too small to fill the GPU; use larger batches or longer sequences.",
    ),
    _activity(
        104,
        "Tensor cores at work",
        "tensor_active",
        "Share of the time in which tensor cores worked: what training pays for. Near zero while "
        "the GPU is busy: the run does not compute in bf16, fp16 or tf32; check its precision.",
    ),
    _activity(
        105,
        "Memory at work",
        "dram_active",
        "Share of the time in which memory moved data. Near one: the run waits for memory; larger "
        "batches, fused kernels or flash attention help more than a faster GPU.",
    ),
    _training(),
    _engines(),
)
