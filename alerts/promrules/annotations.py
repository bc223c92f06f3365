"""What a generated rule says to people: what happened, what to do, and where to read on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from alerts.promrules.conditions import labels_of
from alerts.promrules.settings import PrometheusSettings
from alerts.rules import Rule, threshold
from alerts.signals import SIGNALS
from alerts.thresholds import AlertSettings, Limits

_SPELT = {"gpu": "GPU", "ecc": "ECC", "xid": "Xid", "nonfinite": "non-finite values"}
_NODE = "{{ with $labels.node }} on {{ . }}{{ end }}"
_EVAL_SET = "{{ with $labels.eval_set }} [{{ . }}]{{ end }}"
_WHO = {
    "run": "{{ $labels.run_name }}",
    "gpu": "GPU {{ with $labels.gpu }}{{ . }}{{ else }}{{ $labels.uuid }}{{ end }}" + _NODE,
    "node": "{{ $labels.node }}",
    "source": "{{ $labels.source }}" + _NODE,
}
_WHICH = {
    "run": "Run {{ $labels.run_id }} of experiment {{ $labels.experiment }}.",
    "gpu": "{{ $labels.uuid }}.",
    "node": "",
    "source": "",
}


class Links(NamedTuple):
    """The addresses that annotations point to; `run` has the place of a run id as `{run_id}`."""

    runbook: str
    dashboards: str
    run: str

    @classmethod
    def of(cls, settings: AlertSettings, prometheus: PrometheusSettings) -> Links:
        """Take the dashboard of the daemon's own messages where there is one."""
        run = f"{prometheus.dashboards_url}/d/tunewatch-run?var-run_id={{run_id}}"
        dashboard = settings.notify.dashboard_url or run
        return cls(prometheus.runbook_url, prometheus.dashboards_url, dashboard)

    def runbook_of(self, page: str, anchor: str) -> str:
        """Return the section of a page in this folder."""
        return f"{self.runbook}/{page}/README.md#{anchor}"

    def dashboard_of(self, rule: Rule) -> str:
        """Return the dashboard that shows whom the rule is about."""
        if rule.about == "run":
            return self.run.replace("{run_id}", "{{ $labels.run_id | urlquery }}")
        if rule.about == "gpu":
            return f"{self.dashboards}/d/tunewatch-gpus?var-uuid={{{{ $labels.uuid | urlquery }}}}"
        if rule.about == "node":
            return f"{self.dashboards}/d/tunewatch-gpus?var-node={{{{ $labels.node | urlquery }}}}"
        return self.daemon

    @property
    def daemon(self) -> str:
        """The dashboard that shows tunewatch itself."""
        return f"{self.dashboards}/d/tunewatch-self"


def describe(rule: Rule, limits: Limits, links: Links) -> Mapping[str, str]:
    """Return the annotations of a rule, as templates for Prometheus."""
    eval_set = _EVAL_SET if "eval_set" in labels_of(rule) else ""
    return {
        "summary": f"{title(rule.name)}: {_WHO[rule.about]}{eval_set}",
        "description": _description(rule, limits),
        "runbook_url": links.runbook_of("rules", rule.name),
        "dashboard_url": links.dashboard_of(rule),
    }


def title(rule: str) -> str:
    """Return what a rule is called in prose."""
    words = " ".join(_SPELT.get(word, word) for word in rule.split("_"))
    return words[:1].upper() + words[1:]


def _description(rule: Rule, limits: Limits) -> str:
    parts = [_compared(rule, limits), _WHICH[rule.about], f"What to do: {rule.action}"]
    if rule.event:
        parts.append("This is told once.")
    elif rule.resolves:
        parts.append(f"Resolves when {rule.resolves}.")
    return " ".join(part for part in parts if part)


def _compared(rule: Rule, limits: Limits) -> str:
    """Return the number beside its limit, for rules whose expression has it as its value."""
    limit = threshold(rule.name, limits)
    if limit is None:
        return ""
    signal = SIGNALS.get(rule.name)
    what = signal.help.partition(",")[0] if signal else title(rule.name)
    unit = f" {rule.unit}" if rule.unit else ""
    return f'{what}: {{{{ printf "%.4g" $value }}}}{unit}, limit {limit:.6g}{unit}.'
