"""What the alert engine compares and decides, as metrics."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from alerts import signals
from alerts.model import Outcome, RunFacts, Subject
from alerts.notify.numbers import perplexity
from alerts.signals import RUN, RUN_SET
from alerts.state import Alert
from alerts.view import AlertsView, AlertView, RunView
from exporter.metrics import plans
from exporter.metrics.family import Family, Metric, Sample

SIGNALS = {
    rule: Metric(signal.metric, "gauge", signal.help, RUN_SET if signal.per_set else RUN)
    for rule, signal in signals.SIGNALS.items()
    if signal.shown_as_compared
}
"""The number that each rule compares, by rule."""

_TRAINING = signals.SIGNALS["training_time_exceeded"]
TRAINING = Metric(_TRAINING.metric, "gauge", _TRAINING.help, RUN)
SILENT = Metric(
    "tunewatch_run_silent_seconds",
    "gauge",
    "Time since anything new of the run was seen while the tracking server answered",
    RUN,
)
PERPLEXITY = Metric(
    "tunewatch_run_perplexity",
    "gauge",
    "Exponential of the newest loss of the split (train or eval)",
    (*RUN, "split", "eval_set"),
)
BEST_LOSS = Metric(
    "tunewatch_run_best_eval_loss", "gauge", "Lowest validation loss so far", RUN_SET
)
BEST_STEP = Metric(
    "tunewatch_run_best_eval_step", "gauge", "Step of the lowest validation loss so far", RUN_SET
)
DIAGNOSIS = Metric(
    "tunewatch_run_diagnosis",
    "gauge",
    "1 for the gravest finding that holds of the run; healthy or undecided where none does",
    (*RUN, "diagnosis"),
)
RUN_GPU = Metric(
    "tunewatch_run_gpu_info",
    "gauge",
    "A GPU or MIG instance that the run trains on, as its tags and the kubelets tell, to join with"
    " other series by uuid; always 1",
    (*RUN, "uuid"),
)
TRAINING_BUSY = Metric(
    signals.GPU_TRAINING_BUSY,
    "gauge",
    "How busy a GPU was over the last minutes (rules.gpu_idle_while_training.window) on which a run"
    " has trained for at least as long, in percent",
    ("uuid",),
)
MACHINE = ("uuid", "source", "workload_node")
"""The labels of what is about no run; the last says where the GPU or source is, or which node."""
VERDICT = Metric(
    signals.VERDICT,
    "gauge",
    "Rules that are now breached (with the severity), not applicable, or excused: beyond their"
    " limit for a good reason",
    ("rule", "verdict", "severity", *RUN_SET, *MACHINE),
)
ALERT = Metric(
    "tunewatch_alert_state",
    "gauge",
    "Alerts that are pending or firing",
    ("rule", "severity", "state", *RUN_SET, *MACHINE),
)
FIRED = Metric(
    "tunewatch_alert_fired_timestamp_seconds",
    "gauge",
    "When an alert that fires began to, by the point that decided it",
    ("rule", "severity", *RUN_SET, *MACHINE),
)
THRESHOLD = Metric(
    "tunewatch_threshold", "gauge", "Limit that a rule compares its signal with", ("rule",)
)
NOTIFICATIONS = Metric(
    "tunewatch_notifications_total",
    "counter",
    "Attempts to deliver a message, by how they ended",
    ("channel", "outcome"),
)
PENDING = Metric(
    "tunewatch_notifications_pending", "gauge", "Messages not yet delivered", ("channel",)
)
STATE_BYTES = Metric(
    "tunewatch_state_bytes",
    "gauge",
    "Size of the stored alert state, undelivered messages included",
)
HEARTBEATS = Metric(
    "tunewatch_heartbeats_total",
    "counter",
    "Heartbeats that were due, by how they ended; withheld while the process is not healthy",
    ("outcome",),
)
EVALUATION_ERRORS = Metric(
    "tunewatch_evaluation_errors_total",
    "counter",
    "Unexpected errors that judging survived, by what each cost: a rule's answer, a run's news, or"
    " those of the fleet (GPUs, sources and nodes); the log has the traceback",
    ("cost",),
)

METRICS: tuple[Metric, ...] = (
    *SIGNALS.values(),
    TRAINING,
    SILENT,
    PERPLEXITY,
    BEST_LOSS,
    BEST_STEP,
    DIAGNOSIS,
    RUN_GPU,
    *plans.METRICS,
    TRAINING_BUSY,
    VERDICT,
    ALERT,
    FIRED,
    THRESHOLD,
    NOTIFICATIONS,
    PENDING,
    STATE_BYTES,
    HEARTBEATS,
    EVALUATION_ERRORS,
)


def families(view: AlertsView) -> Iterator[Family]:
    """Tell signals, verdicts, alerts and deliveries; a signal that is not known is absent."""
    for rule, metric in SIGNALS.items():
        yield Family(metric, [s for run in view.runs for s in _signals(run, rule, metric)])
    active = [run for run in view.runs if run.facts.running]
    trained = [run for run in active if not run.facts.is_parent]
    yield Family(TRAINING, [Sample(_run(r.facts), r.training_seconds) for r in trained])
    yield Family(SILENT, [Sample(_run(run.facts), run.silent_seconds) for run in active])
    yield Family(PERPLEXITY, [s for run in view.runs for s in _perplexities(run)])
    yield Family(BEST_LOSS, list(_best(view, lambda best: best[1])))
    yield Family(BEST_STEP, list(_best(view, lambda best: best[0])))
    yield Family(DIAGNOSIS, list(_diagnoses(view)))
    yield Family(RUN_GPU, list(_devices(view)))
    yield from plans.families(view)
    yield Family(TRAINING_BUSY, list(_training_busy(view)))
    yield Family(VERDICT, [s for run in view.runs for s in _verdicts(run)])
    yield Family(VERDICT, [_breach(a.alert) for a in view.alerts if _is_breached(a.alert)])
    yield Family(ALERT, [_alert(shown) for shown in view.alerts])
    yield Family(FIRED, [fired for shown in view.alerts for fired in _fired(shown)])
    yield Family(THRESHOLD, [Sample((rule,), v) for rule, v in view.thresholds.items()])
    yield Family(NOTIFICATIONS, [Sample(where, n) for where, n in view.deliveries.items()])
    yield Family(PENDING, [Sample((channel,), n) for channel, n in view.undelivered.items()])
    yield Family(STATE_BYTES, [Sample((), view.state_bytes)] if view.state_bytes else [])
    yield Family(HEARTBEATS, [Sample((outcome,), n) for outcome, n in view.heartbeats.items()])
    yield Family(EVALUATION_ERRORS, [Sample((cost,), n) for cost, n in view.errors.items()])


def _run(facts: RunFacts | None) -> tuple[str, str, str]:
    return (facts.experiment, facts.run_id, facts.name) if facts else ("", "", "")


def _signals(run: RunView, rule: str, metric: Metric) -> Iterator[Sample]:
    with_set = metric.labels == RUN_SET
    for verdict in run.verdicts:
        applies = verdict.outcome is not Outcome.NOT_APPLICABLE
        if verdict.rule == rule and applies and verdict.value is not None:
            eval_set = (verdict.eval_set,) if with_set else ()
            yield Sample((*_run(run.facts), *eval_set), verdict.value)


def _perplexities(run: RunView) -> Iterator[Sample]:
    if run.loss is not None:
        yield Sample((*_run(run.facts), "train", ""), perplexity(run.loss))
    for shown in run.evals:
        if shown.loss is not None:
            yield Sample((*_run(run.facts), "eval", shown.eval_set), perplexity(shown.loss))


def _best(view: AlertsView, value: Callable[[tuple[int, float]], float]) -> Iterator[Sample]:
    for run in view.runs:
        for shown in run.evals:
            if shown.best is not None:
                yield Sample((*_run(run.facts), shown.eval_set), value(shown.best))


def _diagnoses(view: AlertsView) -> Iterator[Sample]:
    for run in view.runs:
        if run.diagnosis and run.facts.running and not run.facts.is_parent:
            yield Sample((*_run(run.facts), run.diagnosis), 1)


def _training_busy(view: AlertsView) -> Iterator[Sample]:
    """Yield each GPU once: one that has moved is known of two nodes for a while."""
    busy: dict[str, float] = {}
    for subject, pct in view.training_busy.items():
        busy[subject.id] = max(pct, busy.get(subject.id, pct))
    for uuid, pct in busy.items():
        yield Sample((uuid,), pct)


def _devices(view: AlertsView) -> Iterator[Sample]:
    for run in view.runs:
        for uuid in view.devices.get(run.facts.run_id, ()):
            yield Sample((*_run(run.facts), uuid), 1)


def _verdicts(run: RunView) -> Iterator[Sample]:
    for verdict in run.verdicts:
        told = signals.EXCUSED if verdict.excused else verdict.outcome.value
        severity = verdict.severity.value if verdict.severity else ""
        if verdict.excused or verdict.outcome in (Outcome.BREACH, Outcome.NOT_APPLICABLE):
            where = (*_run(run.facts), verdict.eval_set, "", "", "")
            yield Sample((verdict.rule, told, severity, *where), 1)


def _is_breached(alert: Alert) -> bool:
    """Whether an alert that is about no run is not merely kept up."""
    return alert.key.subject.kind != "run" and alert.keep_since is None


def _breach(alert: Alert) -> Sample:
    severity, where = alert.severity.value, _machine(alert.key.subject)
    return Sample((alert.key.rule, "breach", severity, "", "", "", "", *where), 1)


def _alert(shown: AlertView) -> Sample:
    alert = shown.alert
    return Sample((alert.key.rule, alert.severity.value, alert.state, *_about(shown)), 1)


def _fired(shown: AlertView) -> Iterator[Sample]:
    alert = shown.alert
    if alert.state == "firing" and alert.fired_at is not None:
        yield Sample((alert.key.rule, alert.severity.value, *_about(shown)), alert.fired_at)


def _about(shown: AlertView) -> tuple[str, ...]:
    key = shown.alert.key
    run = _run(shown.run) if shown.run else ("", key.subject.id * (key.subject.kind == "run"), "")
    return (*run, key.eval_set, *_machine(key.subject))


def _machine(subject: Subject) -> tuple[str, str, str]:
    uuid = subject.id if subject.kind == "gpu" else ""
    source = subject.id if subject.kind == "source" else ""
    return uuid, source, subject.node
