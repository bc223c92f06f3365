"""The programs of the stack that are not Python: which are here, and how they are started."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from exporter.demo.child import Child
from exporter.demo.loopback import HOST
from grafana.stack.places import FOLDER, Ports

FETCHED = FOLDER.parent / ".tools" / "usr" / "bin"
"""Where `make tools` unpacks Debian's programs."""
TEMPLATES = Path("/usr/share/prometheus/alertmanager/default.tmpl")
HOME = FOLDER / "dashboards" / "training-runs.json"
GRAFANA: Mapping[str, str] = {
    "GF_ANALYTICS_CHECK_FOR_PLUGIN_UPDATES": "false",
    "GF_ANALYTICS_CHECK_FOR_UPDATES": "false",
    "GF_ANALYTICS_REPORTING_ENABLED": "false",
    "GF_AUTH_ANONYMOUS_ENABLED": "true",
    "GF_AUTH_ANONYMOUS_ORG_ROLE": "Viewer",
    "GF_SECURITY_DISABLE_INITIAL_ADMIN_CREATION": "true",
}
"""Whoever reaches it may look, nobody may change anything, and it calls nobody."""


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
        f"--web.external-url=http://{listen}",
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


def start_grafana(program: str, folder: Path, ports: Ports) -> Child:
    """Start Grafana, provisioned with what lies in `folder`."""
    settings = {
        **GRAFANA,
        "GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH": str(HOME),
        "GF_PATHS_DATA": str(folder / "grafana"),
        "GF_PATHS_LOGS": str(folder / "grafana"),
        "GF_PATHS_PROVISIONING": str(folder / "provisioning"),
        "GF_SERVER_HTTP_ADDR": HOST,
        "GF_SERVER_HTTP_PORT": str(ports.grafana),
    }
    command = [program] if Path(program).name == "grafana-server" else [program, "server"]
    home = ["--homepath", str(_home(program))]
    log = folder / "grafana.log"
    return Child("Grafana", [*command, *home], folder=folder, settings=settings, log=log)


def _home(program: str) -> Path:
    """Return where Grafana's own files lie: in its archive beside `bin`, else where packages go."""
    unpacked = Path(program).resolve().parents[1]
    return unpacked if (unpacked / "public").is_dir() else Path("/usr/share/grafana")
