"""Objects find one another: by name, by label and by port."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pytest

from tests.support.kustomize import Document
from tests.support.manifests import FOLDERS, Pod, all_pods, committed, of_kind

PODS = list(all_pods())
each_pod = pytest.mark.parametrize("pod", PODS, ids=lambda pod: pod.name)
each_render = pytest.mark.parametrize("name", FOLDERS)

MADE_BY_USERS = {"tunewatch-mlflow", "tunewatch-channels"}
"""Secrets that secret.example.yaml is a template of."""


def names(render: str, kind: str) -> set[str]:
    return {found["metadata"]["name"] for found in of_kind(committed(render), kind)}


def references(found: object) -> Iterator[tuple[str, str, bool]]:
    """Yield kind, name and whether it may be missing, for all Secrets and ConfigMaps named."""
    if isinstance(found, dict):
        for key, value in found.items():
            if key in ("secretRef", "secretKeyRef", "secret"):
                name = value.get("name") or value["secretName"]
                yield "Secret", name, value.get("optional", False)
            elif key in ("configMap", "configMapRef", "configMapKeyRef"):
                yield "ConfigMap", value["name"], value.get("optional", False)
        found = list(found.values())
    if isinstance(found, list):
        for part in found:
            yield from references(part)


@each_pod
def test_what_a_pod_names_is_there_or_may_be_missing(pod: Pod) -> None:
    assert pod.spec["serviceAccountName"] in names(pod.render, "ServiceAccount")
    priority = pod.spec.get("priorityClassName")
    assert priority is None or priority in names(pod.render, "PriorityClass")
    for kind, name, optional in references(pod.spec):
        assert name in names(pod.render, kind) or (optional and name in MADE_BY_USERS)
    mounted = {mount["name"] for mount in pod.container["volumeMounts"]}
    assert mounted == {volume["name"] for volume in pod.spec["volumes"]}


@each_pod
def test_changed_thresholds_are_a_rollout(pod: Pod) -> None:
    (name,) = {name for kind, name, _ in references(pod.spec) if kind == "ConfigMap"}
    assert name.removeprefix("tunewatch-config-").isalnum()


def selects(selector: Mapping[str, str], workload: Document) -> bool:
    labels: dict[str, str] = workload["spec"]["template"]["metadata"]["labels"]
    return selector.items() <= labels.items()


@each_pod
def test_a_selector_takes_the_pods_of_its_own_workload_alone(pod: Pod) -> None:
    selector = pod.workload["spec"]["selector"]["matchLabels"]
    taken = [p for p in PODS if p.render == pod.render and selects(selector, p.workload)]
    assert taken == [pod]


def test_selectors_never_change() -> None:
    """A selector cannot be changed, so that an overlay or a release with another one fails."""
    name = {"app.kubernetes.io/name": "tunewatch"}
    roles = {"DaemonSet": "node", "Deployment": "run"}
    for pod in PODS:
        role = {"app.kubernetes.io/component": roles[pod.workload["kind"]]}
        assert pod.workload["spec"]["selector"] == {"matchLabels": name | role}


@each_render
def test_the_service_stands_for_the_node_processes(name: str) -> None:
    (service,) = of_kind(committed(name), "Service")
    assert service["spec"]["clusterIP"] == "None"
    assert service["spec"]["publishNotReadyAddresses"] is True
    for pod in (pod for pod in PODS if pod.render == name):
        is_node = pod.workload["kind"] == "DaemonSet"
        assert selects(service["spec"]["selector"], pod.workload) is is_node
        if "--no-collector.mlflow" not in pod.container["args"]:
            (port,) = service["spec"]["ports"]
            address = f"{service['metadata']['name']}:{port['port']}"
            assert f"--nodes.address={address}" in pod.container["args"]


@each_render
def test_the_network_lets_only_the_run_role_out(name: str) -> None:
    policies = {p["metadata"]["name"]: p["spec"] for p in of_kind(committed(name), "NetworkPolicy")}
    everybody, run = policies["tunewatch"], policies["tunewatch-run"]
    assert everybody["policyTypes"] == ["Ingress", "Egress"]
    assert "egress" not in everybody
    assert run["policyTypes"] == ["Egress"]
    for pod in (pod for pod in PODS if pod.render == name):
        assert selects(everybody["podSelector"]["matchLabels"], pod.workload)
        judges = "--no-collector.mlflow" not in pod.container["args"]
        assert selects(run["podSelector"]["matchLabels"], pod.workload) is judges


@each_render
def test_the_network_lets_prometheus_and_the_holder_in(name: str) -> None:
    policies = {p["metadata"]["name"]: p["spec"] for p in of_kind(committed(name), "NetworkPolicy")}
    (rule,) = policies["tunewatch"]["ingress"]
    assert rule["ports"] == [{"port": "web"}]
    prometheus, holder = rule["from"]
    assert prometheus.keys() == {"namespaceSelector"}
    assert holder == {"podSelector": policies["tunewatch"]["podSelector"]}


def test_the_monitor_takes_all_pods_under_the_name_that_rules_know() -> None:
    for name in ("prometheus-operator", "full", "own"):
        (monitor,) = of_kind(committed(name), "PodMonitor")
        (endpoint,) = monitor["spec"]["podMetricsEndpoints"]
        assert endpoint["port"] == "web"
        assert endpoint["honorLabels"] is False
        assert "node" in {relabelling["targetLabel"] for relabelling in endpoint["relabelings"]}
        for pod in (pod for pod in PODS if pod.render == name):
            assert selects(monitor["spec"]["selector"]["matchLabels"], pod.workload)
            labels = pod.workload["spec"]["template"]["metadata"]["labels"]
            assert labels[monitor["spec"]["jobLabel"]] == "tunewatch"


def test_a_disruption_budget_leaves_a_candidate() -> None:
    (budget,) = of_kind(committed("split"), "PodDisruptionBudget")
    (run,) = of_kind(committed("split"), "Deployment")
    assert budget["spec"]["selector"] == run["spec"]["selector"]
    assert budget["spec"]["maxUnavailable"] < run["spec"]["replicas"]


@each_render
def test_the_image_is_named_in_one_place(name: str) -> None:
    images = {pod.container["image"] for pod in PODS if pod.render == name}
    (image,) = images
    assert ":" in image
    assert not image.endswith(":latest")
