"""The life of one alert is that of a Prometheus alert under the same rule."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts import state
from alerts.model import AlertKey, Outcome, Severity, Subject, Transition, Verdict
from alerts.rules import RULES
from alerts.state import Alert, Policy
from alerts.thresholds import RuleTuning
from tests.support.histories import INF, NAN

KEY = AlertKey("loss_increase", Subject("run", "r"), "qa")
AT_ONCE = Policy(0.0, 300.0, None, "do this", event=False)
BREACH = Verdict(
    "loss_increase", Outcome.BREACH, Severity.WARNING, 30.0, 20.0, "rose", step=7, epoch=0.5
)
CLEAR = Verdict("loss_increase", Outcome.CLEAR, value=1.0)


@dataclass
class PrometheusAlert:
    """One alert as `AlertingRule.Eval` of Prometheus keeps it (rules/alerting.go)."""

    hold_for: float
    keep_firing_for: float
    active: str = "none"
    active_at: float = 0.0
    keep_since: float | None = None

    def evaluate(self, now: float, *, holds: bool) -> str:
        """Take in whether the expression returned the series; return the state afterwards."""
        if holds:
            if self.active in ("none", "inactive"):
                self.active, self.active_at = "pending", now
            self.keep_since = None
        elif self.active in ("pending", "firing"):
            keeps = False
            if self.active == "firing" and self.keep_firing_for > 0:
                self.keep_since = now if self.keep_since is None else self.keep_since
                keeps = now - self.keep_since < self.keep_firing_for
            if self.active == "pending":
                self.active = "none"
            elif not keeps:
                self.active = "inactive"
        if self.active == "pending" and now - self.active_at >= self.hold_for:
            self.active = "firing"
        return "none" if self.active == "inactive" else self.active


STEPS = st.lists(st.tuples(st.integers(0, 400), st.booleans()), max_size=60)
DURATIONS = st.sampled_from([0.0, 1.0, 60.0, 120.0, 300.0])


@given(steps=STEPS, hold_for=DURATIONS, keep_firing_for=DURATIONS, looks=st.booleans())
def test_it_moves_as_in_prometheus(
    steps: list[tuple[int, bool]], hold_for: float, keep_firing_for: float, *, looks: bool
) -> None:
    model = PrometheusAlert(hold_for, keep_firing_for)
    policy = Policy(hold_for, keep_firing_for, None, "", event=False)
    alert: Alert | None = None
    now, changes, expected = 0.0, list[str](), list[str]()
    before = "none"
    for seconds, holds in steps:
        now += seconds
        alert, told = state.advance(alert, KEY, BREACH if holds else CLEAR, policy, now, now)
        if looks and alert is not None:
            # A look at the clock between two verdicts of the same instant changes nothing.
            alert, ripened = state.ripen(alert, policy, now)
            alert, expired = state.expire(alert, policy, now)
            assert (ripened, expired) == (None, None)
        changes += [told.state] if told else []
        after = model.evaluate(now, holds=holds)
        shown = "none" if alert is None or alert.state == "resolved" else alert.state
        assert shown == after
        if after == "firing" and before != "firing":
            expected.append("firing")
        if before == "firing" and after == "none":
            expected.append("resolved")
        before = after
    assert changes == expected


@given(STEPS, DURATIONS, DURATIONS)
def test_episodes_are_numbered_and_each_ends_before_the_next(
    steps: list[tuple[int, bool]], hold_for: float, keep_firing_for: float
) -> None:
    policy = Policy(hold_for, keep_firing_for, None, "", event=False)
    alert: Alert | None = None
    now, told = 0.0, list[Transition]()
    for seconds, holds in steps:
        now += seconds
        alert, news = state.advance(alert, KEY, BREACH if holds else CLEAR, policy, now, now)
        told += [news] if news else []
        alert = None if alert is None else state.from_document(round_trip(alert))
    assert [(t.episode, t.state) for t in told] == [
        (n // 2 + 1, "resolved" if n % 2 else "firing") for n in range(len(told))
    ]


def round_trip(alert: Alert) -> dict[str, object]:
    found: dict[str, object] = json.loads(json.dumps(state.to_document(alert)))
    return found


def moved(*verdicts: tuple[float, Verdict], policy: Policy = AT_ONCE) -> list[Transition]:
    alert: Alert | None = None
    told = []
    for now, verdict in verdicts:
        alert, news = state.advance(alert, KEY, verdict, policy, now, now)
        told += [news] if news else []
    return told


@pytest.mark.parametrize("outcome", [Outcome.UNKNOWN, Outcome.NOT_APPLICABLE])
@pytest.mark.parametrize("alert_state", ["pending", "firing", "resolved"])
def test_what_is_not_known_moves_nothing(outcome: Outcome, alert_state: str) -> None:
    verdict = replace(BREACH, outcome=outcome)
    alert = Alert(KEY, alert_state, Severity.WARNING, 1, 0.0, keep_since=5.0)  # type: ignore[arg-type]  # one of the three
    assert state.advance(alert, KEY, verdict, AT_ONCE, 9e9, 9e9) == (alert, None)
    assert state.advance(None, KEY, verdict, AT_ONCE, 0.0, 0.0) == (None, None)


def test_a_firing_says_what_decided_it() -> None:
    (told,) = moved((100.0, BREACH), (110.0, replace(BREACH, value=40.0, step=8)))
    assert told == Transition(
        KEY,
        "firing",
        Severity.WARNING,
        1,
        100.0,
        30.0,
        20.0,
        "rose",
        "do this",
        7,
        0.5,
        current=30.0,
        seen_at=100.0,
    )


def test_the_deciding_point_dates_it_and_the_daemons_clock_times_it() -> None:
    policy = replace(AT_ONCE, hold_for=60.0)
    alert, told = state.advance(None, KEY, BREACH, policy, 5.0, 1_000.0)
    assert told is None
    alert, told = state.advance(alert, KEY, BREACH, policy, 6.0, 1_059.9)
    assert told is None
    alert, told = state.advance(alert, KEY, BREACH, policy, 7.0, 1_060.0)
    assert told is not None
    assert (told.at, alert and alert.fired_at) == (7.0, 7.0)


def test_time_alone_fires_what_is_pending() -> None:
    policy = replace(AT_ONCE, hold_for=60.0)
    alert, _ = state.advance(None, KEY, BREACH, policy, 0.0, 0.0)
    assert alert is not None
    assert state.ripen(alert, policy, 59.9) == (alert, None)
    alert, told = state.ripen(alert, policy, 60.0)
    assert told is not None
    assert (told.state, told.at, told.step, told.epoch) == ("firing", 60.0, 7, 0.5)
    assert state.ripen(alert, policy, 99.0) == (alert, None)


@pytest.mark.parametrize("begin", [0.0, 1_000.0])
def test_it_keeps_firing_for_as_long_as_it_should(begin: float) -> None:
    told = moved((begin, BREACH), (begin, CLEAR), (begin + 299.0, CLEAR))
    assert [t.state for t in told] == ["firing"]
    told = moved((begin, BREACH), (begin, CLEAR), (begin + 299.0, CLEAR), (begin + 300.0, CLEAR))
    assert [(t.state, t.at, t.reason) for t in told[1:]] == [
        ("resolved", begin + 300.0, "recovered")
    ]


def test_a_relapse_while_it_keeps_firing_is_the_same_episode() -> None:
    told = moved((0.0, BREACH), (10.0, CLEAR), (299.0, BREACH), (300.0, CLEAR), (599.0, CLEAR))
    assert [t.state for t in told] == ["firing"]


def test_a_resolution_says_the_number_as_it_is_now_and_what_it_was_about() -> None:
    told = moved((0.0, BREACH), (10.0, CLEAR), (400.0, replace(CLEAR, value=2.0)))
    assert (told[1].value, told[1].summary, told[1].severity) == (2.0, "rose", Severity.WARNING)


def test_what_was_pending_and_went_was_no_episode() -> None:
    policy = replace(AT_ONCE, hold_for=60.0, keep_firing_for=0.0)
    told = moved(
        (0.0, BREACH),
        (30.0, CLEAR),
        (40.0, BREACH),
        (100.0, BREACH),
        (110.0, CLEAR),
        (120.0, BREACH),
        (130.0, CLEAR),
        (140.0, BREACH),
        (200.0, BREACH),
        policy=policy,
    )
    assert [(t.state, t.episode, t.at) for t in told] == [
        ("firing", 1, 100.0),
        ("resolved", 1, 110.0),
        ("firing", 2, 200.0),
    ]


def test_a_higher_severity_is_told_at_once_and_a_lower_one_never() -> None:
    info = replace(BREACH, severity=Severity.INFO, step=1)
    critical = replace(BREACH, severity=Severity.CRITICAL, step=2, epoch=0.9, summary="rose more")
    told = moved((0.0, info), (1.0, critical), (2.0, BREACH), (3.0, critical), (4.0, info))
    assert [(t.severity, t.step, t.epoch, t.at, t.episode) for t in told] == [
        (Severity.INFO, 1, 0.5, 0.0, 1),
        (Severity.CRITICAL, 2, 0.9, 1.0, 1),
    ]
    assert told[1].summary == "rose more"


def test_a_new_episode_begins_with_its_own_severity() -> None:
    critical = replace(BREACH, severity=Severity.CRITICAL)
    told = moved((0.0, critical), (1.0, CLEAR), (301.0, CLEAR), (302.0, BREACH))
    assert [t.severity.value for t in told] == ["critical", "critical", "warning"]


def test_a_severity_that_the_user_sets_is_kept() -> None:
    policy = replace(AT_ONCE, severity=Severity.INFO)
    critical = replace(BREACH, severity=Severity.CRITICAL)
    told = moved((0.0, BREACH), (1.0, critical), policy=policy)
    assert [t.severity for t in told] == [Severity.INFO]


def test_an_event_never_clears() -> None:
    policy = replace(AT_ONCE, event=True)
    (told,) = moved((0.0, BREACH), (1.0, CLEAR), (9e9, CLEAR), policy=policy)
    assert told.event


def test_the_end_of_a_run_resolves_with_its_reason() -> None:
    alert, _ = state.advance(None, KEY, BREACH, AT_ONCE, 0.0, 0.0)
    assert alert is not None
    ended, told = state.resolve(replace(alert, inhibited_by="nonfinite"), "run_ended", 50.0)
    assert (told.state, told.reason, told.at, told.episode) == ("resolved", "run_ended", 50.0, 1)
    assert told.inhibited_by == "nonfinite"
    assert (ended.state, ended.resolved_at, ended.keep_since) == ("resolved", 50.0, None)


def test_a_verdict_may_bring_its_own_action() -> None:
    (told,) = moved((0.0, replace(BREACH, action="do that")))
    assert told.action == "do that"


@pytest.mark.parametrize(
    ("tuning", "hold_for", "keep_firing_for"),
    [
        ({}, 120.0, 300.0),
        ({"for": 0, "keep_firing_for": 0}, 0.0, 0.0),
        ({"for": "1h", "keep_firing_for": "1d"}, 3_600.0, 86_400.0),
    ],
)
def test_the_users_durations_go_before_those_of_the_rule(
    tuning: dict[str, object], hold_for: float, keep_firing_for: float
) -> None:
    policy = Policy.of(RULES["gpu_memory_high"], RuleTuning.model_validate(tuning))
    assert (policy.hold_for, policy.keep_firing_for) == (hold_for, keep_firing_for)


@pytest.mark.parametrize("value", [None, 1.5, NAN, INF])
def test_an_alert_survives_json(value: float | None) -> None:
    alert = Alert(
        KEY,
        "firing",
        Severity.CRITICAL,
        3,
        1.0,
        fired_at=2.0,
        keep_since=3.0,
        value=value,
        threshold=20.0,
        summary="rose",
        action="do",
        step=7,
        epoch=0.5,
        evidence={"baseline": 1.0, "metric": "loss", "window_points": 3},
        inhibited_by="nonfinite",
        already_so=True,
    )
    assert repr(state.from_document(round_trip(alert))) == repr(alert)
