"""What dashboards ask about MIG instances, and about GPUs together with them."""

from __future__ import annotations

from alerts import signals
from grafana.gpus import NODES, ON, every, whole_memory
from grafana.queries import GPU, max_by, on_node, series

CHOSEN = 'uuid=~"$uuid"'
_PARTS = ("profile", "gpu_instance", "compute_instance")


def part_of(name: str) -> str:
    """Return a metric for each chosen MIG instance, and each one of a chosen GPU."""
    there = on_node(series(name, NODES))
    return f"({max_by(GPU, there)} and on (node, uuid) {_chosen_parts()})"


def _chosen_parts() -> str:
    info = series("nvidia_mig_info", NODES, CHOSEN)
    of_gpu = series("nvidia_mig_info", NODES, 'parent_uuid=~"$uuid"')
    return max_by(ON, on_node(f"({info} or {of_gpu})"))


def instance(name: str) -> str:
    """Return a metric for each chosen MIG instance, with its profile as a label."""
    return _profiled(part_of(name))


def _profiled(vector: str) -> str:
    facts = max_by((*ON, "profile"), on_node(series("nvidia_mig_info", NODES)))
    return f"{vector} * on (node, uuid) group_left (profile) {facts}"


def instance_pod() -> str:
    """Return 1 for each chosen MIG instance and the first pod that it was given."""
    given = max_by((*ON, "workload_pod"), on_node(series("nvidia_gpu_pod_info", NODES)))
    one = f"topk by (node, uuid) (1, {given})"
    return f"{instance('nvidia_mig_info')} * on (node, uuid) group_left (workload_pod) {one}"


def called(vector: str) -> str:
    """Add to the index of a GPU what its MIG instance is called, such as `0 1g.10gb 7 0`."""
    facts = max_by((*ON, *_PARTS), on_node(series("nvidia_mig_info", NODES)))
    told = f"({vector}) * on (node, uuid) group_left ({', '.join(_PARTS)}) {facts}"
    return max_by(GPU, indexed(told))


def indexed(vector: str) -> str:
    """Add to the index of a GPU the profile and the numbers of an instance of it."""
    names = ", ".join(f'"{label}"' for label in _PARTS)
    return f'label_join({vector}, "gpu", " ", "gpu", {names})'


def memory() -> str:
    """Return the share (0-1) of memory that processes hold; of divided GPUs instance by instance.

    An instance is shown as a GPU whose index is followed by what the instance is called.
    """
    divided = f"({every(signals.GPU_MIG_MODE)} == 1)"
    whole = f"({whole_memory()} unless on (node, uuid) {divided})"
    part = f"{part_of(signals.MIG_MEMORY_USED)} / {part_of(signals.MIG_MEMORY_TOTAL)}"
    return f"{whole}\nor {called(part)}"


def devices() -> str:
    """Return 1 for each chosen GPU and each MIG instance."""
    return f"{every(signals.GPU_INFO)}\nor on (node, uuid) {called(part_of('nvidia_mig_info'))}"
