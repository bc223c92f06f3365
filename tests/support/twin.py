"""The daemon on a clock that tests turn, and beside it what Prometheus must make of its page."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from alerts.engine import Engine
from alerts.model import (
    AlertKey,
    GpuObservation,
    Inventory,
    NodeObservation,
    Observations,
    RunFacts,
    RunUpdate,
    Severity,
    SourceObservation,
    Subject,
    Transition,
)
from alerts.outbox import Outbox
from alerts.promrules.files import render
from alerts.promrules.promql import alert_name
from alerts.promrules.settings import PrometheusSettings
from alerts.rules import RULES
from alerts.store import FileStore
from alerts.thresholds import AlertSettings
from exporter.metrics import alerting, gpu, nodes, own
from exporter.metrics.encoding import Format, encode
from exporter.metrics.health import SourceState
from exporter.snapshot import (
    Gpu,
    Gpus,
    Health,
    MigInstance,
    NodeReport,
    Nodes,
    NodeState,
    RemappedRows,
)
from tests.support.promtool import Case, Labels, Scrapes, case, labels_of

NODE = "node-1"
PROCESS = own.ProcessState("1", "3", leader=True)
ANSWERS = (SourceObservation("mlflow", "", up=True, expected=True),)


class Moment(NamedTuple):
    """What is observed in one tick."""

    runs: tuple[RunUpdate, ...] = ()
    gpus: tuple[GpuObservation, ...] | None = None
    sources: tuple[SourceObservation, ...] = ANSWERS
    inventories: tuple[Inventory, ...] = ()
    nodes: tuple[NodeObservation, ...] | None = None


class Twin:
    """Lets the daemon judge tick by tick, and notes what must fire in Prometheus at each scrape.

    An alert begins to fire when the daemon tells it. It ends `keep_firing_for` after the page first
    lacks the breach; `lags` has for each alert that recovered how much later than in the daemon
    that is.
    """

    def __init__(self, settings: AlertSettings, folder: Path, interval: float = 5.0) -> None:
        self._settings = settings
        self._engine = Engine(settings, FileStore(folder / "state.json"), Outbox([]))
        self._engine.restore(-1.0)
        self._scrapes = Scrapes(interval)
        self._firing: list[frozenset[Labels]] = []
        self._open: dict[tuple[AlertKey, Severity], float | None] = {}
        self._unscraped: list[Transition] = []
        self._runs: dict[str, RunFacts] = {}
        self._indices: dict[str, int] = {}
        self.told: list[Transition] = []
        self.lags: list[float] = []

    @property
    def fired(self) -> set[str]:
        """The rules that have fired."""
        return {news.key.rule for news in self.told if news.state == "firing"}

    def case(self) -> Case:
        """Return the generated rules, and the test that they fire as noted."""
        rules = render("prometheus", self._settings, PrometheusSettings())
        return case(rules, self._scrapes, self._firing)

    def case_of(self, rule: str, alerts: Sequence[Mapping[str, Any]]) -> Case:
        """Return the test that these alerting rules fire as one rule of the daemon does."""
        groups = {"groups": [{"name": rule, "rules": alerts}]}
        firing = [[a for a in alerts if ("rule", rule) in a] for alerts in self._firing]
        # JSON is YAML, and quicker to write.
        return case(json.dumps(groups), self._scrapes, firing)

    def tick(self, moment: Moment, now: float, *, scraped: bool = True) -> None:
        """Judge once; then be scraped, and note what must fire."""
        self._runs |= {update.facts.run_id: update.facts for update in moment.runs}
        self._indices |= {seen.uuid: seen.index for seen in moment.gpus or ()}
        observations = Observations(*moment)
        told = self._engine.tick(observations, now)
        self.told += told
        self._unscraped += told
        if scraped:
            page = self._page(moment, now)
            self._scrapes.add(page, node=NODE, instance="10.0.0.1:10390", job="tunewatch")
            self._follow(_breaches(page), now)
            self._firing.append(frozenset(self._labels(*alert) for alert in self._open))

    def _page(self, moment: Moment, now: float) -> list[Sample]:
        """Return the samples of the page as a scraper reads them."""
        families = [*alerting.families(self._engine.view(now))]
        families += gpu.families(_gpus(moment)) if moment.gpus else ()
        families += nodes.families(_nodes(moment.nodes)) if moment.nodes else ()
        states = [_state(source, now) for source in moment.sources]
        families += own.families(PROCESS, states, [])
        page = encode(families, Format.TEXT).text.decode()
        return [_sample(line) for line in page.split("\n") if line and not line.startswith("#")]

    def _follow(self, breaches: Mapping[AlertKey, Severity], now: float) -> None:
        for news in self._unscraped:
            if news.state == "firing":
                self._open |= dict.fromkeys((news.key, s) for s in self._severities(news))
        for (key, severity), ceased in list(self._open.items()):
            breached = key in breaches and breaches[key].rank >= severity.rank
            since = None if breached else now if ceased is None else ceased
            self._open[key, severity] = since
            if since is not None and now - since >= self._keep(key.rule):
                del self._open[key, severity]
        recovered = [news.key for news in self._unscraped if news.reason == "recovered"]
        self.lags += [self._lag(key, now) for key in recovered]
        self._unscraped = []

    def _lag(self, key: AlertKey, now: float) -> float:
        """Return the seconds for which an alert that has just resolved goes on in Prometheus."""
        ends = [
            (now if since is None else since) + self._keep(key.rule)
            for (other, _), since in self._open.items()
            if other == key
        ]
        return max(ends, default=now) - now

    def _severities(self, news: Transition) -> list[Severity]:
        """Return the severities of the generated rules that must fire with an alert."""
        tuned = self._settings.rules.tuning(news.key.rule).severity
        severities = (tuned,) if tuned else RULES[news.key.rule].severities
        assert news.severity in severities, f"{news.key.rule} may not be {news.severity}"
        return [s for s in severities if s.rank <= news.severity.rank]

    def _keep(self, rule: str) -> float:
        keep = self._settings.rules.tuning(rule).keep_firing_for
        return RULES[rule].keep_firing_for if keep is None else keep

    def _labels(self, key: AlertKey, severity: Severity) -> Labels:
        return labels_of(
            {
                "__name__": "ALERTS",
                "alertstate": "firing",
                "alertname": alert_name(key.rule),
                "severity": severity.value,
                "rule": key.rule,
                "eval_set": key.eval_set,
                **self._whom(key),
            }
        )

    def _whom(self, key: AlertKey) -> Mapping[str, str]:
        if key.subject.kind == "source":
            where = {"node": key.subject.node} if key.subject.node else {}
            return {"source": key.subject.id, **where}
        if key.subject.kind == "node":
            return {"node": key.subject.id}
        if key.subject.kind == "gpu":
            index = {"gpu": str(self._indices[key.subject.id])}
            return {"uuid": key.subject.id, "node": NODE} | index
        facts = self._runs[key.subject.id]
        return {"run_id": facts.run_id, "run_name": facts.name, "experiment": facts.experiment}


@cache
def _sample(line: str) -> Sample:
    """Parse one line; most say at the next scrape what they said before."""
    ((sample,),) = (family.samples for family in text_string_to_metric_families(line))
    return sample


def _breaches(page: Iterable[Sample]) -> dict[AlertKey, Severity]:
    """Return what the page calls breached, and how gravely."""
    told = [s.labels for s in page if s.name == alerting.VERDICT.name]
    return {
        AlertKey(labels["rule"], _subject(labels), labels["eval_set"]): Severity(labels["severity"])
        for labels in told
        if labels["verdict"] == "breach"
    }


def _subject(labels: Mapping[str, str]) -> Subject:
    if labels["run_id"]:
        return Subject("run", labels["run_id"])
    if labels["uuid"]:
        return Subject("gpu", labels["uuid"], labels["workload_node"])
    if labels["source"]:
        return Subject("source", labels["source"], labels["workload_node"])
    return Subject.of_node(labels["workload_node"])


def _gpus(moment: Moment) -> Gpus:
    """Return the reading that the page is made of, as the driver would have given it."""
    seen = moment.gpus or ()
    whole = tuple(_gpu(found, seen) for found in seen if not found.parent)
    rack = next(iter(moment.inventories), Inventory(NODE, None, len(whole), (), 0.0))
    return Gpus(
        whole, rack.seen, "570.1", "12.8", "12.570.1", lost=rack.lost, expected=rack.expected
    )


def _gpu(found: GpuObservation, seen: Iterable[GpuObservation]) -> Gpu:
    remap, errors = found.remap, found.ecc_uncorrected
    parts = tuple(_part(part) for part in seen if part.parent == found.uuid)
    return Gpu(
        index=found.index,
        uuid=found.uuid,
        name="stand-in",
        memory_total=found.memory_total_bytes,
        memory_used=found.memory_used_bytes,
        xids=found.xids,
        xid_at=found.xid_at,
        ecc_errors={} if errors is None else {("uncorrected", "volatile"): errors},
        remapped_rows=None if remap is None else RemappedRows(0, 0, remap.pending, remap.failure),
        throttle=found.throttle,
        busy_seconds=found.busy_seconds,
        mig_mode=bool(parts),
        instances=parts,
    )


def _part(found: GpuObservation) -> MigInstance:
    return MigInstance(
        found.uuid, memory_total=found.memory_total_bytes, memory_used=found.memory_used_bytes
    )


def _nodes(seen: Iterable[NodeObservation]) -> Nodes:
    states = tuple(
        NodeState(each.node, each.address, NodeReport(each.node) if each.answering else None)
        for each in seen
    )
    return Nodes(states, len(states))


def _state(source: SourceObservation, now: float) -> SourceState:
    health = Health(
        up=source.up,
        attempted_at=now,
        duration=0.1,
        expected=source.expected,
        released=source.released,
    )
    return SourceState(source.source, health, stuck=False, expired=False)
