"""What the engine hands to messages: the breach that was, the value that is, and where to look."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from alerts.model import MetricPoint
from alerts.thresholds import USER_THRESHOLDS, AlertSettings, Notify, Perplexity, Rules
from tests.support.engine import Station, losses, news, run_facts
from tests.support.notices import NOW

SETTINGS = AlertSettings(
    thresholds=USER_THRESHOLDS,
    rules=Rules(perplexity=Perplexity(task="lm")),
    notify=Notify(dashboard_url="https://grafana.example/d/run?var-run={run_id}"),
)
FACTS = run_facts(tags={"k8s.namespace": "ml", "k8s.pod": "train-0"})


@pytest.fixture
def station(tmp_path: Path) -> Iterator[Station]:
    made = Station(tmp_path / "state.json", SETTINGS)
    yield made
    made.store.close()


def evaluated(step: int, train: float, validation: float, at: float) -> tuple[MetricPoint, ...]:
    """Return a training point and, a second later, an evaluation at the same step."""
    return (
        *losses(train, step=step, at=at),
        *losses(validation, step=step, at=at + 1, metric="eval_loss"),
    )


def breach(station: Station) -> None:
    station.tick(news(evaluated(10, 1.0, 1.05, NOW + 10), FACTS), after=20)
    station.tick(news(evaluated(20, 0.9, 1.4, NOW + 30), FACTS), after=20)


def test_a_firing_says_what_breached_and_where_to_look(station: Station) -> None:
    breach(station)
    (message,) = station.deliver()
    assert "Value 0.5, threshold 0.1, since step 20" in message.text
    assert "Meanwhile" not in message.text
    assert "(good; the aim for 'lm' is below 20)" in message.text
    assert "kubectl -n ml logs --tail=100 train-0" in message.text
    assert "Dashboard: https://grafana.example/d/run?var-run=run-1" in message.text
    assert "Resolves when an evaluation comes within the threshold" in message.text


def test_a_firing_sent_after_the_condition_went_says_both(station: Station) -> None:
    breach(station)
    station.tick(news(evaluated(30, 0.8, 0.75, NOW + 50), FACTS), after=20)
    (message,) = station.deliver()
    assert message.title.endswith(": eval loss gap, name of run-1")
    assert "Validation loss 1.4 is 0.5 above" in message.text
    assert "Value 0.5, threshold 0.1, since step 20" in message.text
    assert "Meanwhile now -0.05: it resolves soon unless it comes back." in message.text


def test_both_values_outlive_a_restart(station: Station) -> None:
    breach(station)
    station.tick(news(evaluated(30, 0.8, 0.75, NOW + 50), FACTS), after=20)
    station.engine.flush(station.now)
    station.restart()
    (message,) = station.deliver()
    assert "Value 0.5, threshold 0.1" in message.text
    assert "Meanwhile now -0.05" in message.text


def test_an_end_says_the_value_of_then_and_how_long_it_took(station: Station) -> None:
    breach(station)
    station.deliver()
    station.tick(news(evaluated(30, 0.8, 0.75, NOW + 50), FACTS), after=20)
    station.wait(400)
    (message,) = station.deliver()
    assert message.title.startswith("RESOLVED: eval loss gap, name of run-1 (was ")
    assert "Resolved after 5 min: it recovered." in message.text
    assert "Value now -0.05, threshold 0.1, at step 30" in message.text


def test_a_point_that_comes_late_is_told_as_late(station: Station) -> None:
    station.tick(news(evaluated(10, 1.0, 1.05, NOW + 10), FACTS), after=20)
    station.tick(news(evaluated(20, 0.9, 1.4, NOW + 30), FACTS), after=3600)
    told = [message.text for message in station.deliver()]
    assert any("Seen late: this was logged 1 h before it could be read." in t for t in told)


def test_another_dashboard_holds_from_the_next_message_on(station: Station) -> None:
    station.engine.reconfigure(AlertSettings(thresholds=USER_THRESHOLDS), station.now)
    breach(station)
    (message,) = station.deliver()
    assert "Dashboard" not in message.text
    assert "good;" not in message.text
