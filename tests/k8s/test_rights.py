"""The Role grants what tunewatch asks of the API server, on those objects alone, and no more."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from exporter.kube import Settings, connect
from exporter.options import RunOptions
from tests.support.kube_api import serving_kube_api
from tests.support.kustomize import Document
from tests.support.manifests import FOLDERS, committed, of_kind

ACCOUNT = "system:serviceaccount:tunewatch:tunewatch"
GROUPS = {"leases": "coordination.k8s.io", "configmaps": ""}

Right = tuple[str, str, str, str]
"""A verb, an API group, a resource, and a name, which is empty where a rule names none."""


def rules_of(name: str) -> list[Document]:
    """Return the rules of the only Role in a render."""
    (role,) = of_kind(committed(name), "Role")
    found: list[Document] = role["rules"]
    return found


def a_life_with_the_run_role(folder: Path, rules: list[Document]) -> set[Right]:
    """Hold the run role from its first request to its last under these rules, as in a new cluster.

    Returns what was asked of the API server, which must have allowed all of it.
    """
    with serving_kube_api() as api:
        api.rules = rules
        file = api.kubeconfig(folder, ACCOUNT, namespace="tunewatch")
        environ = {"KUBECONFIG": str(file), "POD_NAME": "tunewatch-abcde"}
        kube = connect(Settings(), environ)
        elector = kube.elector()
        elector.tick(0.0)
        assert elector.holds(), elector.problem
        elector.tick(1.0)
        for _ in range(2):
            store = kube.store()
            store.load()
            store.save({"version": 1})
        elector.release(2.0)
        assert not {request.status for request in api.requests} & {401, 403}
        return {
            (request.verb, GROUPS[request.plural], request.plural, request.name)
            for request in api.requests
        }


def granted(rules: list[Document]) -> Iterator[Right]:
    """Yield every right that the rules grant, one by one."""
    for rule in rules:
        for group in rule["apiGroups"]:
            for resource in rule["resources"]:
                for verb in rule["verbs"]:
                    for name in rule.get("resourceNames", [""]):
                        yield verb, group, resource, name


def test_the_role_grants_what_is_asked_and_no_more(tmp_path: Path) -> None:
    rules = rules_of("base")
    assert a_life_with_the_run_role(tmp_path, rules) == set(granted(rules))


def test_every_overlay_has_the_same_role() -> None:
    assert [name for name in FOLDERS if rules_of(name) != rules_of("base")] == []


def test_names_are_those_that_flags_have_by_default() -> None:
    settings, options = Settings(), RunOptions()
    assert (settings.lease, settings.state) == (options.lease, options.state_map)


@pytest.mark.parametrize("name", FOLDERS)
def test_nothing_holds_for_the_whole_cluster(name: str) -> None:
    objects = committed(name)
    cluster_wide = [found["kind"] for found in objects if "namespace" not in found["metadata"]]
    assert set(cluster_wide) <= {"Namespace", "PriorityClass"}
    assert not of_kind(objects, "ClusterRole", "ClusterRoleBinding")


@pytest.mark.parametrize("name", FOLDERS)
def test_only_the_account_of_the_run_role_has_the_role(name: str) -> None:
    objects = committed(name)
    (binding,) = of_kind(objects, "RoleBinding")
    (subject,) = binding["subjects"]
    assert subject["name"] == "tunewatch"
    assert subject["namespace"] == binding["metadata"]["namespace"]
    for account in of_kind(objects, "ServiceAccount"):
        assert account["automountServiceAccountToken"] is False
