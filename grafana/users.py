"""Who uses GPUs and MIG instances: pods by what kubelets gave them, runs by their tags."""

from __future__ import annotations

from alerts import signals
from grafana.gpus import NODES, ON, every
from grafana.instances import devices
from grafana.queries import GPU, RUN, kept, max_by, named_run, newest, on_node, series

POD = ("workload_namespace", "workload_pod")


def training_busy() -> str:
    """Return how busy (percent) the chosen GPUs were on which a run trains."""
    return _placed(max_by(("uuid",), series(signals.GPU_TRAINING_BUSY)), ("uuid",))


def alerts() -> str:
    """Return how many alerts about a GPU fire, for each chosen GPU that has any."""
    firing = series("tunewatch_alert_state", 'state="firing"', 'uuid!=""')
    count = f"count by (uuid) ({max_by(('rule', 'uuid'), firing)})"
    return f"{every(signals.GPU_INFO)} * on (uuid) group_left () {count}"


def holders() -> str:
    """Return 1 for each pod and GPU or MIG instance that it was given."""
    given = on_node(series("nvidia_gpu_pod_info", NODES))
    return _placed(max_by((*ON, *POD), given), ON)


def shares(name: str) -> str:
    """Return what a pod uses of a GPU or MIG instance that is chosen."""
    return _placed(max_by((*ON, *POD), on_node(series(name, NODES))), ON)


def trained() -> str:
    """Return 1 for each run of the range and each GPU or MIG instance that it trains on.

    `run` is its name. Where the run role moves, the new holder takes a while to know them.
    """
    pairs = kept(max_by((*RUN, "uuid"), series("tunewatch_run_gpu_info")))
    return _placed(max_by((*RUN, "run", "uuid"), named_run(pairs)), ("uuid",))


def last_run() -> str:
    """Return a value for the run of the range that was seen last on each GPU."""
    seen = newest((*RUN, "uuid"), series("tunewatch_run_gpu_info"), ("uuid",))
    placed = _placed(max_by(("run", "run_id", "uuid"), named_run(seen)), ("uuid",))
    return f"({placed} and on (node, uuid) {every(signals.GPU_INFO)})"


def _placed(vector: str, on: tuple[str, ...]) -> str:
    """Keep what is about a chosen GPU or MIG instance, and add its node and index."""
    one = f"topk by ({', '.join(on)}) (1, {devices()})"
    added = ", ".join(label for label in GPU if label not in on)
    return f"{vector} * on ({', '.join(on)}) group_left ({added}) {one}"


def first_pod() -> str:
    """Return 1 for one of the pods that hold each GPU that is not divided."""
    held = max_by((*GPU, "workload_pod"), holders())
    whole = f"({held} and on (node, uuid) {every(signals.GPU_INFO)})"
    return f"topk by (node, uuid) (1, {whole})"
