"""Each dashboard lies in a ConfigMap of its own, as Grafana's sidecar wants it."""

from __future__ import annotations

from tests.support.kustomize import Document, render
from tests.support.project import ROOT

FOLDER = ROOT / "grafana" / "dashboards"
LARGEST = 900 * 1024
"""Bytes; the API server takes objects of up to 1 MiB."""


def config_maps() -> list[Document]:
    """Return what the folder renders to by itself, and that is nothing but ConfigMaps."""
    objects = render(FOLDER)
    assert {found["kind"] for found in objects} == {"ConfigMap"}
    return objects


def test_every_dashboard_is_in_a_config_map_that_is_named_after_it() -> None:
    found = {name: m["metadata"]["name"] for m in config_maps() for name in m["data"]}
    dashboards = {path.name for path in FOLDER.glob("*.json")}
    assert found == {name: f"tunewatch-dashboard-{name[:-5]}" for name in dashboards}
    assert all(len(found["data"]) == 1 for found in config_maps())


def test_the_sidecar_finds_them() -> None:
    for found in config_maps():
        assert found["metadata"]["labels"]["grafana_dashboard"] == "1"
        assert found["metadata"]["annotations"] == {"grafana_folder": "tunewatch"}
        assert "namespace" not in found["metadata"], "the command says which"


def test_the_api_server_takes_them() -> None:
    sizes = {name: len(text.encode()) for m in config_maps() for name, text in m["data"].items()}
    assert [name for name, size in sizes.items() if size > LARGEST] == []
