"""After a restart the windows that rules look back on are read again, before anything is judged."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from alerts.engine import Engine
from alerts.model import Observations, RunUpdate, SourceObservation, Transition
from alerts.outbox import Outbox
from alerts.store import FileStore
from exporter.app.runs import marks, rule_inputs
from exporter.config import DEFAULT_CONFIG
from exporter.feed import CAPACITY_POINTS, Feed
from exporter.sources import SourceDown
from exporter.sources.mlflow import Lookback, Mark, MlflowSettings, MlflowSource
from tests.support.histories import remembered
from tests.support.mlflow_bulk import Bulk, extend, fill
from tests.support.mlflow_faults import FaultyServer, Reply, faulty
from tests.support.mlflow_runs import Trainer, recorded_points
from tests.support.mlflow_server import MlflowServer
from tests.support.mlflow_store import START, Store
from tests.support.mlflow_watcher import Watcher
from tests.support.recordings import recording

UP = SourceObservation("mlflow", "", up=True, expected=True)
HISTORY = "get-history"


class Process:
    """A source and an engine behind it, on a state file of their own."""

    def __init__(self, settings: MlflowSettings, state: Path) -> None:
        self._settings = settings
        self._state = state
        self.told: list[Transition] = []
        self.start(START)

    def start(self, now: float) -> None:
        self._store = FileStore(self._state)
        self.engine = Engine(DEFAULT_CONFIG, self._store, Outbox(()))
        self.engine.restore(now)
        self.feed = Feed(capacity_points=CAPACITY_POINTS)
        inputs = rule_inputs(DEFAULT_CONFIG)
        found = marks(self.engine.cursors())
        self.source = MlflowSource(self._settings, self.feed, inputs, found)

    def restart(self, now: float) -> None:
        """Die once everything is stored, and come back."""
        self.engine.flush(now)
        self._store.close()
        self.start(now)

    def poll(self, now: float) -> None:
        """Collect, and judge what came."""
        self.source.collect(now)
        news = self.feed.peek()
        self.told += self.engine.tick(Observations(news, None, (UP,)), now)
        self.feed.acknowledge(len(news))

    def remembered(self) -> dict[str, str]:
        """Return everything that is known of each run."""
        runs = self.engine._runs
        return {watch.subject.id: remembered(watch.history) for watch in runs.shown()}


@pytest.mark.parametrize("name", ["resumed", "two-eval-sets"])
def test_one_that_restarts_before_each_poll_judges_as_one_that_never_does(
    store: Store, tmp_path: Path, name: str
) -> None:
    recorded = recording(name)
    run = store.begin(name=name)
    run.params({key: recorded["params"][key] for key in ("transformers_version",)})
    shift = START * 1000 - recorded["start_time"]
    points = sorted(recorded_points(recorded, shift), key=lambda point: (point[2], point[1]))
    whole, other = (Process(store.settings(), tmp_path / n) for n in ("whole", "other"))
    for begin in range(0, len(points), max(1, len(points) // 6)):
        batch = points[begin : begin + max(1, len(points) // 6)]
        run.points(batch)
        now = batch[-1][2] / 1000
        other.restart(now)
        for process in (whole, other):
            process.poll(now)
        assert other.remembered() == whole.remembered()
    run.end(points[-1][2])
    other.restart(now)
    for process in (whole, other):
        process.poll(now + 15)
    assert repr(other.told) == repr(whole.told)
    views = [process.engine.view(now + 15) for process in (other, whole)]
    assert repr(views[0].runs) == repr(views[1].runs)
    assert repr(views[0].alerts) == repr(views[1].alerts)


def train(run: Trainer, first: int, last: int) -> None:
    """Log a training loss and the epoch each second and step, `last` excluded."""
    run.points(
        [
            (key, step, (START + step) * 1000, value)
            for step in range(first, last)
            for key, value in (("loss", float(step)), ("epoch", step / 100))
        ]
    )


def mark(step: int, lookback: Lookback | None = None) -> Mark:
    return Mark(step, float(START + step), step, lookback)


def marked(store: Store, run: Trainer, **settings: object) -> Watcher:
    """Return a watcher that goes on after step 99, of which 50 to 99 have to come again."""
    lookback = Lookback(50, 99, float(START + 99))
    found = {"loss": mark(99, lookback), "epoch": mark(99)}
    return Watcher(store.settings(**settings), {run.run_id: found})


def steps(update: RunUpdate, metric: str = "loss") -> list[int]:
    return [point.step for point in update.points if point.metric == metric]


def test_what_was_judged_comes_again_once_with_the_first_news(store: Store) -> None:
    run = store.begin()
    train(run, 0, 110)
    watcher = marked(store, run)
    [update] = watcher.poll(START + 200)
    assert steps(update) == list(range(50, 110))
    assert steps(update, "epoch") == list(range(100, 110))
    assert update.moved
    train(run, 110, 112)
    [update] = watcher.poll(START + 215)
    assert steps(update) == [110, 111]


def test_it_comes_though_there_is_no_news(local: Store) -> None:
    run = local.begin()
    train(run, 0, 100)
    watcher = marked(local, run)
    [update] = watcher.poll(START + 200)
    assert steps(update) == list(range(50, 100))
    assert not update.moved, "nobody heard anything of the run"
    assert watcher.poll(START + 215) == []


def test_it_comes_before_the_end_is_told(local: Store) -> None:
    run = local.begin()
    train(run, 0, 105)
    run.end((START + 150) * 1000, "FAILED")
    [update] = marked(local, run).poll(START + 200)
    assert update.facts.status == "FAILED"
    assert steps(update) == list(range(50, 105))


def test_what_a_resumed_run_logged_since_is_no_part_of_it(store: Store) -> None:
    run = store.begin()
    train(run, 0, 100)
    run.points([("loss", step, (START + 200 + step) * 1000, -1.0) for step in range(80, 90)])
    [update] = marked(store, run).poll(START + 400)
    assert steps(update) == [*range(50, 100), *range(80, 90)]
    assert [p.value for p in update.points if p.step == 80 and p.metric == "loss"] == [80.0, -1.0]


@pytest.fixture
def proxy(server: MlflowServer) -> Iterator[FaultyServer]:
    with faulty(server.port) as proxy:
        yield proxy


def test_nothing_is_told_of_a_run_while_its_windows_cannot_be_read(
    remote: Store, proxy: FaultyServer
) -> None:
    run = remote.begin()
    train(run, 0, 110)
    watcher = marked(remote, run, tracking_uri=proxy.uri)
    # Twice the search for hidden points fails, then the windows, and after them the news.
    for number, good in enumerate((0, 1, 2, 0, 1, 2)):
        left = good

        def fail(path: str) -> Reply | None:
            nonlocal left
            left -= HISTORY in path
            return Reply(503) if left < 0 and HISTORY in path else None

        proxy.fault = fail
        with pytest.raises(SourceDown):
            watcher.source.collect(START + 200 + number)
        assert watcher.drain() == []
    proxy.fault = None
    [update] = watcher.poll(START + 300)
    assert steps(update) == list(range(50, 110))
    assert Counter(steps(update)).most_common(1)[0][1] == 1


def test_many_runs_are_looked_back_on_by_few_requests(
    remote: Store, server: MlflowServer, proxy: FaultyServer
) -> None:
    bulk = Bulk((START - 1_000) * 1000, 18, ("loss", "epoch"), 1_000, every=1_000, params=1)
    run_ids = fill(server.database, remote.experiment, bulk)
    last = Mark(999 * bulk.stride, START - 1.0, 999 * bulk.stride)
    window = Lookback(100 * bulk.stride, 999 * bulk.stride, START - 1.0)
    found = {r: {"loss": last._replace(lookback=window), "epoch": last} for r in run_ids}
    extend(server.database, run_ids, bulk, first=1_000, points=2)
    watcher = Watcher(remote.settings(tracking_uri=proxy.uri), found)
    updates = watcher.poll(START + 15)
    assert {len(steps(update)) for update in updates} == {902}
    asked = Counter(request.path for request in proxy.requests if HISTORY in request.path)
    audits = 2 * len(run_ids)
    news = 2 * 2  # two groups of runs, two metrics
    assert asked.total() == audits + news + 2


def test_a_run_that_comes_back_after_a_silence_still_lacks_its_windows(local: Store) -> None:
    run = local.begin()
    train(run, 0, 100)
    lookback = Lookback(50, 99, float(START + 99))
    found = {run.run_id: {"loss": mark(99, lookback), "epoch": mark(99)}}
    watcher = Watcher(local.settings(stale_after=3_600.0), found)
    for later in (5_000, 5_015):
        watcher.poll(START + later)
    run.points([("loss", 100, (START + 5_020) * 1000, 1.0)])
    watcher.poll(START + 5_030)
    every = [point for update in watcher.updates for point in update.points]
    assert sorted(point.step for point in every) == list(range(50, 101))
