"""What the manifests of k8s/ come to, as committed renders, and the pods in them."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, NamedTuple

from tests.support.kustomize import Document, documents
from tests.support.project import ROOT

OVERLAYS = ROOT / "k8s" / "overlays"
COMPONENTS = ROOT / "k8s" / "components"
COMPOSITIONS = ROOT / "tests" / "k8s" / "compositions"
RENDERS = ROOT / "tests" / "k8s" / "renders"

FOLDERS = {
    "base": ROOT / "k8s" / "base",
    **{path.name: path for path in sorted(OVERLAYS.iterdir())},
    **{path.name: path for path in sorted(COMPOSITIONS.iterdir())},
}
"""What can be rendered, by name: the base, our overlays, and what users may put together."""

WORKLOADS = ("DaemonSet", "Deployment")


class Pod(NamedTuple):
    """The pods of one workload in one render; `spec` is that of a pod."""

    render: str
    workload: Document

    @property
    def name(self) -> str:
        """The render, kind and name of the workload, for messages."""
        return f"{self.render}: {self.workload['kind']} {self.workload['metadata']['name']}"

    @property
    def spec(self) -> Document:
        """What each of the pods is made of."""
        spec: Document = self.workload["spec"]["template"]["spec"]
        return spec

    @property
    def container(self) -> Document:
        """Their only container."""
        (container,) = self.spec["containers"]
        found: Document = container
        return found

    @property
    def environment(self) -> Mapping[str, Any]:
        """The variables by name, as values or where they are taken from."""
        return {
            entry["name"]: entry.get("value", entry.get("valueFrom"))
            for entry in self.container["env"]
        }


def committed(name: str) -> list[Document]:
    """Return the objects of a render as it was committed."""
    return copy.deepcopy(_read(name))


@cache
def _read(name: str) -> list[Document]:
    return documents((RENDERS / f"{name}.yaml").read_text(encoding="utf-8"))


def of_kind(objects: list[Document], *kinds: str) -> list[Document]:
    """Return the objects of these kinds."""
    return [found for found in objects if found["kind"] in kinds]


def all_pods() -> Iterator[Pod]:
    """Yield the pods of all workloads in all committed renders."""
    for name in FOLDERS:
        for workload in of_kind(committed(name), *WORKLOADS):
            yield Pod(name, workload)
