"""Pods ask for no more than they need: privileges, tokens, secrets, memory, GPUs."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.support.kustomize import Document
from tests.support.manifests import Pod, all_pods, committed, of_kind

PODS = list(all_pods())
each_pod = pytest.mark.parametrize("pod", PODS, ids=lambda pod: pod.name)

NODE_MIB, BOTH_ROLES_MIB = 52, 141
"""What was measured at most: 8 GPUs with pods and processes; both roles with 100 active runs."""

RESTRICTED_VOLUMES = {"configMap", "downwardAPI", "emptyDir", "projected", "secret"}

PRIVILEGES: dict[str, set[str]] = {
    "pod-attribution": {"root", "hostPath /var/lib/kubelet/pod-resources"},
    "full": {"root", "hostPath /var/lib/kubelet/pod-resources"},
    "any-order": {"root", "hostPath /var/lib/kubelet/pod-resources"},
    "device-mounts": {"hostPath /dev/null"},
    "mig-monitor": {"root", "capabilities", "allowPrivilegeEscalation"},
    "processes": {
        "root",
        "hostPID",
        "hostPath /var/lib/kubelet/pod-resources",
        "hostPath /var/log/pods",
    },
}
"""What renders ask for beyond the restricted standard; all others must meet it."""


def beyond_restricted(spec: Document) -> Iterator[str]:
    """Yield what of a pod's spec the restricted pod security standard forbids."""
    yield from (name for name in ("hostPID", "hostIPC", "hostNetwork") if spec.get(name))
    for volume in spec.get("volumes", ()):
        (kind,) = volume.keys() - {"name"}
        if kind == "hostPath":
            yield f"hostPath {volume[kind]['path']}"
        elif kind not in RESTRICTED_VOLUMES:
            yield f"volume {kind}"
    outer = spec.get("securityContext", {})
    for container in [*spec["containers"], *spec.get("initContainers", ())]:
        yield from _beyond(outer | container.get("securityContext", {}))
        yield from (f"hostPort {p}" for p in container.get("ports", ()) if p.get("hostPort"))


def _beyond(context: Document) -> Iterator[str]:
    if not context.get("runAsNonRoot") or not context.get("runAsUser"):
        yield "root"
    if context.get("privileged"):
        yield "privileged"
    if context.get("allowPrivilegeEscalation") is not False:
        yield "allowPrivilegeEscalation"
    if context.get("seccompProfile", {}).get("type") not in ("RuntimeDefault", "Localhost"):
        yield "seccompProfile"
    capabilities = context.get("capabilities", {})
    if "ALL" not in capabilities.get("drop", ()) or capabilities.get("add"):
        yield "capabilities"


@each_pod
def test_a_pod_has_the_privileges_that_are_explained_and_no_others(pod: Pod) -> None:
    allowed = PRIVILEGES.get(pod.render, set()) if pod.workload["kind"] == "DaemonSet" else set()
    assert set(beyond_restricted(pod.spec)) == allowed
    assert pod.container["securityContext"]["readOnlyRootFilesystem"] is True


@pytest.mark.parametrize(
    ("spoil", "found"),
    [
        (lambda spec: spec.update(hostNetwork=True), "hostNetwork"),
        (lambda spec: spec["securityContext"].update(runAsUser=0), "root"),
        (lambda spec: spec["securityContext"].pop("seccompProfile"), "seccompProfile"),
        (lambda spec: spec["containers"][0].pop("securityContext"), "capabilities"),
        (lambda spec: spec["volumes"].append({"name": "x", "nfs": {}}), "volume nfs"),
    ],
)
def test_what_is_not_restricted_is_seen(spoil: Callable[[Document], object], found: str) -> None:
    (workload,) = of_kind(committed("base"), "DaemonSet")
    spec = Pod("base", workload).spec
    spoil(spec)
    assert found in set(beyond_restricted(spec))


