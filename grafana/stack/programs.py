"""Prometheus and Alertmanager on one machine: where they are installed, and how they start."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from exporter.demo.child import Child
from exporter.demo.loopback import HOST
from grafana.stack.places import FOLDER, Ports

FETCHED = FOLDER.parent / ".tools" / "usr" / "bin"
"""Where `make tools` unpacks Debian's programs."""
TEMPLATES = Path("/usr/share/prometheus/alertmanager/default.tmpl")
RESEND_DELAY = "10s"
"""How soon Prometheus tells an alert again.

For up to five seconds after its start it knows no Alertmanager, and what it has to tell is lost.
"""


def find(*names: str) -> str | None:
    """Return the first program of these names that is installed, or fetched for the tests."""
    path = f"{os.environ.get('PATH', '')}{os.pathsep}{FETCHED}"
    return next((found for name in names if (found := shutil.which(name, path=path))), None)


def start_prometheus(program: str, folder: Path, ports: Ports) -> Child:
    """Start Prometheus with what lies in `folder`."""
    listen = f"{HOST}:{ports.prometheus}"
    command = [
        *(program, f"--config.file={folder / 'stack' / 'prometheus.yml'}"),
        *(f"--storage.tsdb.path={folder / 'prometheus'}", f"--web.listen-address={listen}"),
        *(f"--web.external-url=http://{listen}", f"--rules.alert.resend-delay={RESEND_DELAY}"),
    ]
    return Child("Prometheus", command, folder=folder, settings={}, log=folder / "prometheus.log")


def start_alertmanager(command: Sequence[str], folder: Path, ports: Ports) -> Child:
    """Start Alertmanager, without peers, with what lies in `folder`."""
    listen = f"{HOST}:{ports.alertmanager}"
    whole = [
        *(*command, f"--config.file={folder / 'stack' / 'alertmanager.yml'}"),
        *(f"--storage.path={folder / 'alertmanager'}", f"--web.listen-address={listen}"),
        *(f"--web.external-url=http://{listen}", "--cluster.listen-address="),
    ]
    return Child("Alertmanager", whole, folder=folder, settings={}, log=folder / "alertmanager.log")


def alertmanager_command(program: str) -> list[str] | None:
    """Return how an Alertmanager is started; None where it cannot be.

    Debian's reads its templates from /usr/share. Where it is unpacked and not installed, it sees
    what was unpacked there, in a mount namespace of its own.
    """
    shared = Path(program).parents[1] / "share"
    if TEMPLATES.exists() or not (shared / TEMPLATES.relative_to("/usr/share")).exists():
        return [program]
    alone = ["unshare", "--user", "--map-root-user", "--mount"]
    mounted = [*alone, "sh", "-c", 'mount --bind "$0" /usr/share && exec "$@"', str(shared)]
    tried = subprocess.run([*mounted, "true"], capture_output=True, check=False)  # noqa: S603 - a fixed command
    return None if tried.returncode else [*mounted, program]
