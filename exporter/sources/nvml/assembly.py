"""From the parts that the calls made to a GPU of the snapshot."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from exporter.snapshot import Gpu, NvLink, PcieLink, RetiredPages

Group = dict[Any, Any]
"""The parts `name.key` by key; a key of several words is a tuple of them."""


def assemble(index: int, uuid: str, parts: Mapping[str, Any]) -> Gpu:
    """Return the GPU that these parts describe; missing parts are left unknown."""
    described: dict[str, Any] = {}
    groups: dict[str, Group] = {}
    for part, value in parts.items():
        name, *keys = part.split(".")
        if keys:
            groups.setdefault(name, {})[keys[0] if len(keys) == 1 else tuple(keys)] = value
        else:
            described[name] = value
    for name, group in groups.items():
        described[name] = _BUILDERS[name](group) if name in _BUILDERS else group
    return Gpu(index, uuid, **described)


def _nvlinks(group: Group) -> tuple[NvLink, ...]:
    links: dict[int, dict[str, Any]] = {}
    for (number, name, *kind), value in group.items():
        link = links.setdefault(int(number), {})
        if kind:
            link.setdefault(name, {})[kind[0]] = value
        else:
            link[name] = value
    return tuple(NvLink(number, **links[number]) for number in sorted(links))


_BUILDERS: Mapping[str, Callable[[Group], Any]] = {
    "pcie": lambda group: PcieLink(**group),
    "retired_pages": lambda group: RetiredPages(**group),
    "nvlinks": _nvlinks,
}
"""Those fields of `Gpu` that are no mappings."""
