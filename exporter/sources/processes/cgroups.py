"""Which pod a process belongs to, by its control group and the names of log directories.

The kubelet puts the uid of a pod into the name of the pod's control group, in one of two spellings,
and names the pod's directory below `/var/log/pods` by namespace, name and uid.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import NamedTuple

_POD = re.compile(r"kubepods\S*?[/-]pod([0-9a-f]{8}(?:[-_]?[0-9a-f]{4}){3}[-_]?[0-9a-f]{12})\b")


class PodName(NamedTuple):
    """What a pod is called."""

    namespace: str
    pod: str


def pod_uid(cgroups: str) -> str | None:
    """Return the uid of the pod in the text of `/proc/<pid>/cgroup`, None outside of pods.

    The outermost pod counts: below its own control group a container may name others as it likes.
    A static pod's uid has no dashes.
    """
    match = _POD.search(cgroups.replace(r"\x2d", "-"))
    return match[1].replace("_", "-") if match else None


def uid_of_process(proc: Path, pid: int) -> str | None:
    """Return the uid of the pod that a process runs in; None for one outside, or gone."""
    try:
        return pod_uid((proc / str(pid) / "cgroup").read_text(errors="replace"))
    except (FileNotFoundError, ProcessLookupError):
        return None


def pods_by_uid(logs: Path) -> dict[str, PodName]:
    """Return the names of this node's pods by uid; raises OSError without the directory."""
    pods = {}
    with os.scandir(logs) as entries:
        for entry in entries:
            namespace, _, rest = entry.name.partition("_")
            pod, _, uid = rest.rpartition("_")
            if namespace and pod and uid:
                pods[uid] = PodName(namespace, pod)
    return pods
