"""What GPU a device is that Kubernetes gave to a container.

| called | by | is |
|---|---|---|
| `GPU-…`, `MIG-…` | NVIDIA's device plugin | the uuid |
| `GPU-…::3`, `MIG-…::0` | the same, sharing by time or MPS | a replica of that |
| `0`, `0::1` | device plugins that count | a GPU by index |
| `nvidia0`, `nvidia0/gi2`, `nvidia0/vgpu1` | GKE's device plugin | by minor number, GPU instance |
| `gpu-0` | NVIDIA's DRA driver | by minor number |
| `nvidia.com/gpu=GPU-…` | CDI | what stands after the sign |

A replica is no device of its own: who holds two of one GPU holds that GPU once.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from exporter.snapshot import Gpu, Gpus

_REPLICA = "::"
_UUID = ("GPU-", "MIG-")
_GPU_RESOURCE = re.compile(r"nvidia\.com/(gpu|mig).*|gpu\.nvidia\.com")
_INDEX = re.compile(r"(\d{1,4})")
_MINOR = re.compile(r"(?:nvidia|gpu-)(\d{1,4})(?:/gi(\d{1,4}))?(?:/vgpu\d+)?")


class DeviceNames:
    """The devices of one node by all their names; without a reading only uuids are known."""

    def __init__(self, gpus: Gpus | None) -> None:
        known = gpus.gpus if gpus else ()
        self._by_index = {gpu.index: gpu.uuid for gpu in known}
        self._by_minor = dict(_by_minor(known))

    def is_gpu(self, resource: str, names: Iterable[str]) -> bool:
        """Whether a device is a GPU or a part of one, be it of this node or not.

        A resource may be renamed at will (`team.example/big-gpu`), so what looks like the uuid of a
        GPU is one; numbers are believed of NVIDIA's own names only.
        """
        named = any(_bare(name).startswith(_UUID) for name in names)
        return named or bool(_GPU_RESOURCE.fullmatch(resource))

    def uuid(self, names: Iterable[str]) -> str | None:
        """Return the uuid of the GPU or MIG device with one of these names, None for no match."""
        return next(filter(None, map(self._uuid, map(_bare, names))), None)

    def _uuid(self, name: str) -> str | None:
        if name.startswith(_UUID):
            return name
        if match := _INDEX.fullmatch(name):
            return self._by_index.get(int(match[1]))
        if match := _MINOR.fullmatch(name):
            return self._by_minor.get((int(match[1]), int(match[2]) if match[2] else None))
        return None


def _bare(name: str) -> str:
    """Return a device's name without what CDI puts before and replicas have after it."""
    return name.rpartition("=")[2].partition(_REPLICA)[0]


def _by_minor(gpus: Iterable[Gpu]) -> Iterator[tuple[tuple[int, int | None], str]]:
    for gpu in gpus:
        # Where the driver does not tell, the two count alike on nearly every machine.
        minor = gpu.index if gpu.minor is None else gpu.minor
        yield (minor, None), gpu.uuid
        for instance in gpu.instances:
            if instance.gpu_instance is not None:
                yield (minor, instance.gpu_instance), instance.uuid
