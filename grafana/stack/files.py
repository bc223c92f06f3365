"""The configuration of every program of the stack, made of one description."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from alerts.promrules import files as generated
from alerts.thresholds import USER_THRESHOLDS
from exporter.config import Config
from grafana.stack.places import Places

Tree = Mapping[str, Any]

NODE = "demo"
"""What the one machine of the stack is called, by its process and by Prometheus."""
INTERVAL = "2s"
"""How often everything is read: a demonstration is short."""
DATASOURCE = "tunewatch"
"""The uid of the data source, which links to it keep."""
_HEADER = "# Written by `python -m grafana.stack --write`.\n"


def texts(places: Places) -> Mapping[str, str]:
    """Return the text of every file by its path below the folder `grafana`."""
    tree = tunewatch(places)
    config = Config.model_validate(tree)
    return {
        "stack/tunewatch.yaml": _text(tree),
        "stack/tunewatch.rules.yml": generated.render("prometheus", config, config.prometheus),
        "stack/alertmanager.yml": generated.render("alertmanager", config, config.prometheus),
        "stack/prometheus.yml": _text(prometheus(places)),
        "provisioning/datasources/tunewatch.yaml": _text(datasource(places)),
        "provisioning/dashboards/tunewatch.yaml": _text(provider(places)),
    }


def write(folder: Path, places: Places) -> None:
    """Write every file below `folder`."""
    for name, text in texts(places).items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def tunewatch(places: Places) -> Tree:
    """Return the daemon's configuration: what a user writes, and Alertmanager tells people."""
    return {
        "thresholds": USER_THRESHOLDS.model_dump(),
        "mlflow": {"tracking_uri": f"http://{places.mlflow}", "interval": INTERVAL},
        "nvml": {"interval": INTERVAL},
        "notify": {"via": "prometheus"},
        "prometheus": {
            "dashboards_url": f"http://{places.grafana}",
            "watchdog_url": f"http://{places.watchdog}" if places.watchdog else None,
            "slack": None,
            "email": {"smarthost": places.mail, "username": "", "require_tls": False},
        },
    }


def prometheus(places: Places) -> Tree:
    """Return what Prometheus scrapes, judges and whom it tells."""
    return {
        "global": {"scrape_interval": INTERVAL, "evaluation_interval": INTERVAL},
        "rule_files": [f"{places.folder}/tunewatch.rules.yml"],
        "alerting": {"alertmanagers": [{"static_configs": [{"targets": [places.alertmanager]}]}]},
        "scrape_configs": [
            {
                "job_name": "tunewatch",
                "static_configs": [{"targets": [places.tunewatch], "labels": {"node": NODE}}],
            }
        ],
    }


def datasource(places: Places) -> Tree:
    """Return what Grafana is told of Prometheus; fields of its provisioning, version 1.

    `timeInterval` is the scrape interval, of which Grafana makes `$__rate_interval`.
    """
    return {
        "apiVersion": 1,
        "prune": True,
        "datasources": [
            {
                "name": "Prometheus",
                "uid": DATASOURCE,
                "type": "prometheus",
                "access": "proxy",
                "url": f"http://{places.prometheus}",
                "isDefault": True,
                "editable": False,
                "jsonData": {
                    "httpMethod": "POST",
                    "timeInterval": INTERVAL,
                    "prometheusType": "Prometheus",
                    "manageAlerts": False,
                },
            }
        ],
    }


def provider(places: Places) -> Tree:
    """Return where Grafana finds the dashboards; they may be changed and saved as others."""
    return {
        "apiVersion": 1,
        "providers": [
            {
                "name": "tunewatch",
                "folder": "tunewatch",
                "folderUid": "tunewatch",
                "type": "file",
                "disableDeletion": True,
                "allowUiUpdates": False,
                "updateIntervalSeconds": 30,
                "options": {"path": places.dashboards, "foldersFromFilesStructure": False},
            }
        ],
    }


def _text(tree: Tree) -> str:
    return _HEADER + yaml.safe_dump(tree, sort_keys=False)
