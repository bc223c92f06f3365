"""Every overlay renders to what is committed, and overlays can be put together."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.golden import assert_golden
from tests.support.kustomize import Document, documents, render, written
from tests.support.manifests import COMPONENTS, FOLDERS, OVERLAYS, RENDERS
from tests.support.project import ROOT

RULES = ROOT / "alerts" / "prometheus" / "tunewatch.prometheusrule.yml"
DASHBOARDS = ROOT / "grafana" / "dashboards"
BRIEF_RULES = [{"name": f"as in {RULES.relative_to(ROOT)}"}]


def in_brief(objects: list[Document]) -> list[Document]:
    """Leave out what is generated and committed elsewhere, once it is seen to be the same."""
    (rules,) = documents(RULES.read_text(encoding="utf-8"))
    for found in objects:
        if found["kind"] == "PrometheusRule" and found["spec"] == rules["spec"]:
            found["spec"] = {"groups": BRIEF_RULES}
        if found["metadata"].get("labels", {}).get("grafana_dashboard"):
            found["data"] = {name: brief(name, text) for name, text in found["data"].items()}
    return objects


def brief(name: str, dashboard: str) -> str:
    """Return where a dashboard is committed that is the same."""
    path = DASHBOARDS / name
    assert json.loads(dashboard) == json.loads(path.read_text(encoding="utf-8"))
    return f"as in {path.relative_to(ROOT)}"


@pytest.mark.parametrize("name", FOLDERS)
def test_a_render_is_what_is_committed(name: str) -> None:
    assert_golden(RENDERS / f"{name}.yaml", written(in_brief(render(FOLDERS[name]))))


def test_there_is_a_render_of_everything_and_of_nothing_else() -> None:
    assert {path.stem for path in RENDERS.iterdir()} == FOLDERS.keys()


def named(objects: list[Document]) -> dict[tuple[str, str], Document]:
    return {(found["kind"], found["metadata"]["name"]): found for found in objects}


def as_sets(found: object) -> object:
    """Return an object whose lists have no order: variables and volumes go by name."""
    if isinstance(found, dict):
        return {key: as_sets(value) for key, value in found.items()}
    if isinstance(found, list):
        return sorted((as_sets(part) for part in found), key=repr)
    return found


def test_components_may_be_put_together_in_any_order() -> None:
    ours = named(render(FOLDERS["full"]))
    turned = named(render(FOLDERS["any-order"]))
    dashboards = {name for name, found in ours.items() if "grafana_dashboard" in labels(found)}
    assert dashboards
    assert ours.keys() == turned.keys() | dashboards
    assert all(as_sets(ours[name]) == as_sets(found) for name, found in turned.items())


def labels(found: Document) -> dict[str, str]:
    given: dict[str, str] = found["metadata"].get("labels", {})
    return given


def test_an_overlay_of_a_user_reaches_every_object() -> None:
    objects = render(FOLDERS["own"])
    spaces = {
        found["metadata"].get("namespace") for found in objects if found["kind"] != "Namespace"
    }
    assert spaces == {"gpu-watch"}
    assert all(labels(found)["release"] == "kube-prometheus-stack" for found in objects)
    text = written(objects)
    assert text.count("image: registry.example.org/team/tunewatch@sha256:") == 2
    assert "image: tunewatch" not in text
    assert "max_gpu_memory_pct: 90" in text
    assert "max_training_time_hours" not in text


def test_every_component_is_part_of_a_render() -> None:
    used = "".join(
        (folder / "kustomization.yaml").read_text(encoding="utf-8")
        for folder in [*FOLDERS.values(), *COMPONENTS.iterdir()]
    )
    assert [path.name for path in COMPONENTS.iterdir() if f"/{path.name}\n" not in used] == []


@pytest.mark.parametrize("path", sorted((ROOT / "k8s").rglob("kustomization.yaml")), ids=str)
def test_files_beside_a_kustomization_are_used_by_it(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    beside = {found.name for found in path.parent.iterdir() if found != path}
    assert {name for name in beside if name not in text} == set()


def test_every_overlay_is_one_command_away() -> None:
    for folder in OVERLAYS.iterdir():
        assert "../../base" in (folder / "kustomization.yaml").read_text(encoding="utf-8")
