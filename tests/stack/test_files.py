"""The files of the stack, each looked at by the tool of those who read it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from exporter.config import load_config
from grafana.stack import files
from grafana.stack.grafana import HOME, SETTINGS
from grafana.stack.places import FOLDER, IN_CONTAINERS, Ports
from grafana.stack.programs import RESEND_DELAY
from tests.support.promtool import program, promtool

COMPOSE = FOLDER / "compose.yaml"
PORTS = Ports(1, 2, 3, 4, 5, 6, 7)

DATASOURCE = {
    *("name", "uid", "type", "access", "url", "isDefault", "editable", "jsonData"),
    *("orgId", "version", "basicAuth", "basicAuthUser", "withCredentials", "secureJsonData"),
}
"""What a data source may say: the fields of Grafana's `UpsertDataSourceFromConfig`."""
PROVIDER = {
    *("name", "orgId", "folder", "folderUid", "type", "disableDeletion", "allowUiUpdates"),
    *("updateIntervalSeconds", "editable", "options"),
}
"""What a provider of dashboards may say: the fields of Grafana's `config`."""


def document(name: str) -> Any:  # noqa: ANN401 - YAML
    return yaml.safe_load((FOLDER / name).read_text())


@pytest.fixture(scope="module")
def services() -> Mapping[str, Any]:
    found: Mapping[str, Any] = document("compose.yaml")["services"]
    return found


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """The same files as they are written for this machine."""
    files.write(tmp_path, PORTS.places(tmp_path))
    return tmp_path / "stack"


def run(*command: str | Path) -> None:
    done = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


def test_what_is_committed_is_what_would_be_written() -> None:
    wanted = files.texts(IN_CONTAINERS)
    there = {name: (FOLDER / name).read_text() for name in wanted}
    assert there == wanted, "run `python -m grafana.stack --write`"


def test_promtool_accepts_the_configuration_and_its_rules(here: Path) -> None:
    run(promtool(), "check", "config", here / "prometheus.yml")


def test_amtool_accepts_the_configuration(here: Path) -> None:
    amtool = program("amtool", "prometheus-alertmanager")
    run(amtool, "check-config", here / "alertmanager.yml")
    run(amtool, "check-config", FOLDER / "stack" / "alertmanager.yml")


def test_tunewatch_accepts_its_configuration() -> None:
    config = load_config(FOLDER / "stack" / "tunewatch.yaml")
    assert config.notify.via == "prometheus"


def test_compose_accepts_its_file() -> None:
    schema = ("--builtin-schema", "vendor.compose-spec")
    run(sys.executable, "-m", "check_jsonschema", *schema, COMPOSE)


def test_everything_is_served_to_this_machine_alone(services: Mapping[str, Any]) -> None:
    ports = [port for service in services.values() for port in service.get("ports", ())]
    assert len(ports) == len(services) - 1  # the trainer serves nothing
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_what_is_mounted_is_there_and_stays_as_it_is(services: Mapping[str, Any]) -> None:
    mounts = [mount for service in services.values() for mount in service.get("volumes", ())]
    files = [mount.split(":") for mount in mounts if mount.startswith(".")]
    assert len(files) == 6
    for here, _, mode in files:
        assert (FOLDER / here).exists()
        assert mode == "ro"


def test_all_foreign_images_are_pinned(services: Mapping[str, Any]) -> None:
    foreign = [service["image"] for service in services.values() if "/" in service.get("image", "")]
    assert len(foreign) == 4
    assert all(":" in image and not image.endswith(":latest") for image in foreign)


def test_no_two_services_build_the_same_image(services: Mapping[str, Any]) -> None:
    images = [
        service.get("image", name) for name, service in services.items() if "build" in service
    ]
    assert sorted(images) == ["mlflow", "tunewatch"]


def test_nothing_secret_is_in_the_environment(services: Mapping[str, Any]) -> None:
    names = [name for service in services.values() for name in service.get("environment", ())]
    assert names
    assert not [name for name in names if "PASSWORD" in name or "TOKEN" in name]


def test_prometheus_tells_again_as_soon_as_on_one_machine(services: Mapping[str, Any]) -> None:
    assert f"--rules.alert.resend-delay={RESEND_DELAY}" in services["prometheus"]["command"]


@pytest.mark.parametrize("name", ["tunewatch", "mlflow", "prometheus", "alertmanager", "mail"])
def test_every_address_names_a_service(services: Mapping[str, Any], name: str) -> None:
    host, _, port = getattr(IN_CONTAINERS, name).partition(":")
    published = [text.rpartition(":")[2] for text in services[host].get("ports", ())]
    assert host == name
    assert port in [*published, "1025"]  # mail is taken in from inside alone


def test_grafana_is_told_where_prometheus_is_and_how_often_it_scrapes() -> None:
    (found,) = document("provisioning/datasources/tunewatch.yaml")["datasources"]
    assert found.keys() <= DATASOURCE
    assert found["url"] == f"http://{IN_CONTAINERS.prometheus}"
    scraped = document("stack/prometheus.yml")["global"]["scrape_interval"]
    assert found["jsonData"]["timeInterval"] == scraped


def test_grafana_finds_the_dashboards_and_whoever_comes_may_look(
    services: Mapping[str, Any],
) -> None:
    (found,) = document("provisioning/dashboards/tunewatch.yaml")["providers"]
    assert found.keys() <= PROVIDER
    grafana = services["grafana"]
    path = found["options"]["path"]
    assert f"./dashboards:{path}:ro" in grafana["volumes"]
    assert "./provisioning:/etc/grafana/provisioning:ro" in grafana["volumes"]
    home = {"GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH": f"{path}/{HOME.name}"}
    assert grafana["environment"] == {**SETTINGS, **home}
    assert json.loads(HOME.read_text())["title"]


@pytest.mark.parametrize(
    "file", sorted((FOLDER / "dashboards").glob("*.json")), ids=lambda f: f.stem
)
def test_dashboards_ask_the_data_source_that_is_chosen_which_is_ours_at_first(file: Path) -> None:
    (found,) = document("provisioning/datasources/tunewatch.yaml")["datasources"]
    dashboard = json.loads(file.read_text())
    (chosen,) = [v for v in dashboard["templating"]["list"] if v["type"] == "datasource"]
    assert (chosen["query"], found["isDefault"]) == (found["type"], True)
    assert not chosen.get("current")
    uids = set(
        re.findall(
            r'"datasource":\{[^}]*"uid":"([^"]*)"', json.dumps(dashboard, separators=(",", ":"))
        )
    )
    assert uids == {f"${{{chosen['name']}}}"}
