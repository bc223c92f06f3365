"""The way to the API server: how it is found, what its refusals mean, and what stays secret."""

from __future__ import annotations

import logging
import ssl
import sys
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from exporter.kube import Settings, connect
from exporter.kube.client import Client
from exporter.kube.errors import (
    Conflict,
    Forbidden,
    KubeError,
    NoCluster,
    NotFound,
    Refused,
    ServerFailed,
    Throttled,
    Unauthorized,
    Unreachable,
)
from exporter.kube.objects import CONFIG_MAPS, LEASES
from tests.exporter.kube.conftest import Wired
from tests.support.certificates import Authority
from tests.support.kube_api import Fault, KubeApi, serving_kube_api

TOKEN = "eyJhbGciOi-very-secret"  # noqa: S105 - opens nothing


class Pod:
    """What Kubernetes gives a pod: variables, and a folder with token, authority and namespace."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        self.folder = folder
        self.authority = Authority(folder, "ca")
        (folder / "ca.crt").write_bytes(self.authority.file.read_bytes())
        (folder / "namespace").write_text("team-ml")
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.authority.certify(tls)
        self._serving = serving_kube_api(tls)
        self.api = self._serving.__enter__()
        self.environ = {
            "KUBERNETES_SERVICE_HOST": "127.0.0.1",
            "KUBERNETES_SERVICE_PORT": str(self.api.server_port),
        }
        self.mount_token(TOKEN)

    def mount_token(self, token: str, ending: str = "") -> None:
        """Replace the token, as the kubelet does before the old one ends."""
        self.api.tokens = {token: "system:serviceaccount:team-ml:tunewatch"}
        (self.folder / "token").write_text(token + ending)

    def client(self, namespace: str = "") -> Client:
        return Client(self.environ, namespace=namespace, service_account=self.folder, timeout=60.0)

    def end(self) -> None:
        self._serving.__exit__(None, None, None)


@pytest.fixture
def pod(tmp_path: Path) -> Iterator[Pod]:
    made = Pod(tmp_path / "serviceaccount")
    yield made
    made.end()


def lease(name: str = "x") -> dict[str, object]:
    metadata = {"name": name}
    return {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": metadata}


def test_a_pod_finds_its_cluster_and_its_namespace(pod: Pod) -> None:
    client = pod.client()

    stored = client.create(LEASES, lease())

    assert client.namespace == stored["metadata"]["namespace"] == "team-ml"
    assert pod.api.requests[-1].user == "system:serviceaccount:team-ml:tunewatch"


def test_a_token_that_was_replaced_is_read_anew(pod: Pod) -> None:
    client = pod.client()
    client.create(LEASES, lease())

    pod.mount_token("the-next-token")

    with pytest.raises(Unauthorized, match="renew the token"):
        client.get(LEASES, "x")
    assert client.get(LEASES, "x")


def test_a_line_break_after_the_token_does_no_harm(pod: Pod) -> None:
    pod.mount_token(TOKEN, ending="\n")

    assert pod.client().create(LEASES, lease())


def test_a_server_with_a_certificate_of_others_is_not_trusted(pod: Pod, tmp_path: Path) -> None:
    stranger = Authority(tmp_path, "stranger")
    (pod.folder / "ca.crt").write_bytes(stranger.file.read_bytes())

    with pytest.raises(Unreachable, match=r"TLS with https://127\.0\.0\.1:\d+ failed \(.*local"):
        pod.client().get(LEASES, "x")


@pytest.mark.parametrize(
    ("given", "variable", "context", "expected"),
    [
        ("", "", "", "default"),
        ("", "", "of-context", "of-context"),
        ("", "of-variable", "of-context", "of-variable"),
        ("of-flag", "of-variable", "of-context", "of-flag"),
    ],
)
def test_the_namespace_that_counts(
    api: KubeApi, tmp_path: Path, given: str, variable: str, context: str, expected: str
) -> None:
    file = api.kubeconfig(tmp_path, "me", namespace=context)
    environ = {"KUBECONFIG": str(file), "POD_NAMESPACE": variable}
    client = Client(environ, namespace=given, service_account=tmp_path, timeout=60.0)

    client.create(LEASES, lease())

    assert client.namespace == expected


def without_token(pod: Pod) -> dict[str, str]:
    (pod.folder / "token").unlink()
    return pod.environ


def kubeconfig(content: str) -> Callable[[Pod], dict[str, str]]:
    def written(pod: Pod) -> dict[str, str]:
        file = pod.folder / "kubeconfig"
        file.write_text(content)
        return {"KUBECONFIG": str(file)}

    return written


@pytest.mark.parametrize(
    ("environ", "message"),
    [
        (lambda _pod: {}, "no cluster.*set KUBECONFIG, or leave leader election off"),
        (without_token, "token file does not exist.*automountServiceAccountToken: true"),
        (lambda _pod: {"KUBECONFIG": "/nowhere"}, "KUBECONFIG cannot be used"),
        (kubeconfig("users: [}"), "KUBECONFIG cannot be used"),
        (kubeconfig("[]"), "KUBECONFIG cannot be used"),
        (kubeconfig("{}"), "KUBECONFIG cannot be used"),
        (kubeconfig("current-context: a\ncontexts: []"), "KUBECONFIG cannot be used"),
    ],
    ids=["none", "no token", "missing", "not yaml", "list", "empty", "no context"],
)
def test_no_cluster_is_told_with_the_remedy(
    pod: Pod, environ: Callable[[Pod], dict[str, str]], message: str
) -> None:
    client = Client(environ(pod), namespace="", service_account=pod.folder, timeout=60.0)

    with pytest.raises(NoCluster, match=message):
        client.get(LEASES, "x")


def test_a_cluster_that_appears_later_is_found(pod: Pod) -> None:
    (pod.folder / "token").unlink()
    client = pod.client()
    with pytest.raises(NoCluster):
        client.get(LEASES, "x")

    pod.mount_token(TOKEN)

    assert client.create(LEASES, lease())


@pytest.mark.parametrize(
    ("fault", "error", "message"),
    [
        (Fault("status", 409), Conflict, "the object has been modified"),
        (Fault("status", 410), Refused, "resource version is too old"),
        (Fault("status", 429, retry_after=7), Throttled, "too many requests"),
        (Fault("status", 500), ServerFailed, "etcdserver: leader changed.*look at"),
        (Fault("status", 503), ServerFailed, "unable to handle the request"),
        (Fault("cut"), Unreachable, r"http://127\.0\.0\.1:\d+ broke off"),
        (Fault("drop"), Unreachable, r"http://127\.0\.0\.1:\d+ broke off"),
    ],
)
def test_what_goes_wrong_has_a_name(
    api: KubeApi, wired: Wired, fault: Fault, error: type[KubeError], message: str
) -> None:
    wire = wired("me")
    stored = wire.create(LEASES, lease())
    api.fail("me", fault)

    for _ in range(2):
        with pytest.raises(error, match=message) as caught:
            wire.replace(LEASES, stored)
    assert caught.value.unsure is (error in (Unreachable, ServerFailed))
    if isinstance(caught.value, Throttled):
        assert caught.value.retry_after == 7
    api.heal("me")
    assert wire.get(LEASES, "x")


def test_what_is_missing_or_there_already(wired: Wired) -> None:
    wire = wired("me")
    with pytest.raises(NotFound):
        wire.get(CONFIG_MAPS, "x")
    wire.create(LEASES, lease())
    with pytest.raises(Conflict, match="already exists"):
        wire.create(LEASES, lease())


def test_a_right_that_is_missing_is_named(api: KubeApi, wired: Wired) -> None:
    api.rules = ()

    with pytest.raises(Forbidden) as caught:
        wired("me").get(CONFIG_MAPS, "tunewatch-state")

    assert "may not get configmaps/tunewatch-state" in str(caught.value)
    assert "needs the verb 'get' on configmaps of the API group ''" in str(caught.value)


def test_a_port_where_nobody_listens(tmp_path: Path) -> None:
    with serving_kube_api() as api:
        file = api.kubeconfig(tmp_path, "me")
    client = Client({"KUBECONFIG": str(file)}, namespace="", service_account=tmp_path, timeout=60.0)

    with pytest.raises(Unreachable, match="nothing listens at"):
        client.get(LEASES, "x")


def test_a_connection_that_the_server_closed_meanwhile_is_no_failure(
    api: KubeApi, wired: Wired
) -> None:
    wire = wired("me")
    wire.create(LEASES, lease())

    api.hang_up()

    assert wire.get(LEASES, "x")


def test_a_proxys_page_is_no_object(api: KubeApi, wired: Wired) -> None:
    wire = wired("me")
    wire.create(LEASES, lease())
    api.fail("me", Fault("page"))

    with pytest.raises(Refused, match=r"HTTP 200"):
        wire.get(LEASES, "x")


def test_the_token_is_never_logged_nor_part_of_an_error(
    pod: Pod, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    client = pod.client()
    client.create(LEASES, lease())
    pod.api.rules = ()
    with pytest.raises(Forbidden) as forbidden:
        client.get(LEASES, "x")
    pod.api.tokens = {}
    with pytest.raises(Unauthorized) as unauthorized:
        client.get(LEASES, "x")
    (pod.folder / "token").write_text(TOKEN + "\nX-Injected: yes")
    with pytest.raises(NoCluster, match="not one line of printable text") as unusable:
        client.get(LEASES, "x")

    assert TOKEN not in caplog.text
    for error in (forbidden, unauthorized, unusable):
        assert TOKEN not in "".join(traceback.format_exception(error.value))


def test_the_package_that_is_missing_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "exporter.kube.client", None)

    with pytest.raises(KubeError, match=r"pip install 'tunewatch\[kubernetes\]'"):
        connect(Settings(), {})
