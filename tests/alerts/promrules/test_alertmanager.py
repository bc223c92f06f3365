"""The generated Alertmanager configuration: who is told what, and what is not told at all."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from alerts.inhibition import INHIBITS, INHIBITS_BY_SOURCE, inhibitor
from alerts.model import AlertKey, Subject
from alerts.promrules.files import render
from alerts.promrules.promql import alert_name
from alerts.promrules.settings import PrometheusSettings
from alerts.rules import RULES
from alerts.thresholds import AlertSettings, Notify
from tests.support.promtool import program

RUN = {"run_id": "r", "run_name": "n", "experiment": "e"}
SUBJECTS: Mapping[str, Mapping[str, str]] = {
    "run": RUN,
    "gpu": {"uuid": "GPU-1", "gpu": "0", "node": "n1"},
    "source": {"source": "mlflow", "node": "n1"},
    "node": {"node": "n1"},
}
ONE_OF_EACH = {(rule.about, rule.event): rule for rule in RULES.values()}
"""A rule of each kind that has routes of its own."""
TEAM, EVENTS, WATCHDOG, NOBODY = (
    f"tunewatch-{name}" for name in ("team", "events", "watchdog", "nobody")
)


def text(via: str = "prometheus", **prometheus: Any) -> str:  # noqa: ANN401 - as in a file
    settings = AlertSettings(notify=Notify.model_validate({"via": via}))
    return render("alertmanager", settings, PrometheusSettings.model_validate(prometheus))


def tree(via: str = "prometheus", **prometheus: Any) -> dict[str, Any]:  # noqa: ANN401 - as above
    found: dict[str, Any] = yaml.safe_load(text(via, **prometheus))
    return found


def amtool(*arguments: str) -> str:
    command = [program("amtool", "prometheus-alertmanager"), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize(
    ("via", "prometheus"),
    [
        ("apprise", {}),
        ("prometheus", {"slack": None}),
        ("prometheus", {"email": None, "watchdog_url": None}),
        ("apprise", {"email": {"username": "", "require_tls": False}}),
        ("prometheus", {"slack": {"channel": '#a"b: {x}'}, "email": {"to": "a@b", "from": "c@d"}}),
    ],
)
def test_amtool_takes_the_configuration(
    tmp_path: Path, via: str, prometheus: Mapping[str, Any]
) -> None:
    file = tmp_path / "alertmanager.yml"
    file.write_text(text(via, **prometheus))
    assert "SUCCESS" in amtool("check-config", str(file))


@pytest.mark.parametrize(
    ("via", "labels", "receiver"),
    [
        ("prometheus", {"alertname": "TunewatchWatchdog", "severity": "none"}, WATCHDOG),
        ("apprise", {"alertname": "TunewatchWatchdog", "severity": "none"}, WATCHDOG),
        *(
            (via, {"alertname": name, "severity": "critical"}, TEAM)
            for via in ("apprise", "prometheus")
            for name in ("TunewatchDown", "TunewatchNoHolder", "TunewatchRulesOutOfSync")
        ),
        ("apprise", {"alertname": "TunewatchNonfinite", "rule": "nonfinite", **RUN}, NOBODY),
        ("apprise", {"alertname": "SomebodyElse"}, TEAM),
        *(
            (
                "prometheus",
                {
                    "alertname": alert_name(rule.name),
                    "rule": rule.name,
                    "severity": "critical",
                    **SUBJECTS[rule.about],
                },
                EVENTS if rule.event else TEAM,
            )
            for rule in ONE_OF_EACH.values()
        ),
    ],
)
def test_alerts_find_their_receiver(
    tmp_path: Path, via: str, labels: Mapping[str, str], receiver: str
) -> None:
    file = tmp_path / "alertmanager.yml"
    file.write_text(text(via))
    given = [f"{name}={value}" for name, value in labels.items()]
    arguments = ("--config.file", str(file), "--verify.receivers", receiver, *given)
    amtool("config", "routes", "test", *arguments)


def test_runs_are_told_run_by_run_and_gpus_node_by_node() -> None:
    routes = tree()["route"]["routes"]
    by = {tuple(route["matchers"])[-1]: route.get("group_by") for route in routes}
    assert by['run_id=~".+"'] == ["run_id"]
    assert by['node=~".+"'] == ["node"]
    for route in routes:
        nested = {tuple(r["matchers"]): r for r in route.get("routes", ())}
        if nested:
            assert nested[('severity="critical"',)]["group_wait"] == "0s"


def test_repeats_are_those_of_the_daemon() -> None:
    repeat = {"warning": "6h", "critical": 0}
    settings = AlertSettings(notify=Notify.model_validate({"via": "prometheus", "repeat": repeat}))
    route = yaml.safe_load(render("alertmanager", settings, PrometheusSettings()))["route"]
    assert route["repeat_interval"] == "6h"
    critical, info = route["routes"][-1]["routes"]
    assert (critical["repeat_interval"], info["repeat_interval"]) == ("5d", "5d")


def test_what_is_over_is_told_but_of_events() -> None:
    receivers = {receiver["name"]: receiver for receiver in tree()["receivers"]}
    for name, told in ((TEAM, True), (EVENTS, False)):
        channels = (*receivers[name]["slack_configs"], *receivers[name]["email_configs"])
        assert [channel["send_resolved"] for channel in channels] == [told, told]


def test_secrets_are_named_by_their_files_alone() -> None:
    found = tree(slack={"url_file": "/s/slack"}, email={"password_file": "/s/mail"})
    named = {value for key, value in found["global"].items() if key.endswith("_file")}
    assert named == {"/s/slack", "/s/mail"}
    with pytest.raises(ValidationError, match="is a file that holds"):
        tree(slack={"url_file": "https://hooks.slack.com/services/T/B/x"})
    with pytest.raises(ValidationError, match="must not hold a user or a password"):
        tree(watchdog_url="https://user:hunter2@watchdog")


def test_a_run_cannot_call_a_channel_together() -> None:
    (team,) = (r for r in tree()["receivers"] if r["name"] == TEAM)
    (slack,) = team["slack_configs"]
    shown = " ".join(slack[part] for part in ("title", "text", "fallback"))
    shown = re.sub(r"<{{ \. }}\||\.node }} on {{ \. }}", "", shown)
    said = re.findall(r"{{ (?:\.Annotations\.\w+|\.) [^}]*}}", shown)
    assert len(said) == 6
    assert all('reReplaceAll "<" "&lt;"' in part for part in said)


def key(rule: str, name: str = "mlflow") -> AlertKey:
    about = RULES[rule].about
    ids = {"run": ("r", ""), "gpu": ("GPU-1", "n1"), "source": (name, "n1"), "node": ("n1", "n1")}
    return AlertKey(rule, Subject(about, *ids[about]))


def labels(rule: str, name: str = "mlflow") -> Mapping[str, str]:
    found = {"rule": rule, "severity": "warning", **SUBJECTS[RULES[rule].about]}
    return {**found, "source": name} if RULES[rule].about == "source" else found


INHIBITIONS = tree()["inhibit_rules"]


def mutes(source: Mapping[str, str], target: Mapping[str, str]) -> bool:
    """Tell what Alertmanager would do with two alerts of one run, node or source."""
    return any(
        matches(inhibition["source_matchers"], source)
        and matches(inhibition["target_matchers"], target)
        and all(source.get(label) == target.get(label) for label in inhibition.get("equal", ()))
        for inhibition in INHIBITIONS
    )


def matches(matchers: list[str], alert: Mapping[str, str]) -> bool:
    for matcher in matchers:
        found = re.fullmatch(r'(\w+)(=~?)"(.*)"', matcher)
        assert found
        pattern = found[3] if found[2] == "=~" else re.escape(found[3])
        if not re.fullmatch(pattern, alert.get(found[1], "")):
            return False
    return True


@pytest.mark.parametrize("name", ["mlflow", "nvml"])
@pytest.mark.parametrize("source", RULES)
def test_what_mutes_what_is_as_in_the_daemon(source: str, name: str) -> None:
    muted = {
        target
        for target in RULES
        if mutes(labels(source, name), labels(target)) and target != source
    }
    assert muted == {t for t in RULES if t != source and inhibitor(key(t), [key(source, name)])}
    table = INHIBITS_BY_SOURCE if source == "source_down" else INHIBITS
    assert muted == table.get(name if source == "source_down" else source, frozenset())


def test_the_graver_of_two_severities_mutes_the_milder_of_the_same_alert() -> None:
    mild = labels("loss_increase")
    grave = {**mild, "severity": "critical"}
    assert mutes(grave, mild)
    assert not mutes(mild, grave)
    assert not mutes({**grave, "run_id": "other"}, mild)
    assert mutes(mild, {**mild, "severity": "info"})
