"""Every object of every render is what the API server and the Prometheus operator accept."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Sequence

import kubernetes_validate  # type: ignore[import-untyped]  # ships no types
import pytest

from tests.support.kustomize import Document, documents
from tests.support.manifests import FOLDERS, committed, of_kind
from tests.support.project import ROOT

NPM = ROOT / "tests" / "npm"
OLDEST = "1.29"
"""The first release that k8s/README.md promises to work with."""
RELEASES = (OLDEST, str(kubernetes_validate.latest_version()))
OPERATOR = ("PodMonitor", "PrometheusRule")
RULES = ROOT / "alerts" / "prometheus" / "tunewatch.prometheusrule.yml"
SECRETS = ROOT / "k8s" / "secret.example.yaml"


def own_objects() -> list[Document]:
    """Return all objects of Kubernetes' own kinds, each once in however many renders it is."""
    everything = [found for name in FOLDERS for found in committed(name)]
    everything += documents(SECRETS.read_text(encoding="utf-8"))
    each = {json.dumps(found, sort_keys=True): found for found in everything}
    return [found for found in each.values() if found["kind"] not in OPERATOR]


@pytest.mark.parametrize("release", RELEASES)
def test_objects_are_valid_without_a_field_too_many(release: str) -> None:
    objects = own_objects()
    assert {found["kind"] for found in objects} >= {"DaemonSet", "Deployment", "Role", "Secret"}
    for found in objects:
        kubernetes_validate.validate(found, release, strict=True)


def test_a_field_that_does_not_exist_is_seen() -> None:
    (found,) = of_kind(committed("base"), "DaemonSet")
    found["spec"]["template"]["spec"]["containers"][0]["imagePulPolicy"] = "Always"
    with pytest.raises(kubernetes_validate.ValidationError, match="imagePulPolicy"):
        kubernetes_validate.validate(found, RELEASES[-1], strict=True)


def operator_problems(objects: Sequence[Document]) -> list[list[str]]:
    """Ask the operator's own schemas what is wrong with each object."""
    if shutil.which("node") is None or not (NPM / "node_modules" / ".installed").exists():
        pytest.skip("no node, or no packages for it: .ci/npm fetches them")
    done = subprocess.run(
        ["node", "custom-resources.mjs"],
        cwd=NPM,
        input="\n".join(map(json.dumps, objects)),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_custom_resources_are_valid() -> None:
    rules = documents(RULES.read_text(encoding="utf-8"))
    monitors = of_kind(committed("prometheus-operator"), "PodMonitor")
    own_rules = of_kind(committed("own"), "PrometheusRule")
    assert operator_problems([*rules, *monitors, *own_rules]) == [[], [], []]


def endpoint(**change: object) -> Document:
    """Return the monitor with its endpoint changed."""
    (monitor,) = of_kind(committed("prometheus-operator"), "PodMonitor")
    monitor["spec"]["podMetricsEndpoints"][0].update(change)
    return monitor


def test_a_custom_resource_that_is_wrong_is_seen() -> None:
    slow = endpoint(interval="3 sec")
    misspelt = endpoint(intervall="3s")
    foreign = endpoint(relabelings=[{"targetLabel": "node", "to": "node"}])
    said = operator_problems([slow, misspelt, foreign])
    assert [len(problems) for problems in said] == [1, 1, 1]
    assert "must match pattern" in said[0][0]
    assert said[1:] == [
        ["/spec/podMetricsEndpoints/0/intervall is no field"],
        ["/spec/podMetricsEndpoints/0/relabelings/0/to is no field"],
    ]
