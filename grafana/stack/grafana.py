"""Grafana on one machine: where it is installed, and how it is started with what is provisioned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from exporter.demo.child import Child
from exporter.demo.loopback import HOST
from grafana.stack.places import FOLDER, Ports

HOME = FOLDER / "dashboards" / "training-runs.json"
SETTINGS: Mapping[str, str] = {
    "GF_ANALYTICS_CHECK_FOR_PLUGIN_UPDATES": "false",
    "GF_ANALYTICS_CHECK_FOR_UPDATES": "false",
    "GF_ANALYTICS_REPORTING_ENABLED": "false",
    "GF_AUTH_ANONYMOUS_ENABLED": "true",
    "GF_AUTH_ANONYMOUS_ORG_ROLE": "Viewer",
    "GF_NEWS_NEWS_FEED_ENABLED": "false",
    "GF_PLUGINS_PREINSTALL_DISABLED": "true",
    "GF_PLUGINS_PUBLIC_KEY_RETRIEVAL_DISABLED": "true",
    "GF_SECURITY_DISABLE_INITIAL_ADMIN_CREATION": "true",
}
"""Whoever reaches it may look, nobody may change anything, and it calls nobody."""


def grafana_command(program: str) -> Sequence[str] | None:
    """Return how the Grafana is started to which this program belongs; None where it is too old.

    What packages of Debian and Red Hat put on `PATH` is a script, which names the machine's own
    grafana.ini, and only its service may read that. So the program behind it is started, which
    takes the defaults that lie beside it. The program `grafana` came with release 9.4.
    """
    found = Path(program).resolve()
    prefix = found.parents[1]
    homes = (prefix, prefix / "share" / "grafana")
    home = next((folder for folder in homes if (folder / "public").is_dir()), prefix)
    executables = (home / "bin" / "grafana", found.with_name("grafana"))
    executable = next((file for file in executables if file.is_file()), None)
    return None if executable is None else [str(executable), "server", f"--homepath={home}"]


def start_grafana(command: Sequence[str], folder: Path, ports: Ports) -> Child:
    """Start Grafana, provisioned with what lies in `folder`."""
    data = folder / "grafana"
    settings = {
        **SETTINGS,
        "GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH": str(HOME),
        "GF_PATHS_DATA": str(data),
        "GF_PATHS_LOGS": str(data),
        "GF_PATHS_PLUGINS": str(data / "plugins"),
        "GF_PATHS_PROVISIONING": str(folder / "provisioning"),
        "GF_SERVER_HTTP_ADDR": HOST,
        "GF_SERVER_HTTP_PORT": str(ports.grafana),
    }
    log = folder / "grafana.log"
    return Child("Grafana", command, folder=folder, settings=settings, log=log)
