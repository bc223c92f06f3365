"""The generated files are up to date, valid, and keep to the conventions of their kind."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from alerts.promrules.files import FILES, compare, render, write
from alerts.promrules.groups import fingerprint
from alerts.promrules.promql import duration, number
from alerts.rules import RULES
from alerts.values import parse_duration
from exporter.config import DEFAULT_CONFIG, Config
from exporter.metrics.catalog import CATALOG
from tests.support.project import ROOT
from tests.support.promtool import promtool

COMMITTED = ROOT / "alerts" / "prometheus"
TARGETS = {"node", "instance", "job"}
"""Labels that scrapes stamp; of those, alerts about GPUs and sources may carry the first."""
Entry = Mapping[str, Any]


def config(**sections: Any) -> Config:  # noqa: ANN401 - as in a file
    return Config.model_validate({**DEFAULT_CONFIG.model_dump(include={"thresholds"}), **sections})


def entries(settings: Config = DEFAULT_CONFIG) -> Iterator[Entry]:
    tree = yaml.safe_load(render("prometheus", settings, settings.prometheus))
    return (entry for group in tree["groups"] for entry in group["rules"])


def named(rule: str, **sections: Any) -> list[Entry]:  # noqa: ANN401 - as in a file
    return [e for e in entries(config(**sections)) if e["labels"].get("rule") == rule]


def anchors(page: str) -> set[str]:
    text = (ROOT / "alerts" / page / "README.md").read_text(encoding="utf-8")
    return {re.sub(r"[^\w-]", "", h.lower()) for h in re.findall(r"^#+ (.*)$", text, re.MULTILINE)}


def test_the_committed_files_are_up_to_date() -> None:
    assert {path.name for path in COMMITTED.iterdir()} == {
        *FILES.values(),
        "README.md",
        "kustomization.yaml",
    }
    found = list(compare(COMMITTED, "prometheus", DEFAULT_CONFIG, DEFAULT_CONFIG.prometheus))
    assert found == [], "write them: tunewatch rules --write alerts/prometheus"


def test_promtool_takes_the_rules() -> None:
    command = [promtool(), "check", "rules", str(COMMITTED / FILES["prometheus"])]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_rule_that_is_on_is_there() -> None:
    assert {entry["labels"].get("rule") for entry in entries()} - {None} == set(RULES)


def test_a_rule_that_is_off_is_not() -> None:
    assert not named("nonfinite", rules={"nonfinite": {"enabled": False}})
    assert not named("loss_increase", thresholds={})


def test_every_alert_says_what_people_need() -> None:
    for entry in entries():
        told = entry["annotations"]
        assert set(told) == {"summary", "description", "runbook_url", "dashboard_url"}
        assert all(told.values()), entry["alert"]
        assert "What to do" in told["description"] or entry["alert"] == "TunewatchWatchdog"
        assert re.fullmatch(r"Tunewatch([A-Z][a-z0-9]*)+", entry["alert"])
        assert entry["labels"]["severity"] in {"critical", "warning", "info", "none"}
        assert {"for", "keep_firing_for"} < set(entry)
        assert float(str(parse_duration(entry["keep_firing_for"]))) >= 300


def test_every_runbook_link_leads_somewhere() -> None:
    base = DEFAULT_CONFIG.prometheus.runbook_url
    links = {entry["annotations"]["runbook_url"].removeprefix(f"{base}/") for entry in entries()}
    pages = {page: anchors(page) for page in ("rules", "prometheus")}
    found = [link.partition("/README.md#") for link in links]
    assert [link for link in found if link[2] not in pages[link[0]]] == []


def test_every_metric_is_one_that_tunewatch_exports() -> None:
    expressions = "\n".join(entry["expr"] for entry in entries())
    mentioned = set(re.findall(r"\b(?:tunewatch|nvidia|mlflow)_[a-z_]+", expressions))
    assert len(mentioned) > 8
    assert mentioned <= {*CATALOG}


def test_every_label_is_one_that_its_metric_has() -> None:
    for entry in entries():
        metrics = [CATALOG[m] for m in CATALOG if re.search(rf"\b{m}\b", entry["expr"])]
        exported = {label for metric in metrics for label in metric.labels} | TARGETS
        used = re.findall(r"(?:by|on) \(([^)]*)\)", entry["expr"])
        assert {label for labels in used for label in labels.split(", ")} - exported == set()


def test_no_alert_is_told_apart_by_the_process_that_exports_it() -> None:
    grouped = [entry["expr"] for entry in entries() if "rule" in entry["labels"]]
    assert all(expr.lstrip("10* (").startswith("max by (") for expr in grouped)
    assert not [expr for expr in grouped if re.search(r"\b(pod|instance|job)\b", expr)]


@pytest.mark.parametrize(
    ("tuning", "severities"),
    [({}, ["info", "warning"]), ({"severity": "critical"}, ["critical"])],
)
def test_each_severity_is_an_alert(tuning: Mapping[str, str], severities: list[str]) -> None:
    found = named("eval_loss_rising", rules={"eval_loss_rising": tuning})
    assert [entry["labels"]["severity"] for entry in found] == severities


def test_tuning_and_thresholds_arrive() -> None:
    tuned = {"gpu_memory_high": {"for": "1h30m", "keep_firing_for": "10m", "ignore": ["dev-*"]}}
    (entry,) = named("gpu_memory_high", thresholds={"max_gpu_memory_pct": 87.5}, rules=tuned)
    assert (entry["for"], entry["keep_firing_for"]) == ("1h30m", "10m")
    assert entry["expr"].endswith("> 87.5")
    assert 'node!~"dev\\\\-.*"' in entry["expr"]


def test_links_lead_where_the_configuration_says() -> None:
    prometheus = {"runbook_url": "https://wiki/alerts/", "dashboards_url": "https://graphs"}
    (entry,) = named("run_stalled", prometheus=prometheus)
    assert entry["annotations"]["runbook_url"] == "https://wiki/alerts/rules/README.md#run_stalled"
    assert entry["annotations"]["dashboard_url"].startswith("https://graphs/d/tunewatch-run?")
    (entry,) = named("run_stalled", notify={"dashboard_url": "https://mine/{run_id}"})
    assert entry["annotations"]["dashboard_url"] == "https://mine/{{ $labels.run_id | urlquery }}"


def test_the_custom_resource_holds_the_same_groups() -> None:
    rules, resource = (
        yaml.safe_load(render(form, DEFAULT_CONFIG, DEFAULT_CONFIG.prometheus))
        for form in ("prometheus", "prometheusrule")
    )
    assert (resource["apiVersion"], resource["kind"]) == (
        "monitoring.coreos.com/v1",
        "PrometheusRule",
    )
    assert resource["spec"] == rules


def test_the_fingerprint_is_of_when_rules_fire_alone() -> None:
    def of(**sections: Any) -> str:  # noqa: ANN401 - as in a file
        settings = config(**sections)
        return fingerprint(settings, settings.prometheus)

    usual = of()
    assert usual in (COMMITTED / FILES["prometheus"]).read_text()
    assert of(prometheus={"dashboards_url": "https://other"}) == usual
    assert of(notify={"dashboard_url": "https://other"}, mlflow={"interval": "5s"}) == usual
    assert of(rules={"nonfinite": {"for": "1s"}}) != usual
    assert of(thresholds={"max_val_loss_diff": 0.2}) != usual


def test_a_file_that_differs_is_named_with_the_difference(tmp_path: Path) -> None:
    write(tmp_path, DEFAULT_CONFIG, DEFAULT_CONFIG.prometheus)
    rules = tmp_path / FILES["prometheus"]
    rules.write_text(rules.read_text().replace("> 95", "> 90"))
    found = list(compare(tmp_path, "alertmanager", DEFAULT_CONFIG, DEFAULT_CONFIG.prometheus))
    assert str(rules) in found[0]
    assert {line.strip("+- ") for line in found if line[0] in "+-"} > {"> 90", "> 95"}
    assert list(compare(rules, "prometheus", DEFAULT_CONFIG, DEFAULT_CONFIG.prometheus)) == found


def test_there_must_be_something_to_compare_with(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"has none of tunewatch\.rules\.yml"):
        list(compare(tmp_path, "prometheus", DEFAULT_CONFIG, DEFAULT_CONFIG.prometheus))


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0s"), (90, "1m30s"), (86_400, "1d"), (5_400.25, "1h30m250ms"), (0.001, "1ms")],
)
def test_durations_are_those_of_prometheus(seconds: float, text: str) -> None:
    assert duration(seconds) == text
    assert parse_duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("value", "text"),
    [(20.0, "20"), (0.1, "0.1"), (-5, "-5"), (1e-07, "1e-07"), (20.000000000000004, None)],
)
def test_numbers_are_read_back_as_they_were(value: float, text: str | None) -> None:
    assert number(value) == (text or repr(value))
    assert float(number(value)) == value
