"""The lock files fit what pyproject.toml asks for, and pin every package by its hashes."""

from __future__ import annotations

import re
import tomllib
from itertools import chain

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.support.project import ROOT

PIN = re.compile(r"^(?P<name>[a-z0-9.-]+)==(?P<version>\S+)(?P<rest>(?:.*\\\n)+.*)", re.MULTILINE)
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PROJECT = PYPROJECT["project"]

GROUPS = PYPROJECT["dependency-groups"]
OUTSIDE = ["requirements.txt", "requirements-build.txt"]
"""What is installed where no test runs."""

ASKED = {
    "requirements.txt": PROJECT["dependencies"],
    "requirements-build.txt": GROUPS["build"],
    "requirements-dev.txt": [
        *PROJECT["dependencies"],
        *chain.from_iterable(PROJECT["optional-dependencies"].values()),
        *GROUPS["build"],
        *(entry for entry in GROUPS["dev"] if isinstance(entry, str)),
        *PYPROJECT["build-system"]["requires"],
    ],
}

SERVERS = sorted(p.relative_to(ROOT).as_posix() for p in ROOT.glob("tests/servers/*.txt"))
"""Tracking servers of other versions, which only tests start."""


def pins(name: str) -> list[re.Match[str]]:
    return list(PIN.finditer((ROOT / name).read_text()))


@pytest.mark.parametrize("name", ASKED)
def test_the_lock_has_what_the_project_asks_for(name: str) -> None:
    locked = {(pin["name"], pin["version"]) for pin in pins(name)}
    missing = []
    for text in ASKED[name]:
        asked = Requirement(text)
        found = [v for package, v in locked if package == canonicalize_name(asked.name)]
        if not found or not all(asked.specifier.contains(version) for version in found):
            missing.append(f"{text}: locked {found or 'nothing'}; run `make lock`")
    assert not missing


@pytest.mark.parametrize("name", [*ASKED, *SERVERS])
def test_every_package_is_pinned_by_hashes_and_from_no_named_place(name: str) -> None:
    text = (ROOT / name).read_text()
    assert len(pins(name)) == len(re.findall(r"^\w", text, re.MULTILINE)) > 30
    assert all("--hash=sha256:" in pin["rest"] for pin in pins(name))
    assert not re.search(r"https?://|--(?:extra-)?index-url|--find-links|@ file", text)


@pytest.mark.parametrize("name", OUTSIDE)
def test_users_run_what_the_tests_run(name: str) -> None:
    tested = {(pin["name"], pin["version"]) for pin in pins("requirements-dev.txt")}
    assert {(pin["name"], pin["version"]) for pin in pins(name)} <= tested
