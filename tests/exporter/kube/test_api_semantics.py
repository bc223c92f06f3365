"""What tunewatch relies on in an API server, asked of ours on loopback and of a real one.

The real one is asked where `kube-apiserver` and `etcd` are on PATH; ours is to answer as it does.
"""

from __future__ import annotations

import base64
import json
import ssl
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.support.kube_api import KubeApi, serving_kube_api
from tests.support.kube_apiserver import ADMIN, missing, serving_real_api

NAMESPACES = "/api/v1/namespaces"
LEASES = "/apis/coordination.k8s.io/v1/namespaces/monitoring/leases"
MAPS = "/api/v1/namespaces/monitoring/configmaps"

Answer = tuple[int, dict[str, Any]]
Ask = Callable[..., Answer]


def asker(url: str, tls: ssl.SSLContext | None = None) -> Ask:
    """Ask as curl would; returns the status and the object."""

    def asking(method: str, path: str, body: object = None, token: str = ADMIN) -> Answer:
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        content = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(url + path, content, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=60, context=tls) as answer:
                return answer.status, json.loads(answer.read())
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read())

    return asking


@pytest.fixture(scope="module", params=["loopback", "kube-apiserver"])
def served(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Ask]:
    if request.param == "loopback":
        with serving_kube_api() as api:
            api.tokens[ADMIN] = "admin"
            yield asker(api.url)
        return
    if missing():
        pytest.skip(f"hardware: {missing()} not on PATH")
    with serving_real_api(tmp_path_factory.mktemp("cluster")) as real:
        ask = asker(real.url, real.tls)
        ask("POST", NAMESPACES, {"metadata": {"name": "monitoring"}})
        yield ask


@pytest.fixture
def ask(served: Ask) -> Ask:
    """Ask a cluster in which nothing is stored yet."""
    for path in (LEASES, MAPS):
        served("DELETE", f"{path}/x")
    return served


def lease(**spec: object) -> dict[str, Any]:
    metadata: dict[str, object] = {"name": "x"}
    return {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": metadata,
        "spec": spec,
    }


