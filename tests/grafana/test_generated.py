"""What is committed is what the code writes, and Grafana's own model has a place for all of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from grafana.__main__ import FOLDER, main, stale, texts
from grafana.boards import BOARDS
from grafana.document import SCHEMA, document, panels, read

DOCUMENTS = {name: json.loads(text) for name, text in texts().items()}


def test_the_committed_dashboards_are_those_that_the_code_writes() -> None:
    assert stale(FOLDER) == [], "run `python -m grafana`"


@pytest.mark.parametrize("name", DOCUMENTS)
def test_grafanas_model_loses_nothing(name: str) -> None:
    assert document(read(DOCUMENTS[name])) == DOCUMENTS[name]


@pytest.mark.parametrize("name", DOCUMENTS)
def test_the_oldest_grafana_has_its_schema(name: str) -> None:
    assert DOCUMENTS[name]["schemaVersion"] == SCHEMA
    assert "placement" not in {key for link in DOCUMENTS[name]["links"] for key in link}


def test_dashboards_are_told_apart() -> None:
    for names in ([board.uid for board in BOARDS], [board.file for board in BOARDS]):
        assert len(set(names)) == len(names)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_lines_of_panels_are_full(name: str) -> None:
    lines: dict[int, int] = {}
    for panel in panels(DOCUMENTS[name]):
        at = panel["gridPos"]
        lines[at["y"]] = lines.get(at["y"], 0) + at["w"]
    assert set(lines.values()) == {24}


def test_what_differs_is_named(tmp_path: Path) -> None:
    for name, text in texts().items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    assert stale(tmp_path) == []
    (tmp_path / "run.json").write_text("{}", encoding="utf-8")
    (tmp_path / "old.json").write_text("{}", encoding="utf-8")
    (tmp_path / "compare-runs.json").unlink()
    assert stale(tmp_path) == ["compare-runs.json", "old.json", "run.json"]


def test_check_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("grafana.__main__.FOLDER", tmp_path)
    monkeypatch.setattr("sys.argv", ["grafana", "--check"])
    assert main() == 1
    assert "python -m grafana" in capsys.readouterr().err
    monkeypatch.setattr("sys.argv", ["grafana"])
    assert main() == 0
    monkeypatch.setattr("sys.argv", ["grafana", "--check"])
    assert main() == 0
