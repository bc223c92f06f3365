"""Renders of k8s/ by kustomize 5, by itself or within kubectl."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

Document = dict[str, Any]
"""One object of Kubernetes, as its YAML says it."""


def render(folder: Path) -> list[Document]:
    """Return what kustomize makes of a folder; skips the test where there is no kustomize."""
    return documents(_rendered(folder))


@cache
def _rendered(folder: Path) -> str:
    command = _command()
    if command is None:
        pytest.skip("no kustomize 5, alone or in kubectl: .ci/kustomize builds it with Go")
    done = subprocess.run(
        [*command, str(folder)], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert not done.stderr, "kustomize warns of what it will refuse one day"
    return done.stdout


def documents(text: str) -> list[Document]:
    """Read all objects of a file."""
    return list(yaml.load_all(text, Loader=yaml.CSafeLoader))


def written(objects: Iterable[Document]) -> str:
    """Write objects in one way, whichever release of kustomize has rendered them."""
    return yaml.dump_all(objects, Dumper=yaml.CSafeDumper, sort_keys=True, width=100)


@cache
def _command() -> tuple[str, ...] | None:
    # One that was built by Go knows no version of its own; what is older than 5 says so.
    said = _said("kustomize", "version")
    if said and not re.search(r"v[0-4]\.", said):
        return ("kustomize", "build")
    if re.search(
        r"^Kustomize Version: v5\.", _said("kubectl", "version", "--client"), re.MULTILINE
    ):
        return ("kubectl", "kustomize")
    return None


def _said(program: str, *arguments: str) -> str:
    if shutil.which(program) is None:
        return ""
    done = subprocess.run([program, *arguments], capture_output=True, text=True, check=False)
    return done.stdout
