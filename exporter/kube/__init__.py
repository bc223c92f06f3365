"""The cluster that this process runs in: a Lease for the run role, a ConfigMap for its state.

Nothing here is imported unless leader election is on, and `exporter.kube.client` is the only door
to the `kubernetes` package.
"""

from __future__ import annotations

import secrets
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from exporter.kube.elector import Elector
from exporter.kube.errors import KubeError, NotInstalled
from exporter.kube.lease import Lease
from exporter.kube.objects import Objects
from exporter.kube.state import ConfigMapStore
from exporter.leadership import LEASE_SECONDS, Timing

__all__ = ["Elector", "Kube", "KubeError", "Settings", "connect"]

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")


@dataclass(frozen=True, slots=True)
class Settings:
    """Names of the objects, and where they are; what is empty is found out.

    `namespace`: $POD_NAMESPACE, or that of the service account, or that of the current context of
    $KUBECONFIG. `identity`: $POD_NAME or the host name, and a random end in any case, so that a
    container that is started anew is told from the one before. `lease_duration` is in seconds, at
    least 1.
    """

    lease: str = "tunewatch"
    state: str = "tunewatch-state"
    namespace: str = ""
    identity: str = ""
    lease_duration: float = LEASE_SECONDS
    service_account: Path = SERVICE_ACCOUNT
    """Where Kubernetes mounts the token, the authority and the namespace."""


class Kube:
    """The objects of one process in one cluster."""

    def __init__(self, objects: Objects, settings: Settings, identity: str) -> None:
        self.identity = identity
        """How this process calls itself in the Lease: the pod's name and a random end."""
        self._objects = objects
        self._settings = settings
        self._timing = Timing(settings.lease_duration)

    def elector(self) -> Elector:
        """Return the one that competes for the Lease; it does nothing until it is ticked.

        Give its `tick` and its `watch` a worker each, set `wake` to the first one's, and set
        `on_gain` and `on_loss` before they start.
        """
        lease = Lease(self._objects, self._settings.lease, self.identity)
        return Elector(lease, self._timing)

    def store(self) -> ConfigMapStore:
        """Return the alert state of the cluster; only the holder may load it, which claims it."""
        return ConfigMapStore(self._objects, self._settings.state, self.identity)


def connect(settings: Settings, environ: Mapping[str, str]) -> Kube:
    """Prepare to talk to the cluster: KUBECONFIG if set, else the one that the pod runs in.

    Sends nothing, and whether there is a cluster is found out at the first request: one that is
    missing is the `problem` of the elector, which goes on trying. Raises KubeError where the
    `kubernetes` package is missing, and ValueError for a lease of less than a second.
    """
    timing = Timing(settings.lease_duration)
    try:
        from exporter.kube.client import Client  # noqa: PLC0415 - heavy, and may be missing
    except ModuleNotFoundError as error:
        raise NotInstalled(
            f"leader election needs the Python package {error.name}, which is not installed",
            "pip install 'tunewatch[kubernetes]'",
        ) from error
    client = Client(
        environ,
        namespace=settings.namespace,
        service_account=settings.service_account,
        timeout=timing.request_timeout,
    )
    return Kube(client, settings, settings.identity or _identity(environ))


def _identity(environ: Mapping[str, str]) -> str:
    return f"{environ.get('POD_NAME') or socket.gethostname()}_{secrets.token_hex(4)}"
