"""The two kinds of objects that tunewatch keeps in a cluster, and what it does with them."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

Manifest = dict[str, Any]
"""An object as the API server writes it in JSON."""


class Kind(NamedTuple):
    """A kind of namespaced objects: its version with the group, its name, and that of many."""

    api_version: str
    name: str
    plural: str

    @property
    def group(self) -> str:
        """The API group; empty for the core."""
        return self.api_version.rpartition("/")[0]

    def path(self, namespace: str) -> str:
        """Return where the API server lists them."""
        root = "apis" if self.group else "api"
        return f"/{root}/{self.api_version}/namespaces/{namespace}/{self.plural}"


LEASES = Kind("coordination.k8s.io/v1", "Lease", "leases")
CONFIG_MAPS = Kind("v1", "ConfigMap", "configmaps")


class Objects(Protocol):
    """Objects of one namespace; every method raises `KubeError` from `exporter.kube.errors`.

    A request takes no longer than `timeout` seconds, None for the usual limit, though a machine
    that sleeps or a resolver that hangs can make it longer.
    """

    @property
    def namespace(self) -> str:
        """The namespace of all objects; empty while it is not known."""

    def get(self, kind: Kind, name: str, *, timeout: float | None = None) -> Manifest:
        """Return an object; raises NotFound."""

    def create(self, kind: Kind, manifest: Manifest, *, timeout: float | None = None) -> Manifest:
        """Create an object and return it as stored; raises Conflict where the name is taken."""

    def replace(self, kind: Kind, manifest: Manifest, *, timeout: float | None = None) -> Manifest:
        """Replace an object and return it as stored.

        Raises Conflict unless its `metadata.resourceVersion` is still the one given.
        """


def version_of(manifest: Manifest) -> str:
    """Return the version that guards the next write."""
    return str(manifest["metadata"]["resourceVersion"])


def edited(manifest: Manifest, **parts: Any) -> Manifest:  # noqa: ANN401 - parts of JSON
    """Return a copy of an object with other parts, fit to be sent back.

    What others have added to it (labels, owners) stays, so that writing it does not undo them.
    """
    return {**manifest, "metadata": {**manifest["metadata"]}, **parts}
