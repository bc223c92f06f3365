"""The only door to the `kubernetes` package: where the cluster is, who we are, three requests.

The package knows how clusters are found, how their certificates are checked and how tokens are
renewed. Requests go through its connection pool as plain JSON, since its typed API for ConfigMaps
alone costs 21 MiB and a second to import; and without its retries, since one request must never
outlast the tenure that it renews.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import urllib3
import yaml
from kubernetes.client import Configuration
from kubernetes.client.rest import RESTClientObject
from kubernetes.config import ConfigException, list_kube_config_contexts, load_kube_config
from kubernetes.config.incluster_config import InClusterConfigLoader

from exporter.kube.answers import checked, unreachable
from exporter.kube.errors import NoCluster, Unauthorized
from exporter.kube.objects import Kind, Manifest

CONNECTIONS = 2
"""How many are kept: one thread renews the Lease while another stores the state."""
_UNUSABLE = (
    *(ConfigException, OSError, ValueError, yaml.YAMLError),
    # A KUBECONFIG of another shape breaks the package's loader anywhere.
    *(AttributeError, LookupError, TypeError),
)


class _Cluster(NamedTuple):
    """Where requests go; the configuration renews the token where that is needed."""

    pool: urllib3.PoolManager
    configuration: Any
    namespace: str


class Client:
    """Objects of one namespace of a cluster; `Objects`, and may be used by many threads.

    The cluster is looked for at the first request, and again after one that it did not recognise us
    by: tokens and authorities are replaced while we run.
    """

    def __init__(
        self,
        environ: Mapping[str, str],
        *,
        namespace: str,
        service_account: Path,
        timeout: float,
    ) -> None:
        self._environ = environ
        self._namespace = namespace or environ.get("POD_NAMESPACE", "")
        self._service_account = service_account
        self._timeout = timeout
        self._cluster: _Cluster | None = None

    @property
    def namespace(self) -> str:
        """The namespace of all objects; empty while it is not known."""
        return self._cluster.namespace if self._cluster else self._namespace

    def get(self, kind: Kind, name: str, *, timeout: float | None = None) -> Manifest:
        """Return an object; raises NotFound."""
        return self._request("GET", kind, name, None, timeout)

    def create(self, kind: Kind, manifest: Manifest, *, timeout: float | None = None) -> Manifest:
        """Create an object and return it as stored; raises Conflict where the name is taken."""
        return self._request("POST", kind, "", manifest, timeout)

    def replace(self, kind: Kind, manifest: Manifest, *, timeout: float | None = None) -> Manifest:
        """Replace an object; raises Conflict unless its `resourceVersion` is still that."""
        return self._request("PUT", kind, manifest["metadata"]["name"], manifest, timeout)

    def _request(
        self, method: str, kind: Kind, name: str, body: Manifest | None, timeout: float | None
    ) -> Manifest:
        cluster = self._cluster = self._cluster or self._find()
        headers = self._headers(cluster.configuration)
        seconds = timeout or self._timeout
        host = str(cluster.configuration.host)
        path = kind.path(cluster.namespace) + (f"/{name}" if name else "")
        try:
            answer = cluster.pool.request(
                method,
                host + path,
                body=None if body is None else json.dumps(body).encode(),
                headers=headers,
                timeout=urllib3.Timeout(total=seconds),
                retries=False,
            )
        except urllib3.exceptions.HTTPError as error:
            raise unreachable(error, host, seconds) from error
        try:
            return checked(answer.status, answer.headers, answer.data, (method, kind, name))
        except Unauthorized:
            self._cluster = None
            raise

    def _headers(self, configuration: Any) -> dict[str, str]:  # noqa: ANN401 - a class without types
        headers = {
            "Accept": "application/json",
            "Content-Type": "application/json",
            "User-Agent": "tunewatch",
        }
        try:
            # Reads the token anew when it has been used for a while.
            setting = configuration.auth_settings().get("BearerToken")
        except _UNUSABLE as error:
            raise self._nowhere(error) from error
        if setting:
            headers["Authorization"] = _credentials(str(setting["value"]))
        return headers

    def _find(self) -> _Cluster:
        configuration = Configuration()
        configuration.connection_pool_maxsize = CONNECTIONS
        try:
            namespace = self._load(configuration)
            pool = RESTClientObject(configuration).pool_manager
        except _UNUSABLE as error:
            raise self._nowhere(error) from error
        return _Cluster(pool, configuration, self._namespace or namespace or "default")

    def _load(self, configuration: Any) -> str:  # noqa: ANN401 - as above
        """Fill in where the cluster is and who we are; return the namespace that goes with it."""
        file = self._environ.get("KUBECONFIG", "")
        if file:
            load_kube_config(file, client_configuration=configuration, persist_config=False)
            _, current = list_kube_config_contexts(file)
            return str(current["context"].get("namespace") or "")
        mounted = self._service_account
        InClusterConfigLoader(
            token_filename=str(mounted / "token"),
            cert_filename=str(mounted / "ca.crt"),
            environ=self._environ,
        ).load_and_set(configuration)
        return (mounted / "namespace").read_text(encoding="utf-8").strip()

    def _nowhere(self, error: Exception) -> NoCluster:
        reason = " ".join(str(error).split())[:200]
        if self._environ.get("KUBECONFIG"):
            return NoCluster(f"KUBECONFIG cannot be used ({reason})", "correct that file")
        if "KUBERNETES_SERVICE_HOST" in self._environ:
            return NoCluster(
                f"this pod has no way into its API server ({reason})",
                "give it a service account and set automountServiceAccountToken: true",
            )
        return NoCluster(
            "there is no cluster: this is no pod, and KUBECONFIG is not set",
            "set KUBECONFIG, or leave leader election off outside a cluster",
        )


def _credentials(value: str) -> str:
    """Return a header that http.client takes: its complaint would show the token to everybody."""
    if re.fullmatch(r"[!-~]+ [!-~]+\s*", value) is None:
        raise NoCluster("our token is not one line of printable text", "write it anew")
    return value.strip()
