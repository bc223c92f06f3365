"""The image in a real container: a stranger's user, nothing that may be written, no rights."""

from __future__ import annotations

import contextlib
import json
import subprocess
import tomllib
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.program import Daemon
from tests.support.project import ROOT

STORE = ROOT / ".tools" / "image"
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]


def buildah(*arguments: str) -> str:
    """Run buildah on the store of `.ci/image` and return what it prints."""
    place = ("--root", str(STORE / "store"), "--runroot", str(STORE / "run"))
    command = ["buildah", *place, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@dataclass(frozen=True, slots=True)
class Image:
    """An image whose files lie in `root`; `config` is what it says of itself."""

    root: Path
    config: Mapping[str, Any]


@contextlib.contextmanager
def unpacked(name: str) -> Iterator[Image]:
    """Lay out an image of the store for the length of the block."""
    document = json.loads(buildah("inspect", "--type", "image", name))
    container = buildah("from", name)
    try:
        yield Image(Path(buildah("mount", container)), document["OCIv1"]["config"])
    finally:
        buildah("rm", container)


def bundle(
    image: Image, folder: Path, arguments: Sequence[str], mounts: Mapping[str, Path]
) -> None:
    """Write into `folder` what an OCI runtime starts, as strict as Kubernetes' restricted profile.

    `mounts` are folders and files of ours by where the container sees them; all else is read-only.
    """
    subprocess.run(["runc", "spec"], cwd=folder, check=True)
    spec = json.loads((folder / "config.json").read_text())
    user, group = map(int, image.config["User"].split(":"))
    spec["process"] |= {
        "terminal": False,
        "args": arguments,
        "env": image.config["Env"],
        "cwd": image.config["WorkingDir"],
        "user": {"uid": user, "gid": group},
        "capabilities": {},
        "noNewPrivileges": True,
    }
    spec["root"] = {"path": str(image.root), "readonly": True}
    # The network is ours, so that its loopback is; control groups are not everywhere the same.
    spec["linux"]["namespaces"] = [{"type": kind} for kind in ("pid", "ipc", "uts", "mount")]
    spec["linux"].pop("resources", None)
    spec["mounts"] = [mount for mount in spec["mounts"] if mount["type"] != "cgroup"]
    spec["mounts"] += [
        {"destination": inside, "source": str(path), "type": "bind", "options": ["rbind", "rw"]}
        for inside, path in mounts.items()
    ]
    (folder / "config.json").write_text(json.dumps(spec))


def entry(image: Image, *arguments: str) -> list[str]:
    """Return the image's command with these arguments, or with its own."""
    return [*image.config["Entrypoint"], *(arguments or image.config["Cmd"])]


@contextlib.contextmanager
def started(
    image: Image, folder: Path, arguments: Sequence[str], mounts: Mapping[str, Path] | None = None
) -> Iterator[subprocess.Popen[str]]:
    """Start a program in a container, which is gone after the block; both its outputs are one.

    The process is the runtime, which passes signals on; the program's id is in `folder`/pid.
    """
    bundle(image, folder, arguments, mounts or {})
    name = f"tunewatch-{uuid.uuid4()}"
    runc = ["runc", "--root", str(folder / "runc")]
    process = subprocess.Popen(
        [*runc, "run", "--pid-file", str(folder / "pid"), "--bundle", str(folder), name],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        subprocess.run([*runc, "delete", "--force", name], check=False, capture_output=True)
        process.kill()
        process.wait()


def output(
    image: Image, folder: Path, arguments: Sequence[str], mounts: Mapping[str, Path] | None = None
) -> tuple[int, str]:
    """Run a program in a container to its end; return its status and what it said."""
    bundle(image, folder, arguments, mounts or {})
    runc = ["runc", "--root", str(folder / "runc"), "run", "--bundle", str(folder)]
    done = subprocess.run(
        [*runc, f"tunewatch-{uuid.uuid4()}"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout


@contextlib.contextmanager
def daemon(
    image: Image, folder: Path, *arguments: str, mounts: Mapping[str, Path] | None = None
) -> Iterator[Daemon]:
    """Start the image's own command on a free loopback port."""
    listen = "--web.listen-address=127.0.0.1:0"
    command = entry(image, *image.config["Cmd"], listen, *arguments)
    with started(image, folder, command, mounts) as process:
        yield Daemon(process)
