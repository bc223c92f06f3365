"""Manifests say only what tunewatch understands: flags, variables, files and thresholds."""

from __future__ import annotations

import argparse
import re
import tomllib
from pathlib import Path

import pytest
import yaml

from alerts.notify.settings import VARIABLE as NOTIFY_URLS
from exporter.config import load_config
from exporter.options import FLAGS, add_flags, run_options
from tests.support.manifests import COMPONENTS, Pod, all_pods, committed, of_kind
from tests.support.project import ROOT

PODS = list(all_pods())
each_pod = pytest.mark.parametrize("pod", PODS, ids=lambda pod: pod.name)
CONFIG = ROOT / "k8s" / "base" / "tunewatch.yaml"
EXAMPLE = ROOT / "exporter" / "example.yaml"

READ_BY_OTHERS = {"NVIDIA_DRIVER_CAPABILITIES", "NVIDIA_MIG_MONITOR_DEVICES"}
"""Variables that only the container runtime reads."""


def parsed(pod: Pod) -> argparse.Namespace:
    """Read the arguments as `tunewatch run` does."""
    command, *arguments = pod.container["args"]
    assert command == "run"
    parser = argparse.ArgumentParser(exit_on_error=False, allow_abbrev=False)
    add_flags(parser)
    return parser.parse_args(arguments)


@each_pod
def test_arguments_and_variables_are_understood(pod: Pod) -> None:
    given = {name: str(value) for name, value in pod.environment.items()}
    options = run_options(vars(parsed(pod)), given | {"TUNEWATCH_NOTIFY_URLS": ""})
    assert options.config_file is not None
    assert options.config_file.name in config_map(pod)["data"]
    assert options.collect_nvml is (pod.workload["kind"] == "DaemonSet")
    assert options.leader_election is options.collect_mlflow
    # Readings of the node that a process is named after are its own, and not asked for.
    assert ("NODE_NAME" in given) is options.collect_nvml
    assert options.nodes == ((("tunewatch-nodes", 10390),) if options.collect_mlflow else ())


def config_map(pod: Pod) -> dict[str, dict[str, str]]:
    """Return what is mounted where the configuration is looked for."""
    (mount,) = [m for m in pod.container["volumeMounts"] if m["mountPath"] == "/etc/tunewatch"]
    (volume,) = [v for v in pod.spec["volumes"] if v["name"] == mount["name"]]
    maps = of_kind(committed(pod.render), "ConfigMap")
    (found,) = [m for m in maps if m["metadata"]["name"] == volume["configMap"]["name"]]
    return found


def test_every_variable_is_read_by_somebody() -> None:
    known = {flag.variable for flag in FLAGS} | {NOTIFY_URLS} | READ_BY_OTHERS
    source = "".join(path.read_text() for path in (ROOT / "exporter").rglob("*.py"))
    named = set(re.findall(r"['\"]([A-Z_]+)['\"]", source))
    assert {variable for pod in PODS for variable in pod.environment} - known - named == set()


@pytest.mark.parametrize("name", sorted({pod.render for pod in PODS}))
def test_overlays_switch_on_what_they_are_named_after(name: str) -> None:
    (pod,) = [p for p in PODS if p.render == name and p.workload["kind"] == "DaemonSet"]
    given = {key: str(value) for key, value in pod.environment.items()}
    options = run_options(vars(parsed(pod)), given | {"TUNEWATCH_NOTIFY_URLS": ""})
    attributing = name in {"pod-attribution", "processes", "full", "any-order"}
    assert options.collect_pods is (True if attributing else None)
    assert options.collect_processes is (name == "processes")
    mounted = {mount["mountPath"] for mount in pod.container["volumeMounts"]}
    assert (str(options.pods_socket.parent) in mounted) is attributing


def test_the_image_is_that_of_this_release() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    component = yaml.safe_load((COMPONENTS / "image" / "kustomization.yaml").read_text())
    assert component["images"] == [{"name": "tunewatch", "newTag": project["version"]}]


def test_the_configuration_is_valid_and_has_the_thresholds_of_the_example() -> None:
    assert load_config(CONFIG).notify.channels == ()
    ours, example = (yaml.safe_load(path.read_text()) for path in (CONFIG, EXAMPLE))
    assert ours["thresholds"] == example["thresholds"]
    for section in ("notify", "mlflow"):
        assert ours[section].items() <= example[section].items(), "say what is the default"


def test_the_channels_that_are_commented_out_are_valid(tmp_path: Path) -> None:
    text = CONFIG.read_text()
    text = re.sub(r"^  channels: \[\].*$", "  channels:", text, flags=re.MULTILINE)
    text = re.sub(r"^  # ( *(?:- )?\w+: )", r"  \1", text, flags=re.MULTILINE)
    path = tmp_path / "tunewatch.yaml"
    path.write_text(text)
    channels = load_config(path).notify.channels
    assert [channel.name for channel in channels] == ["team-slack", "on-call"]
    secret = (ROOT / "k8s" / "secret.example.yaml").read_text()
    for channel in channels:
        folder, _, key = (channel.url_file or "").rpartition("/")
        assert f"  {key}: " in secret
        for pod in PODS:
            if "--no-collector.mlflow" not in pod.container["args"]:
                assert folder in {m["mountPath"] for m in pod.container["volumeMounts"]}
