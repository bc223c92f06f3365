"""The Role that is installed gives all that is needed, and nothing that is not."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterator

import pytest
import yaml

from alerts.store import StoreError
from exporter.kube.state import ConfigMapStore
from tests.exporter.kube.conftest import Join, Wired
from tests.support.kube_api import KubeApi, Rule
from tests.support.kube_objects import CONFIG_MAPS
from tests.support.project import ROOT

ROLE = ROOT / "k8s" / "base" / "role.yaml"


def rules() -> list[Rule]:
    documents = yaml.safe_load_all(ROLE.read_text())
    return [rule for found in documents if found["kind"] == "Role" for rule in found["rules"]]


def reduced() -> Iterator[list[Rule]]:
    """Return the rules without one verb of one rule, each in turn."""
    for number, rule in enumerate(rules()):
        for verb in rule["verbs"]:
            fewer = copy.deepcopy(rules())
            fewer[number] = {**rule, "verbs": [v for v in rule["verbs"] if v != verb]}
            yield fewer


@pytest.fixture
def live(join: Join, wired: Wired) -> Callable[[], str]:
    """Do everything that the process ever does, and return what could not be done."""

    def living() -> str:
        first, second = join("first"), join("second")
        problems = [""]
        for member in (first, second):
            member.tick()
            member.tick()
            problems.append(member.elector.problem)
        store = ConfigMapStore(wired("first"), "tunewatch-state", "first")
        try:
            store.load()
            store.save({"a": 1})
            store.save({"a": 2})
            store.set_aside("it is of no use")
        except StoreError as error:
            problems.append(str(error))
        first.elector.resign("a test")
        first.tick()
        problems.append(first.elector.problem)
        second.tick()
        second.elector.release(time.time())
        return " ".join(problems).strip()

    return living


def test_the_role_is_enough(api: KubeApi, live: Callable[[], str]) -> None:
    api.rules = rules()

    assert live() == ""
    assert {request.status for request in api.requests} <= {200, 201, 404}


@pytest.mark.parametrize("fewer", list(reduced()), ids=lambda _: "")
def test_nothing_of_the_role_can_be_left_out(
    api: KubeApi, live: Callable[[], str], fewer: list[Rule]
) -> None:
    api.rules = fewer

    assert "the Role of our service account needs the verb" in live()


def test_other_objects_of_the_namespace_are_out_of_reach(api: KubeApi, wired: Wired) -> None:
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "of-others"}}
    api.storage.create(CONFIG_MAPS, "monitoring", body)
    api.rules = rules()

    with pytest.raises(StoreError, match="may not get configmaps/of-others"):
        ConfigMapStore(wired("first"), "of-others", "first").load()
