"""The page about Kubernetes speaks of what is there: files, flags, metrics, messages."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
import yaml

from exporter.leadership import Timing
from exporter.metrics.catalog import markdown
from exporter.options import FLAGS
from exporter.sources.nodes.asking import AT_ONCE, TIMEOUT_SECONDS
from exporter.sources.nodes.source import INTERVAL_SECONDS
from tests.support.manifests import COMPONENTS, COMPOSITIONS, OVERLAYS
from tests.support.project import ROOT
from tests.support.promtool import promtool

PAGE = ROOT / "k8s" / "README.md"
TEXT = PAGE.read_text(encoding="utf-8")
WORDS = re.findall(r"`([^`\n]+)`", TEXT)


def fenced(language: str) -> list[str]:
    """Return the blocks of the page that are written in a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)


def source(*folders: str) -> str:
    """Return the text of our own modules, with strings that go over several lines as one."""
    paths = (path for folder in folders for path in (ROOT / folder).rglob("*.py"))
    text = "".join(path.read_text(encoding="utf-8") for path in paths)
    return re.sub(r'"\n\s*f?"', "", text)


def test_links_lead_to_files() -> None:
    links = [link.partition("#")[0] for link in re.findall(r"\]\(([^)]+)\)", TEXT)]
    assert len(links) > 10
    assert [link for link in links if not (PAGE.parent / link).exists()] == []


def test_every_overlay_and_component_is_named() -> None:
    overlays = {path.name for path in OVERLAYS.iterdir()}
    components = {path.name for path in COMPONENTS.iterdir()} - overlays - {"image"}
    assert [name for name in overlays if f"(overlays/{name})" not in TEXT] == []
    assert [name for name in components if f"(components/{name})" not in TEXT] == []


def test_folders_in_commands_can_be_applied() -> None:
    folders = re.findall(r"-k ((?:k8s|grafana)/\S+?)[`\s]", TEXT)
    assert "k8s/base" in folders
    files = [ROOT / folder / "kustomization.yaml" for folder in folders]
    assert [file for file in files if not file.exists()] == []


def test_components_in_the_table_of_troubles_exist() -> None:
    named = set(re.findall(r"the component `([^`]+)`", TEXT))
    assert named
    assert named <= {path.name for path in COMPONENTS.iterdir()}


def test_flags_and_metrics_exist() -> None:
    flags = {word for word in WORDS if re.fullmatch(r"--[a-z.-]+", word)} - {"--server-side"}
    assert flags <= {f"--{flag.name}" for flag in FLAGS}
    told = "\n".join([*WORDS, *fenced("promql")])
    metrics = set(re.findall(r"\b(?:tunewatch|nvidia_gpu|mlflow_run|process)_\w+", told))
    assert len(metrics) > 3
    known = markdown()
    assert [name for name in sorted(metrics) if f"`{name}`" not in known] == []


@pytest.mark.parametrize(
    ("said", "places"),
    [
        ("libnvidia-ml.so.1 was not found", ["exporter"]),
        ("the NVIDIA driver shows no GPU", ["exporter"]),
        ("driver library and kernel driver are of different versions", ["exporter"]),
        ("this pod has no way into its API server", ["exporter"]),
        ("TunewatchNoHolder", ["alerts"]),
    ],
)
def test_messages_are_those_of_the_program(said: str, places: list[str]) -> None:
    assert f"`{said}" in TEXT
    assert said in source(*places)


def test_periods_are_those_of_the_program() -> None:
    timing = Timing()
    assert (
        f"every {INTERVAL_SECONDS:g} s, {AT_ONCE} at a time, each for at most {TIMEOUT_SECONDS:g} s"
        in TEXT
    )
    assert f"the Lease, {timing.lease_duration:g} s, {timing.candidate_period:g} s at most" in TEXT
    assert f"stops acting {timing.renew_deadline:g} s after its last renewal" in TEXT


def test_the_overlay_of_a_user_is_the_one_that_is_rendered() -> None:
    shown = yaml.safe_load(fenced("yaml")[0])
    tried = yaml.safe_load((COMPOSITIONS / "own" / "kustomization.yaml").read_text())
    assert shown.keys() <= tried.keys()
    for key in ("resources", "components"):
        assert [Path(p).name for p in shown[key]] == [Path(p).name for p in tried[key]]
    assert shown["configMapGenerator"] == tried["configMapGenerator"]
    assert shown["patches"][0] in tried["patches"]


def test_prometheus_takes_the_scrape_config(tmp_path: Path) -> None:
    (job,) = yaml.safe_load(fenced("yaml")[1])["scrape_configs"]
    assert job["job_name"] == "tunewatch", "rules know it by that name"
    # Debian builds Prometheus without discovery in Kubernetes.
    (discovery,) = job.pop("kubernetes_sd_configs")
    assert discovery["role"] == "pod"
    config = tmp_path / "prometheus.yml"
    config.write_text(yaml.safe_dump({"scrape_configs": [job]}))
    done = subprocess.run(
        [promtool(), "check", "config", str(config)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_query_is_one_that_is_documented_where_pods_are() -> None:
    (query,) = fenced("promql")
    assert query in (ROOT / "exporter" / "sources" / "pods" / "README.md").read_text()
