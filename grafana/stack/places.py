"""Where the programs of the stack find one another: in containers, or on one machine."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from exporter.demo.loopback import HOST

FOLDER = Path(__file__).parents[1]
"""Where dashboards, provisioning and the stack's files lie."""


@dataclass(frozen=True, slots=True)
class Places:
    """Addresses as `host:port`; `folder` has the stack's files, `dashboards` what Grafana shows.

    `grafana` is the address that people open, and `watchdog` the one that Alertmanager calls while
    all is well, if any.
    """

    tunewatch: str
    mlflow: str
    prometheus: str
    alertmanager: str
    mail: str
    grafana: str
    watchdog: str | None
    folder: str
    dashboards: str


IN_CONTAINERS = Places(
    tunewatch="tunewatch:10390",
    mlflow="mlflow:5000",
    prometheus="prometheus:9090",
    alertmanager="alertmanager:9093",
    mail="mail:1025",
    grafana="127.0.0.1:3000",
    watchdog=None,
    folder="/etc/tunewatch",
    dashboards="/etc/tunewatch/dashboards",
)
"""What compose.yaml calls its services."""


@dataclass(frozen=True, slots=True)
class Ports:
    """A loopback port for everything that listens."""

    tunewatch: int
    mlflow: int
    prometheus: int
    alertmanager: int
    grafana: int
    mail: int
    watchdog: int

    def places(self, folder: Path) -> Places:
        """Return where everything is when it runs on this machine, with its files in `folder`."""
        return Places(
            tunewatch=f"{HOST}:{self.tunewatch}",
            mlflow=f"{HOST}:{self.mlflow}",
            prometheus=f"{HOST}:{self.prometheus}",
            alertmanager=f"{HOST}:{self.alertmanager}",
            mail=f"{HOST}:{self.mail}",
            grafana=f"{HOST}:{self.grafana}",
            watchdog=f"{HOST}:{self.watchdog}",
            folder=str(folder / "stack"),
            dashboards=str(FOLDER / "dashboards"),
        )
