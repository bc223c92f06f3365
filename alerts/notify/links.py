"""Where to look closer: links, and commands that can be pasted into a shell."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from urllib.parse import quote

from alerts.model import GpuObservation, NodeObservation, PodName, RunFacts, Subject
from alerts.notify.escape import plain

NAMESPACE_TAG = "k8s.namespace"
POD_TAG = "k8s.pod"
_PLACEHOLDER = "{run_id}"
_NAME_LENGTH = 253
"""The longest name that Kubernetes allows."""


def dashboard_link(template: str, subject: Subject) -> str:
    """Return the address of the dashboard for `subject`, empty where there is none.

    `template` may name `{run_id}`; such a dashboard is there for runs only.
    """
    if subject.kind != "run" and _PLACEHOLDER in template:
        return ""
    return template.replace(_PLACEHOLDER, quote(subject.id, safe=""))


def pod_of(run: RunFacts) -> PodName:
    """Return the pod that a run's tags name; its name is empty where they name none."""
    return PodName(run.tags.get(NAMESPACE_TAG, ""), run.tags.get(POD_TAG, ""))


def pod_commands(pod: PodName) -> Iterator[str]:
    """Yield the commands that show log and GPUs of a pod; none for what cannot be a pod's name."""
    name = _name(pod.pod)
    if not name:
        return
    namespace = _name(pod.namespace)
    kubectl = f"kubectl -n {shlex.quote(namespace)}" if namespace else "kubectl"
    yield f"{kubectl} logs --tail=100 {shlex.quote(name)}"
    yield f"{kubectl} exec {shlex.quote(name)} -- nvidia-smi"


def gpu_command(gpu: GpuObservation) -> str:
    """Return the command that shows, on its node, who uses a GPU."""
    return f"nvidia-smi -i {gpu.index}"


def node_commands(node: NodeObservation) -> Iterator[str]:
    """Yield the command that shows what runs on a node of a cluster."""
    name = _name(node.node)
    if name:
        selector = shlex.quote(f"spec.nodeName={name}")
        yield f"kubectl get pods -A -o wide --field-selector {selector}"


def _name(text: str) -> str:
    """Return a name that kubectl takes for one; nothing for what no object can be called."""
    usable = plain(text, _NAME_LENGTH, _NAME_LENGTH) == text and not text.startswith("-")
    return text if usable else ""
