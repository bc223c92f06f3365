"""The feed between source and engine: in order, bounded, and nothing is dropped."""

from __future__ import annotations

import threading

import pytest

from alerts.model import MetricPoint, RunUpdate
from exporter.feed import Feed
from tests.support.engine import run_facts


def update(run_id: str, points: int = 1) -> RunUpdate:
    logged = tuple(MetricPoint("loss", step, float(step), 1.0) for step in range(points))
    return RunUpdate(run_facts(run_id), logged, 0.0)


def test_news_stays_until_it_is_acknowledged() -> None:
    feed = Feed()
    feed.put(update("a"))
    feed.put(update("b"))
    first = feed.peek()
    assert [news.facts.run_id for news in first] == ["a", "b"]
    assert feed.peek() == first, "a tick that failed judges the same again"
    feed.put(update("c"))
    feed.acknowledge(len(first))
    assert [news.facts.run_id for news in feed.peek()] == ["c"]


def test_room_is_counted_in_points_and_given_back() -> None:
    feed = Feed(capacity_points=10)
    assert feed.room() == 10
    feed.put(update("a", 4))
    feed.put(update("b", 0))
    assert feed.room() == 6
    feed.put(update("c", 20))
    assert feed.room() == 0, "never less, though one update may overshoot"
    assert len(feed.peek()) == 3, "what was read is kept"
    feed.acknowledge(3)
    assert feed.room() == 10


def test_nobody_acknowledges_what_was_never_there() -> None:
    with pytest.raises(IndexError):
        Feed().acknowledge(1)


def test_the_engine_is_woken_after_the_news_is_there() -> None:
    seen: list[int] = []
    feed = Feed(on_news=lambda: seen.append(len(feed.peek())))
    feed.put(update("a"))
    feed.put(update("b"))
    assert seen == [1, 2]


def test_nothing_is_lost_between_a_source_and_an_engine_at_work() -> None:
    feed = Feed()
    done = threading.Event()
    taken: list[str] = []

    def judge() -> None:
        while not done.is_set() or feed.peek():
            news = feed.peek()
            taken.extend(found.facts.run_id for found in news)
            feed.acknowledge(len(news))

    engine = threading.Thread(target=judge)
    engine.start()
    sent = [f"run-{number}" for number in range(500)]
    for run_id in sent:
        feed.put(update(run_id))
    done.set()
    engine.join(30)
    assert taken == sent
    assert feed.room() == Feed().room()


def test_a_patient_source_waits_until_the_engine_has_caught_up() -> None:
    feed = Feed(capacity_points=10, patience=60.0)
    feed.put(update("a", 12))
    found: list[int] = []
    source = threading.Thread(target=lambda: found.append(feed.room()))
    source.start()
    assert found == []
    feed.acknowledge(1)
    source.join(60)
    assert found == [10]


def test_its_patience_ends() -> None:
    feed = Feed(capacity_points=10, patience=0.01)
    feed.put(update("a", 12))
    assert feed.room() == 0
