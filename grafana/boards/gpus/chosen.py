"""What is chosen on the dashboard of GPUs: nodes, and GPUs or MIG instances of theirs."""

from __future__ import annotations

from collections.abc import Sequence

from grafana_foundation_sdk.models import dashboard as model

from grafana import variables
from grafana.gpus import NODES
from grafana.instances import CHOSEN, indexed
from grafana.queries import GPU, max_by, on_node, series

_SEEN = "[$__range]"
_GPUS = f"last_over_time({series('nvidia_gpu_info', NODES)}{_SEEN})"
_PARTS = f"last_over_time({series('nvidia_mig_info', NODES)}{_SEEN})"


def node() -> variables.Variable:
    """Return the choice of nodes; where scrapes stamp no label `node` there is only All."""
    listed = variables.values("node", "Node", series("nvidia_gpu_devices"), "node")
    return listed.all_value(".*")


def uuid() -> variables.Variable:
    """Return the choice of GPUs and MIG instances by name, whose values are their uuids."""
    either = f"({max_by(GPU, on_node(_GPUS))} or {max_by(GPU, indexed(on_node(_PARTS)))})"
    named = f'label_join({either}, "device", " GPU ", "node", "gpu")'
    return variables.devices("uuid", "GPU", max_by(("device", "uuid"), named))


def parent() -> variables.Variable:
    """Return the GPU of the MIG instance that is chosen, as a variable that nobody sees."""
    info = series("nvidia_mig_info", CHOSEN)
    hidden = variables.one("parent", "GPU of the instance", info, "parent_uuid")
    return hidden.hide(model.VariableHide.HIDE_VARIABLE)


VARIABLES: Sequence[variables.Variable] = (node(), uuid(), parent())
