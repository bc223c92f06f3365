"""What rules look back on is not stored: read again after a restart, it changes nothing."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from alerts.history import RunHistory
from alerts.history.windows import Bookmark
from alerts.model import MetricPoint, RunFacts
from alerts.replay import read_recording
from alerts.runs import RunBook
from alerts.store import decode, encode
from alerts.thresholds import LimitBook
from alerts.view import run_context, run_view
from tests.support.histories import (
    EVERYTHING,
    NAN,
    START,
    Daemon,
    Trace,
    absorb,
    history_of,
    instants,
    missing_of,
    new_history,
    remembered,
    run_facts,
)
from tests.support.recordings import recording_names, recording_path

CUTS = 4
"""At about so many moments of each run the process is restarted."""
ON = 25
"""For so many moments it goes on beside the one that was not."""


def watcher(facts: RunFacts) -> Daemon:
    daemon = Daemon(EVERYTHING, facts)
    daemon.now = START
    return daemon


def live(daemon: Daemon, points: Sequence[MetricPoint]) -> None:
    """Let the clock turn with the points, and look at it in between as the daemon does."""
    for together in instants(points):
        daemon.now = max(daemon.now, together[0].time)
        daemon.feed(together)
        daemon._note(daemon.watch.tick(daemon.moment))


def shown(daemon: Daemon) -> str:
    """Return everything that pages, metrics and messages show of the run."""
    view = run_view(daemon.watch, daemon.moment)
    contexts = [run_context(daemon.watch, name) for name in daemon.watch.history.evals or [""]]
    return repr((view, contexts, sorted(daemon.watch.alerts.items(), key=repr)))


def check(facts: RunFacts, points: Sequence[MetricPoint]) -> None:
    """Live through a run once, beside others that start on the way with what was stored."""
    together = list(instants(points))
    cuts = {2, *range(5, len(together), max(1, len(together) // CUTS))}
    whole, others = watcher(facts), dict[int, Daemon]()
    for number, points_then in enumerate(together, start=1):
        for daemon in (whole, *others.values()):
            live(daemon, points_then)
        if number - ON in others:
            end_as(others.pop(number - ON), whole)
        if number in cuts:
            others[number] = restarted(whole)
    for other in others.values():
        end_as(other, whole)


def restarted(whole: Daemon) -> Daemon:
    """Return another process that takes over now, once it has shown what it stored."""
    other = watcher(whole.facts)
    other.now, other.told, other.logged = whole.now, list(whole.told), list(whole.logged)
    other.watch = type(whole.watch).from_document(
        decode(encode(whole.watch.to_document())), whole.facts, whole.book
    )
    assert repr(run_view(other.watch, other.moment)) == repr(run_view(whole.watch, whole.moment))
    return other


def end_as(other: Daemon, whole: Daemon) -> None:
    """Compare two processes, before and after the run ends."""
    other.feed()
    assert repr(other.told) == repr(whole.told)
    assert shown(other) == shown(whole)
    assert remembered(other.watch.history) == remembered(whole.watch.history)
    one = restarted(whole)
    one.end()
    other.end()
    assert repr(other.told) == repr(one.told)
    assert shown(other) == shown(one)


@pytest.mark.parametrize("name", recording_names())
def test_a_recorded_run_goes_on_as_if_there_had_been_no_restart(name: str) -> None:
    found = read_recording(recording_path(name))
    check(replace(found.facts, status="RUNNING", ended_at=None), found.points)


def long_run(points: int, seed: int = 1) -> Trace:
    """Return a run with two validation sets, longer than any window, that is resumed once."""
    rng, trace = random.Random(seed), Trace()  # noqa: S311 - noise, not secrets
    for step in range(points):
        loss = 1 + math.exp(-step / 300) + rng.gauss(0, 0.05)
        trace.log(step, loss=loss, grad_norm=rng.random(), epoch=step / 150, learning_rate=1e-4)
        if step % 25 == 24:
            values = {"eval_a_loss": 2 - step / 10_000, "eval_b_loss": loss + step / 1_000}
            trace.log(step, {**values, "epoch": step / 150})
    for step in range(points - 100, points):
        trace.log(step, loss=1.5 if step % 7 else NAN, grad_norm=2.0, epoch=step / 150)
    return trace


def irregular_run() -> Trace:
    """Return a run whose steps follow no rule, with late points and points logged twice."""
    rng, trace, step = random.Random(2), Trace(), 0  # noqa: S311 - noise, not secrets
    for number in range(300):
        step += rng.randint(1, 50)
        trace.log(step, loss=rng.uniform(1, 2), grad_norm=rng.random())
        if number % 9 == 0:
            trace.log(step, loss=rng.uniform(1, 2), eval_loss=rng.uniform(1, 2))
    return trace


def stepless_run() -> Trace:
    """Return a run that logs everything at step 0, more often than a window is long."""
    rng, trace = random.Random(3), Trace()  # noqa: S311 - noise, not secrets
    for number in range(1_100):
        trace.log(0, loss=rng.uniform(1, 2))
        if number % 40 == 39:
            trace.log(0, eval_loss=rng.uniform(1, 2))
    return trace


@pytest.mark.parametrize("trace", [long_run(1_800), irregular_run(), stepless_run()])
def test_so_does_a_run_that_is_longer_than_its_windows(trace: Trace) -> None:
    """Rules are pure functions of the history, so that it suffices to compare histories."""
    logged = list[MetricPoint]()
    whole, other = new_history(), new_history()
    cuts = random.Random(4)  # noqa: S311 - noise, not secrets
    for together in instants(trace.points):
        repeated = missing_of(other, logged)
        absorb(whole, together)
        absorb(other, (*repeated, *together))
        logged += together
        if cuts.random() < 0.01:
            assert remembered(other) == remembered(whole)
            other = reread(other)
    absorb(other, missing_of(other, logged))
    assert remembered(other) == remembered(whole)


def reread(history: RunHistory) -> RunHistory:
    """Return the history that another process makes of what this one stores."""
    other = new_history()
    other.restore(decode(encode(history.to_document())))
    return other


def watched(trace: Trace) -> Daemon:
    """Return a process that has judged a run at once."""
    daemon = watcher(run_facts())
    daemon.now = trace.clock
    daemon.feed(trace.points)
    return daemon


def test_only_the_windows_are_asked_for() -> None:
    history = reread(history_of(long_run(1_500), run_facts(params={})))
    bookmarks = history.bookmarks()
    assert bookmarks["learning_rate"].window is None
    sizes = {m: b.window.last - b.window.first for m, b in bookmarks.items() if b.window}
    assert sizes.keys() == {"loss", "grad_norm", "epoch", "eval_a_loss", "eval_b_loss"}
    assert sizes["loss"] < 1_024
    assert sizes["grad_norm"] < 32
    assert sizes["epoch"] < 128


def test_nothing_is_asked_for_once_it_came() -> None:
    daemon = watched(long_run(300))
    daemon.restart()
    daemon.feed()
    assert all(b.window is None for b in daemon.watch.history.bookmarks().values())


def test_a_deleted_history_is_gone_for_good_and_the_run_goes_on() -> None:
    daemon = watched(long_run(300))
    step, before = daemon.watch.history.step, daemon.watch.history.loss.logged
    assert step is not None
    daemon.restart()
    daemon.logged.clear()
    later = Trace(start=daemon.now).train([1.4] * 120, first=step + 1)
    daemon.follow(later.points)
    history = daemon.watch.history
    assert history.loss.logged == before + 120
    assert all(bookmark.window is None for bookmark in history.bookmarks().values())
    assert history.levels.values[-120:] == [1.4] * 120


def test_what_was_never_repeated_is_still_asked_for_by_the_next_process() -> None:
    daemon = watched(long_run(300))
    before = json.dumps(daemon.watch.to_document())
    daemon.restart()
    windows = daemon.watch.history.bookmarks()
    daemon.restart()
    assert daemon.watch.history.bookmarks() == windows
    assert json.loads(json.dumps(daemon.watch.to_document())) == json.loads(before)


def test_a_message_shows_the_curve_until_the_points_are_back() -> None:
    daemon = watched(long_run(300))
    daemon.restart()
    tail = run_context(daemon.watch, "a").train_tail
    assert len(tail) > 32
    assert daemon.feed() == []
    assert len(run_context(daemon.watch, "a").train_tail) == 64


@pytest.mark.parametrize("name", ["resumed", "two-eval-sets"])
def test_a_document_of_version_1_is_gone_on_from(name: str) -> None:
    stored = json.loads((Path(__file__).parent / "golden" / "state-1.json").read_text())
    assert stored["version"] == 1
    found = read_recording(recording_path(name))
    facts = replace(found.facts, status="RUNNING", ended_at=None)
    old = RunBook.from_document(stored["runs"], LimitBook(EVERYTHING)).get(facts.run_id)
    assert old is not None
    cursors: dict[str, Bookmark] = old.history.bookmarks()
    until = max(cursor.latest for cursor in cursors.values())
    other, whole = watcher(old.history.facts), watcher(old.history.facts)
    other.watch, other.logged = old, [p for p in found.points if p.time <= until]
    # The version before judged all of it at once.
    whole.now = other.now = until
    whole.feed(other.logged)
    other.told = list(whole.told)
    rest = [point for point in found.points if point.time > until]
    for daemon in (other, whole):
        live(daemon, rest)
    assert repr(other.told) == repr(whole.told)
    assert shown(other) == shown(whole)


def test_steps_at_even_strides_take_no_room() -> None:
    document = history_of(long_run(1_500)).to_document()
    assert len(document["loss"]["steps"]) < 8
    assert len(encode(document)) < 4_000
