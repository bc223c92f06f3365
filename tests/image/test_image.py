"""The image as it is built and run: on a base without a shell, by nobody, with nothing to write."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from urllib.request import urlopen

import pytest

from tests.support.container import VERSION, Image, daemon, entry, output, unpacked
from tests.support.program import Daemon, eventually
from tests.support.project import ROOT

pytestmark = pytest.mark.timeout(1800)
"""For the first build, which fetches all of it; later ones keep what is locked."""

NOBODY = 65534
MOMENT = int(time.time())
"""When the image is said to be made: new each time, as layers that were kept must not tell it."""
EXAMPLE = ROOT / "exporter" / "example.yaml"
COMPILED = """
import pathlib, sys
import exporter.app, exporter.cli, exporter.demo.performance, exporter.kube.client
import apprise, mlflow, mlflow.tracking, pynvml
files = [m.__spec__ for m in list(sys.modules.values()) if getattr(m, "__spec__", None)]
print([s.origin for s in files if s.cached and not pathlib.Path(s.cached).exists()])
"""


def refused() -> str | None:
    """Say why nothing can be built here, if so."""
    if os.geteuid() != 0:
        return "hardware: building takes root"
    if shutil.which("buildah") is None and shutil.which("apt-get") is None:
        return "hardware: no buildah, nor Debian to install it on"
    return None


@pytest.fixture(scope="module")
def image() -> Iterator[Image]:
    """The image, built from the tree as it is."""
    if reason := refused():
        pytest.skip(reason)
    command, environ = ROOT / ".ci" / "image", os.environ | {"SOURCE_DATE_EPOCH": str(MOMENT)}
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
    if "cannot be installed here" in done.stderr:
        pytest.skip(done.stderr)
    if done.returncode and "peration not permitted" in done.stderr:
        pytest.skip(f"hardware: no right to mount or to enter a chroot: {done.stderr}")
    assert done.returncode == 0, done.stderr
    with unpacked(done.stdout.strip()) as image:
        yield image


@pytest.fixture
def gpu_node(image: Image, tmp_path: Path) -> Iterator[Daemon]:
    """A container with the node role alone, and eight GPUs."""
    with daemon(image, tmp_path, "--no-collector.mlflow", "--nvml.simulate=8") as running:
        yield running


def page(port: int, path: str = "/metrics") -> str:
    with urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
        return str(answer.read().decode())


def test_the_base_has_no_shell(image: Image) -> None:
    programs = sorted(path.name for path in (image.root / "usr" / "bin").iterdir())
    assert [name for name in programs if not name.startswith("py")] == []


def test_it_says_what_it_is(image: Image) -> None:
    labels = {
        name.removeprefix("org.opencontainers.image."): value
        for name, value in image.config["Labels"].items()
    }
    assert labels["title"] == "tunewatch"
    assert labels["version"] == VERSION
    assert labels["licenses"] == "Apache-2.0"
    assert datetime.fromisoformat(labels["created"]).timestamp() == MOMENT
    assert "Healthcheck" not in image.config


def test_the_bill_of_materials_lists_what_is_locked_and_no_more(image: Image) -> None:
    text = (image.root / "usr/share/doc/tunewatch/sbom.cdx.json").read_text()
    listed = {(part["name"].lower(), part["version"]) for part in json.loads(text)["components"]}
    lock = (ROOT / "requirements.txt").read_text()
    locked = set(re.findall(r"^([a-z0-9.-]+)==(\S+)", lock, re.MULTILINE))
    assert {re.sub("[-_.]+", "-", name) for name, _ in listed} - {"tunewatch"} == {
        re.sub("[-_.]+", "-", name) for name, _ in locked
    }
    assert len(listed & locked) > len(locked) / 2


def test_it_tells_its_version(image: Image, tmp_path: Path) -> None:
    assert output(image, tmp_path, entry(image, "--version")) == (0, f"tunewatch {VERSION}\n")


def test_it_checks_a_configuration(image: Image, tmp_path: Path) -> None:
    inside = "/etc/tunewatch.yaml"
    command = entry(image, "check", inside)
    status, said = output(image, tmp_path, command, {inside: EXAMPLE})
    assert status == 0, said


def test_nothing_is_compiled_at_a_start(image: Image, tmp_path: Path) -> None:
    status, said = output(image, tmp_path, ["python3", "-c", COMPILED])
    assert (status, said) == (0, "[]\n")


def test_eight_gpus_are_served_by_nobody(gpu_node: Daemon, tmp_path: Path) -> None:
    port = gpu_node.address().port
    eventually(lambda: page(port).count("\nnvidia_gpu_utilization_pct{") == 8)
    status = Path("/proc", (tmp_path / "pid").read_text(), "status").read_text()
    facts = dict(line.split(":\t", 1) for line in status.splitlines())
    assert set(facts["Uid"].split()) == {str(NOBODY)}
    assert set(facts["Gid"].split()) == {str(NOBODY)}
    assert int(facts["CapEff"], 16) == int(facts["CapBnd"], 16) == 0
    assert facts["NoNewPrivs"] == "1"


def test_a_request_to_end_is_granted_at_once(gpu_node: Daemon) -> None:
    gpu_node.address()
    assert gpu_node.end(signal.SIGTERM) < 10
    assert gpu_node.process.returncode == 0


def test_the_driver_is_given_back_without_a_shell(gpu_node: Daemon, tmp_path: Path) -> None:
    """What the documentation tells people to execute in a pod, where there is no kill."""
    gpu_node.address()
    (name,) = (path.name for path in (tmp_path / "runc").iterdir())
    order = "import os; os.kill(1, 10)"
    runc = ("runc", "--root", tmp_path / "runc", "exec", name, "python3", "-c", order)
    subprocess.run(runc, check=True)
    gpu_node.until("given back on purpose")


def test_alert_state_is_kept_in_a_volume(image: Image, tmp_path: Path) -> None:
    inside = "/var/lib/tunewatch"
    assert (image.root / inside[1:]).stat().st_uid == NOBODY
    volume = tmp_path / "volume"
    volume.mkdir()
    os.chown(volume, NOBODY, NOBODY)
    with daemon(image, tmp_path, "--nvml.simulate=1", mounts={inside: volume}) as running:
        running.address()
        running.end()
    assert (volume / "state.json").stat().st_uid == NOBODY


def test_state_that_cannot_be_kept_is_refused_at_once(image: Image, tmp_path: Path) -> None:
    status, said = output(image, tmp_path, entry(image, "run"))
    assert status != 0
    assert "cannot use the state file /var/lib/tunewatch/state.json" in said
