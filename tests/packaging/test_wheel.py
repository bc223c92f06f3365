"""What a release ships works where nothing else of the project is."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from tests.support.project import ROOT

# A machine whose package cache is empty has some 40 MB to download.
pytestmark = pytest.mark.timeout(300)

THRESHOLDS = """\
thresholds:
  max_loss_increase_pct: 20
  min_loss_decrease_per_epoch: 5
  max_val_loss_diff: 0.1
  max_val_loss_increase: 3
  max_gpu_memory_pct: 95
  max_training_time_hours: 24
"""


def run(*command: str | Path, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a command in `folder`, where our source tree is not found."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


def succeed(*command: str | Path, folder: Path) -> str:
    """Run a command that must succeed; return its output."""
    done = run(*command, folder=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder with a fresh sdist and the wheel that was built from it."""
    folder = tmp_path_factory.mktemp("dist")
    build = (sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, ROOT)
    succeed(*build, folder=folder)
    return folder


@pytest.fixture(scope="module")
def installed(dist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the scripts folder of an environment with the wheel and its locked dependencies."""
    folder = tmp_path_factory.mktemp("clean")
    uv = (sys.executable, "-m", "uv", "--quiet")
    succeed(*uv, "venv", "--python", sys.executable, folder / "venv", folder=folder)
    python = folder / "venv" / "bin" / "python"
    pip = (*uv, "pip")
    (wheel,) = dist.glob("*.whl")
    lock = ROOT / "requirements.txt"
    succeed(*pip, "install", "--python", python, "--require-hashes", "-r", lock, folder=folder)
    succeed(*pip, "install", "--python", python, "--no-deps", wheel, folder=folder)
    succeed(*pip, "check", "--python", python, folder=folder)
    return python.parent


def test_the_source_distribution_is_whole_and_no_more(dist: Path) -> None:
    (archive,) = dist.glob("*.tar.gz")
    with tarfile.open(archive) as file:
        names = {name.partition("/")[2] for name in file.getnames()}
    assert {"LICENSE", "README.md", "CHANGELOG.md", "pyproject.toml"} <= names
    assert "exporter/demo/recordings/healthy.json" in names
    tops = {name.partition("/")[0] for name in names}
    assert tops <= {
        *("exporter", "alerts", "LICENSE", "README.md", "CHANGELOG.md"),
        *("pyproject.toml", "PKG-INFO", ".gitignore"),
    }


def test_the_command_tells_its_version(installed: Path, tmp_path: Path) -> None:
    output = succeed(installed / "tunewatch", "--version", folder=tmp_path)
    assert "tunewatch 0.1.0" in output


def test_the_command_checks_a_file(installed: Path, tmp_path: Path) -> None:
    (tmp_path / "good.yaml").write_text(THRESHOLDS)
    succeed(installed / "tunewatch", "check", "good.yaml", folder=tmp_path)


def test_the_command_refuses_a_mistake_and_says_where(installed: Path, tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text(THRESHOLDS.replace("max_gpu_memory_pct", "max_gpu_memory"))
    done = run(installed / "tunewatch", "check", "bad.yaml", folder=tmp_path)
    assert done.returncode != 0
    assert "bad.yaml:6" in done.stdout + done.stderr
    assert "max_gpu_memory_pct" in done.stdout + done.stderr


def test_the_command_looks_over_a_training(installed: Path, tmp_path: Path) -> None:
    (tmp_path / "train.yaml").write_text("stage: sft\nlora_rnk: 8\n")
    done = run(installed / "tunewatch", "doctor", "--offline", "train.yaml", folder=tmp_path)
    assert (done.returncode, done.stderr) == (1, "")
    assert "train.yaml:2: error: LLaMA-Factory refuses the unknown key 'lora_rnk'" in done.stdout


def test_both_packages_come_from_this_distribution_alone(installed: Path, tmp_path: Path) -> None:
    question = (
        "import importlib.metadata as m, importlib.resources as r;"
        "owners = m.packages_distributions();"
        "print(owners['exporter'], owners['alerts']);"
        "print((r.files('exporter.demo') / 'recordings' / 'overfit.json').is_file())"
    )
    output = succeed(installed / "python", "-c", question, folder=tmp_path)
    assert output.split("\n")[:2] == ["['tunewatch'] ['tunewatch']", "True"]
