"""What the Containerfile promises, told without building it."""

from __future__ import annotations

import re
import tomllib
from fnmatch import fnmatch
from pathlib import Path

import pytest

from exporter.options import RunOptions
from exporter.server import Address
from tests.support.project import ROOT

TEXT = (ROOT / "Containerfile").read_text()
JOINED = re.sub(r"^#.*\n", "", TEXT, flags=re.MULTILINE).replace("\\\n", " ")
STEPS = [line.split(None, 1) for line in JOINED.splitlines() if line.strip()]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
LABELS = {"title", "description", "licenses", "version", "revision", "created", "source"}


def said(instruction: str) -> list[str]:
    """Return what comes after every such instruction, in order."""
    return [" ".join(rest.split()) for name, rest in STEPS if name == instruction]


def test_the_base_is_for_those_to_choose_who_build() -> None:
    bases = said("FROM")
    stages = {base.partition(" AS ")[0] for base in bases}
    assert stages == {"${BUILDER}", "dependencies", "scratch", "${BASE}"}
    assert said("ARG")[:2] == ["BASE=python:3.12-slim-bookworm", "BUILDER=${BASE}"]


def test_the_image_is_the_last_stage_and_only_builders_run_anything() -> None:
    stages = JOINED.split("FROM ")[1:]
    assert [bool(re.search(r"^RUN ", stage, re.MULTILINE)) for stage in stages] == [
        True,
        True,
        False,
        False,
    ]


def test_all_that_is_installed_is_locked() -> None:
    installed = re.findall(r"install ([^&]*)", " && ".join(said("RUN")))
    assert len(installed) == 3
    for arguments in installed:
        assert "--no-deps" in arguments
        assert "--require-hashes" in arguments or "--no-index" in arguments


def test_it_runs_as_nobody_without_a_shell_and_leaves_probes_to_others() -> None:
    assert said("USER") == ["65534:65534"]
    assert said("ENTRYPOINT") == ['["tunewatch"]']
    assert said("CMD") == ['["run"]']
    assert said("STOPSIGNAL") == ["SIGTERM"]
    assert not said("HEALTHCHECK")


def test_it_exposes_the_port_that_the_program_listens_at() -> None:
    assert said("EXPOSE") == [str(Address.parse(RunOptions().listen_address).port)]


def test_it_says_what_it_is() -> None:
    (labels,) = said("LABEL")
    assert set(re.findall(r"org\.opencontainers\.image\.(\w+)=", labels)) == LABELS
    assert f'description="{PROJECT["description"]}"' in labels
    assert f'licenses="{PROJECT["license"]}"' in labels


def test_it_asks_for_no_gpu_by_itself() -> None:
    assert "NVIDIA_DRIVER_CAPABILITIES=utility" in " ".join(said("ENV"))
    assert "NVIDIA_VISIBLE_DEVICES" not in JOINED


@pytest.mark.parametrize("what", re.findall(r"^COPY ([^-].*) \S+$", JOINED, re.MULTILINE))
def test_what_is_copied_exists_and_is_sent_to_the_builder(what: str) -> None:
    ignored = (ROOT / ".containerignore").read_text().splitlines()
    kept = [line[1:] for line in ignored if line.startswith("!")]
    for name in what.split():
        assert (ROOT / name).exists()
        assert any(fnmatch(name, pattern) for pattern in kept)


def test_nothing_else_is_sent_to_the_builder() -> None:
    lines = (ROOT / ".containerignore").read_text().splitlines()
    assert [line for line in lines if not line.startswith(("#", "!", "**/"))] == ["*"]
    assert all(Path(ROOT, line[1:]).exists() for line in lines if line.startswith("!"))
