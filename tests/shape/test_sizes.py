"""Files and functions stay small enough to be read at one sitting."""

from __future__ import annotations

import ast

from tests.support.project import ROOT, project_files, shown

SOURCE_LINES = 300
TEST_LINES = 400
FUNCTION_LINES = 50
README_LINES = 200


def line_count(text: str) -> int:
    return len(text.splitlines())


def test_a_file_is_one_room() -> None:
    too_long = {}
    for path in project_files(".py"):
        limit = TEST_LINES if shown(path).startswith("tests/") else SOURCE_LINES
        if (lines := line_count(path.read_text())) > limit:
            too_long[shown(path)] = lines
    assert not too_long


def test_a_function_fits_on_a_screen() -> None:
    too_long = {
        f"{shown(path)}:{node.lineno} {node.name}": lines
        for path in project_files(".py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (lines := (node.end_lineno or node.lineno) - node.lineno + 1) > FUNCTION_LINES
    }
    assert not too_long


def test_the_readme_stays_short() -> None:
    assert line_count((ROOT / "README.md").read_text()) <= README_LINES