@pytest.mark.parametrize("name", sorted({pod.render for pod in PODS}))
def test_a_namespace_enforces_what_its_pods_allow(name: str) -> None:
    (namespace,) = of_kind(committed(name), "Namespace")
    labels = namespace["metadata"]["labels"]
    expected = "privileged" if name in PRIVILEGES else "restricted"
    assert labels["pod-security.kubernetes.io/enforce"] == expected
    assert labels["pod-security.kubernetes.io/warn"] == "restricted"


@each_pod
def test_no_pod_takes_a_gpu_from_training(pod: Pod) -> None:
    resources = pod.container["resources"]
    asked = resources["requests"].keys() | resources["limits"].keys()
    assert asked == {"cpu", "memory"}
    if pod.workload["kind"] == "DaemonSet":
        assert pod.environment["NVIDIA_VISIBLE_DEVICES"] == "all"
        assert pod.environment["NVIDIA_DRIVER_CAPABILITIES"] == "utility"


def holds_the_run_role(pod: Pod) -> bool:
    return "--no-collector.mlflow" not in pod.container["args"]


@each_pod
def test_memory_fits_what_was_measured(pod: Pod) -> None:
    measured = BOTH_ROLES_MIB if holds_the_run_role(pod) else NODE_MIB
    limit = mebibytes(pod.container["resources"]["limits"]["memory"])
    asked = mebibytes(pod.container["resources"]["requests"]["memory"])
    assert limit >= 1.5 * measured
    assert asked <= limit
    assert "cpu" not in pod.container["resources"]["limits"], "throttling delays renewals"


def mebibytes(quantity: str) -> int:
    assert quantity.endswith("Mi")
    return int(quantity.removesuffix("Mi"))


@each_pod
def test_a_token_and_secrets_are_where_the_run_role_is_and_nowhere_else(pod: Pod) -> None:
    wanted = holds_the_run_role(pod)
    assert pod.spec["automountServiceAccountToken"] is wanted
    assert bool(list(secrets_of(pod.spec))) is wanted
    assert ("--leader-election" in pod.container["args"]) is wanted
    assert pod.spec["serviceAccountName"] == ("tunewatch" if wanted else "tunewatch-node")


def secrets_of(found: object) -> Iterator[str]:
    """Yield the names of all Secrets that something refers to."""
    if isinstance(found, dict):
        for key in ("secretRef", "secretKeyRef"):
            if key in found:
                yield found[key]["name"]
        if "secretName" in found:
            yield found["secretName"]
        found = list(found.values())
    if isinstance(found, list):
        for part in found:
            yield from secrets_of(part)


@pytest.mark.parametrize("name", ["split", "full", "any-order", "own"])
def test_split_parts_the_roles(name: str) -> None:
    roles = {p.workload["kind"]: holds_the_run_role(p) for p in PODS if p.render == name}
    assert roles == {"DaemonSet": False, "Deployment": True}


@each_pod
def test_probes_ask_the_pages_that_tell_of_the_process(pod: Pod) -> None:
    (port,) = pod.container["ports"]
    assert port == {"name": "web", "containerPort": 10390}
    for probe, path in (("livenessProbe", "/-/healthy"), ("readinessProbe", "/-/ready")):
        assert pod.container[probe]["httpGet"] == {"path": path, "port": "web"}


def test_gpu_nodes_are_chosen_by_one_and_shunned_by_the_other() -> None:
    pods = {pod.workload["kind"]: pod for pod in PODS if pod.render == "split"}
    chosen = [terms[0] for terms in node_terms(pods["DaemonSet"])]
    (shunned,) = node_terms(pods["Deployment"])
    contrary = {"In": "NotIn", "Exists": "DoesNotExist"}
    assert len(chosen) == 4
    assert [{**term, "operator": contrary[term["operator"]]} for term in chosen] == shunned
    assert "tolerations" not in pods["Deployment"].spec
    assert "runtimeClassName" not in pods["Deployment"].spec


def node_terms(pod: Pod) -> list[list[Document]]:
    required = "requiredDuringSchedulingIgnoredDuringExecution"
    terms = pod.spec["affinity"]["nodeAffinity"][required]["nodeSelectorTerms"]
    return [term["matchExpressions"] for term in terms]