def config_map(**data: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"}, "binaryData": data}


def reason(answer: Answer) -> tuple[int, str]:
    status, body = answer
    assert body["kind"] == "Status"
    assert body["code"] == status
    return status, str(body["reason"])


def test_an_object_to_be_created_names_no_version(ask: Ask) -> None:
    body = lease()
    body["metadata"]["resourceVersion"] = "7"

    status, answer = ask("POST", LEASES, body)

    assert (status, answer["message"]) == (
        500,
        "resourceVersion should not be set on objects to be created",
    )


def test_versions_grow_with_each_write_of_any_object(ask: Ask) -> None:
    _, first = ask("POST", LEASES, lease())
    _, other = ask("POST", MAPS, config_map())
    first["spec"] = {"holderIdentity": "a"}
    _, second = ask("PUT", f"{LEASES}/x", first)

    versions = [int(o["metadata"]["resourceVersion"]) for o in (first, other, second)]
    assert versions == sorted(set(versions))
    assert second["metadata"]["uid"] == first["metadata"]["uid"]
    assert ask("GET", f"{LEASES}/x") == (200, second)


def test_a_write_that_changes_nothing_is_none(ask: Ask) -> None:
    _, first = ask("POST", LEASES, lease())
    _, second = ask("PUT", f"{LEASES}/x", first)

    assert second == first


def test_a_stale_version_conflicts(ask: Ask) -> None:
    _, first = ask("POST", LEASES, lease())
    ask("PUT", f"{LEASES}/x", first | {"spec": {"holderIdentity": "a"}})

    answer = ask("PUT", f"{LEASES}/x", first | {"spec": {"holderIdentity": "b"}})

    assert reason(answer) == (409, "Conflict")
    assert answer[1]["message"] == (
        'Operation cannot be fulfilled on leases.coordination.k8s.io "x": the object has been '
        "modified; please apply your changes to the latest version and try again"
    )


def test_a_name_is_given_once(ask: Ask) -> None:
    ask("POST", MAPS, config_map())

    answer = ask("POST", MAPS, config_map())

    assert reason(answer) == (409, "AlreadyExists")
    assert answer[1]["message"] == 'configmaps "x" already exists'


def test_what_is_missing_is_not_found(ask: Ask) -> None:
    assert reason(ask("GET", f"{MAPS}/x")) == (404, "NotFound")
    assert reason(ask("PUT", f"{MAPS}/x", config_map())) == (404, "NotFound")
    assert reason(ask("DELETE", f"{MAPS}/x")) == (404, "NotFound")
    assert reason(ask("GET", MAPS.replace("configmaps", "nonsense") + "/x")) == (404, "NotFound")


def test_an_object_that_was_made_anew_is_another(ask: Ask) -> None:
    _, first = ask("POST", MAPS, config_map())
    assert ask("DELETE", f"{MAPS}/x")[0] == 200
    ask("POST", MAPS, config_map())

    assert reason(ask("PUT", f"{MAPS}/x", first)) == (409, "Conflict")


def test_a_lease_is_replaced_by_who_names_its_version_only(ask: Ask) -> None:
    ask("POST", LEASES, lease())
    ask("POST", MAPS, config_map())

    assert reason(ask("PUT", f"{LEASES}/x", lease(holderIdentity="a"))) == (422, "Invalid")
    assert ask("PUT", f"{MAPS}/x", config_map(a="QQ=="))[0] == 200


@pytest.mark.parametrize(
    ("path", "body", "expected"),
    [
        (LEASES, lease(leaseDurationSeconds=0), (422, "Invalid")),
        (LEASES, lease(leaseTransitions=-1), (422, "Invalid")),
        (LEASES, lease(leaseDurationSeconds=1.5), (400, "BadRequest")),
        (LEASES, lease(renewTime="2026-01-01T00:00:00Z"), (400, "BadRequest")),
        (LEASES, config_map(), (400, "BadRequest")),
        (MAPS, config_map(a="no base64!"), (400, "BadRequest")),
        (MAPS, config_map(**{"a/b": "QQ=="}), (422, "Invalid")),
        (MAPS, config_map(a=base64.b64encode(bytes(2**20 + 1)).decode()), (422, "Invalid")),
        (MAPS, config_map() | {"metadata": {"name": "Not A Name"}}, (422, "Invalid")),
        (MAPS, config_map() | {"metadata": {"name": "x", "namespace": "b"}}, (400, "BadRequest")),
    ],
)
def test_bad_objects_are_refused(
    ask: Ask, path: str, body: dict[str, Any], expected: tuple[int, str]
) -> None:
    assert reason(ask("POST", path, body)) == expected


def test_a_config_map_may_take_a_mebibyte_once_decoded(ask: Ask) -> None:
    body = config_map(a=base64.b64encode(bytes(2**20)).decode())

    assert ask("POST", MAPS, body)[0] == 201


def test_strangers_are_told_so(ask: Ask) -> None:
    answer = ask("GET", f"{LEASES}/x", token="forged")  # noqa: S106 - opens nothing

    assert reason(answer) == (401, "Unauthorized")


def test_a_right_that_is_missing_is_named(api: KubeApi) -> None:
    ask = asker(api.url)
    api.tokens[ADMIN] = "me"
    leases = {"apiGroups": ["coordination.k8s.io"], "resources": ["leases"]}
    api.rules = [
        leases | {"verbs": ["get"], "resourceNames": ["x"]},
        leases | {"verbs": ["create"]},
    ]

    assert ask("POST", LEASES, lease())[0] == 201
    assert ask("GET", f"{LEASES}/x")[0] == 200
    answer = ask("GET", f"{LEASES}/y")
    assert reason(answer) == (403, "Forbidden")
    assert answer[1]["message"] == (
        'leases.coordination.k8s.io "y" is forbidden: User "me" cannot get resource "leases" in '
        'API group "coordination.k8s.io" in the namespace "monitoring"'
    )
    assert reason(ask("POST", MAPS, config_map())) == (403, "Forbidden")
