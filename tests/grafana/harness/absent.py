"""What the bed cannot have, with the reason; a test finds entries that have become untrue."""

from __future__ import annotations

from collections.abc import Mapping

METRICS: Mapping[str, str] = {
    "nvidia_gpu_pod_memory_used_bytes": "the processes of pods are told by their control groups",
    "nvidia_gpu_pod_sm_utilization_ratio": "the processes of pods are told by control groups",
    "tunewatch_gpu_processes_outside_pods": "the processes of pods are told by control groups",
}
"""Metrics that no process of the bed exports."""

_HEALTHY = "nothing of that kind goes wrong in the bed"
PANELS: Mapping[str, str] = {
    "gpus/106/A": "what a run makes of its GPU is judged after a quarter of an hour",
    "gpus/601/I": "pages are retired by boards before Ampere",
    "gpus/601/J": "pages are retired by boards before Ampere",
    "gpus/602/A": _HEALTHY,
    "gpus/803/A": _HEALTHY,
    "gpus/805/A": _HEALTHY,
    "gpus/805/B": _HEALTHY,
    "gpus/904/A": _HEALTHY,
    "gpus/1003/A": "boards for servers have no fans",
    "tunewatch/301/I": "no heartbeat is configured",
    "tunewatch/401/A": _HEALTHY,
    "tunewatch/401/B": _HEALTHY,
    "tunewatch/401/C": _HEALTHY,
    "tunewatch/402/A": _HEALTHY,
    "tunewatch/402/B": _HEALTHY,
    "tunewatch/402/C": _HEALTHY,
    "tunewatch/402/E": _HEALTHY,
}
"""Targets (dashboard, id of the panel, reference) that nothing in the bed answers."""
