"""The project speaks of itself alone, and says why wherever it silences a tool."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable

from tests.support.project import ROOT, project_files, shown

# Brackets inside the words keep this file from being its own find.
FOREIGN = re.compile(
    # paths of one machine
    r"/wor[k]/[a-z.]|/roo[t]/|\.\./share[d]"
    # hosts of package registries
    r"|pyp[i]\.org|python[h]osted|npm[j]s\.|proxy\.gola[n]g|crates\.i[o]|deb\.debia[n]\.org"
)
SILENCED = re.compile(r"#\s*(?:no[q]a|type:\s*ignor[e])")
EXPLAINED = re.compile(
    r"# no[q]a: [A-Z]+\d+(?:, ?[A-Z]+\d+)* - \w|# type: ignor[e]\[[a-z, -]+\]\s+# \w"
)
IGNORED_RULES = re.compile(r'^\s*"[A-Z]+\d*",(.*)$|^"\S+" = \["[A-Z]+\d*"[^\]]*\](.*)$')
VAGUE_NAMES = {"utils", "util", "helpers", "helper", "common", "misc"}


def lines_where(condition: Callable[[str], object], *suffixes: str) -> list[str]:
    """Return `file:line: text` for every line of the project that meets the condition."""
    return [
        f"{shown(path)}:{number}: {line}"
        for path in project_files(*suffixes)
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), start=1)
        if condition(line)
    ]


def test_no_file_names_a_machine_or_a_registry() -> None:
    assert not lines_where(FOREIGN.search)


def test_a_silenced_finding_has_a_reason_on_its_line() -> None:
    assert not lines_where(lambda line: SILENCED.search(line) and not EXPLAINED.search(line), ".py")


def test_an_ignored_rule_has_a_reason_on_its_line() -> None:
    rules = [IGNORED_RULES.match(line) for line in (ROOT / "pyproject.toml").open()]
    found = [rule for rule in rules if rule]
    assert len(found) > 10
    assert not [rule[0] for rule in found if "#" not in (rule[1] or rule[2] or "")]


def test_a_module_says_in_one_sentence_what_it_is_for() -> None:
    docstrings = {
        shown(path): ast.get_docstring(ast.parse(path.read_text())) or ""
        for path in project_files(".py")
    }
    assert not [name for name, text in docstrings.items() if text.partition("\n")[0][-1:] != "."]


def test_no_module_has_a_name_that_fits_everything() -> None:
    names = {part for path in project_files(".py") for part in path.with_suffix("").parts}
    assert not names & VAGUE_NAMES


def test_the_licence_is_whole() -> None:
    licence = (ROOT / "LICENSE").read_text()
    assert "TERMS AND CONDITIONS FOR USE, REPRODUCTION, AND DISTRIBUTION" in licence
    assert "END OF TERMS AND CONDITIONS" in licence
