"""The library is found through the dynamic loader's path, as a real driver's is."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.project import ROOT

DRIVER = Path(__file__).with_name("driver.c")
LIBRARY = "libnvidia-ml.so.1"
GIB = 2**30
LIB_RM_VERSION_MISMATCH = 18

Collect = Callable[[], dict[str, Any]]


@pytest.fixture
def collect(tmp_path: Path) -> Iterator[Collect]:
    """Start a collector whose loader looks into `tmp_path` first; each call collects once."""
    program = [sys.executable, "-m", "tests.support.nvml_collector"]
    environment = {**os.environ, "LD_LIBRARY_PATH": str(tmp_path)}
    # A file that is no library stops the loader there: it must not find this machine's driver.
    (tmp_path / LIBRARY).write_bytes(b"no library " * 1000)
    with subprocess.Popen(
        program,
        cwd=ROOT,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as running:
        assert running.stdin
        assert running.stdout
        to_program, from_program = running.stdin, running.stdout

        def collect_once() -> dict[str, Any]:
            to_program.write("\n")
            to_program.flush()
            answer: dict[str, Any] = json.loads(from_program.readline())
            return answer

        yield collect_once
        to_program.close()


@pytest.fixture
def compiler() -> str:
    """Return the C compiler."""
    found = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if found is None:
        pytest.skip("no C compiler: cc, gcc or clang builds a driver library of a few lines")
    return found


def install(compiler: str, folder: Path, init: int = 0) -> None:
    """Build the driver library and put it in place in one step, as a package manager does.

    `init` is the code that its init returns.
    """
    built = folder / "driver.so"
    subprocess.run(
        [compiler, "-shared", "-fPIC", "-Wall", "-Werror", f"-DINIT={init}", "-o", built, DRIVER],
        check=True,
    )
    built.replace(folder / LIBRARY)


def test_without_a_library_people_are_told_what_to_install(collect: Collect) -> None:
    for _ in range(2):
        answer = collect()
        assert "libnvidia-ml.so.1 was not found" in answer["problem"]
        assert "install the NVIDIA driver" in answer["remedy"]
        assert "runtimeClassName: nvidia" in answer["remedy"]


def test_a_driver_that_appears_is_picked_up_without_a_restart(
    collect: Collect, compiler: str, tmp_path: Path
) -> None:
    assert "problem" in collect()
    install(compiler, tmp_path)
    answer = collect()
    assert (answer["seen"], answer["simulated"]) == (2, False)
    assert answer["gpus"] == [
        {
            "index": index,
            "uuid": f"GPU-c0ffee00-0000-0000-0000-{index:012d}",
            "memory_total": 80 * GIB,
            "memory_used": (10 + index) * GIB,
            "memory_free": (69 - index) * GIB,
            "memory_reserved": 1 * GIB,
        }
        for index in (0, 1)
    ]
    assert collect() == answer


def test_an_upgraded_driver_is_picked_up_without_a_restart(
    collect: Collect, compiler: str, tmp_path: Path
) -> None:
    """The library that is loaded is the old one; the new one lies under the same name."""
    install(compiler, tmp_path, LIB_RM_VERSION_MISMATCH)
    for _ in range(2):
        assert "of different versions" in collect()["problem"]
    install(compiler, tmp_path)
    assert collect()["seen"] == 2
    assert collect()["seen"] == 2
