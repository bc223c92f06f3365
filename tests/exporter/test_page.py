"""The page shows the latest readings while they live, and how their sources fare in any case."""

from __future__ import annotations

import gzip
import logging
import threading
from collections.abc import Callable, Iterator, Sequence

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_openmetrics
from prometheus_client.parser import text_string_to_metric_families as read_text

from exporter.board import Board
from exporter.metrics.encoding import Format
from exporter.metrics.family import Family, Metric, Sample
from exporter.metrics.own import ProcessState
from exporter.metrics.page import Page, Section
from exporter.snapshot import Health, Reading

OPENMETRICS = "application/openmetrics-text;version=1.0.0"
HEAT = Metric("heat_celsius", "gauge", "Heat", ("place",))
LOSS = Metric("loss", "gauge", "Loss", ("run",))

Data = Sequence[tuple[str, float]]


def heat(data: Data) -> Iterator[Family]:
    yield Family(HEAT, [Sample((place,), value) for place, value in data])


class Counting:
    """Turns data into families and counts how often it had to."""

    def __init__(self, metric: Metric = LOSS) -> None:
        self.calls = 0
        self._metric = metric

    def __call__(self, data: Data) -> Iterator[Family]:
        self.calls += 1
        yield Family(self._metric, [Sample((run,), value) for run, value in data])


def reading(
    data: Data | None, *, at: float = 1000.0, lifetime: float | None = None
) -> Reading[Data]:
    health = Health(up=data is not None, attempted_at=at, duration=0.5, last_success_at=at)
    return Reading(data, health, None if lifetime is None else at + lifetime)


def process() -> ProcessState:
    return ProcessState(version="0.1.0", python="3.11.7", failures={"nvml": 0})


@pytest.fixture
def board() -> Board:
    return Board()


@pytest.fixture
def runs() -> Counting:
    return Counting()


@pytest.fixture
def page(board: Board, runs: Counting) -> Page:
    return Page(board, {"nvml": Section(heat, 10.0), "mlflow": Section(runs, 15.0)}, process)


def values(page: Page, now: float, accept: str = "") -> dict[str, float]:
    """Parse the page into `name` or `name{label values}` -> value."""
    read = read_openmetrics if accept else read_text
    families = read(page.render(now, accept).body.decode())
    return {
        ",".join([sample.name, *sample.labels.values()]): sample.value
        for family in families
        for sample in family.samples
    }


@pytest.mark.parametrize("accept", ["", OPENMETRICS])
def test_the_page_shows_every_reading_and_its_health(page: Page, board: Board, accept: str) -> None:
    board.publish("nvml", reading([("a", 40.0)], lifetime=25.0))
    board.publish("mlflow", reading([("r", 1.5)]))
    found = values(page, 1001.0, accept)
    assert (found["heat_celsius,a"], found["loss,r"]) == (40.0, 1.5)
    for source in ("nvml", "mlflow"):
        assert found[f"tunewatch_source_up,{source}"] == 1
        assert found[f"tunewatch_source_stuck,{source}"] == 0
        assert found[f"tunewatch_source_duration_seconds,{source}"] == 0.5
        assert found[f"tunewatch_source_last_success_timestamp_seconds,{source}"] == 1000.0
        assert found[f"tunewatch_source_failures_total,{source}"] == 0


@pytest.mark.parametrize("accept", ["", OPENMETRICS])
def test_gzip_holds_the_same_page(page: Page, board: Board, accept: str) -> None:
    board.publish("mlflow", reading([("r", 1.5)]))
    plain = page.render(1001.0, accept)
    packed = page.render(1001.0, accept, gzip=True)
    assert (plain.encoding, packed.encoding) == ("", "gzip")
    assert packed.content_type == plain.content_type

    def lasting(body: bytes) -> list[bytes]:
        return [line for line in body.splitlines() if not line.startswith(b"process_")]

    assert lasting(gzip.decompress(packed.body)) == lasting(plain.body)


def test_before_the_first_reading_a_source_is_not_up(page: Page) -> None:
    found = values(page, 1000.0)
    assert found["tunewatch_source_up,nvml"] == 0
    assert "tunewatch_source_duration_seconds,nvml" not in found
    assert "tunewatch_source_last_success_timestamp_seconds,nvml" not in found


@pytest.mark.parametrize(("now", "shown"), [(1025.0, True), (1025.1, False)])
def test_expired_data_vanish_at_the_scrape(
    page: Page,
    board: Board,
    now: float,
    shown: bool,  # noqa: FBT001 - a column of the table
) -> None:
    board.publish("nvml", reading([("a", 40.0)], lifetime=25.0))
    found = values(page, now)
    assert ("heat_celsius,a" in found) is shown
    assert found["tunewatch_source_up,nvml"] == shown
    assert found["tunewatch_source_last_success_timestamp_seconds,nvml"] == 1000.0


def test_a_source_that_is_down_leaves_only_its_health(page: Page, board: Board) -> None:
    board.publish("nvml", reading([("a", 40.0)], lifetime=25.0))
    page.render(1001.0)
    board.publish("nvml", reading(None, at=1010.0, lifetime=25.0))
    found = values(page, 1011.0)
    assert "heat_celsius,a" not in found
    assert found["tunewatch_source_up,nvml"] == 0


def test_of_a_stuck_source_only_lasting_facts_stay(page: Page, board: Board) -> None:
    board.publish("nvml", reading([("a", 40.0)], lifetime=500.0))
    board.publish("mlflow", reading([("r", 1.5)]))
    board.begin("nvml", 1010.0)
    board.begin("mlflow", 1015.0)
    assert values(page, 1040.0)["tunewatch_source_stuck,nvml"] == 0
    found = values(page, 1061.0)
    assert "heat_celsius,a" not in found
    assert found["loss,r"] == 1.5
    for source in ("nvml", "mlflow"):
        assert found[f"tunewatch_source_stuck,{source}"] == 1
        assert found[f"tunewatch_source_up,{source}"] == 0


def test_a_publisher_that_is_no_source_has_no_health(board: Board) -> None:
    page = Page(board, {"alerts": Section(Counting())}, process)
    board.publish("alerts", reading([("r", 2.0)]))
    found = values(page, 1001.0)
    assert found["loss,r"] == 2.0
    assert not [name for name in found if name.startswith("tunewatch_source_")]


def test_a_reading_is_rendered_once_per_format(page: Page, board: Board, runs: Counting) -> None:
    board.publish("mlflow", reading([("r", 1.5)]))
    for accept in ("", "", OPENMETRICS, OPENMETRICS, ""):
        page.render(1001.0, accept)
        page.render(1001.0, accept, gzip=True)
    assert runs.calls == len(Format)


@pytest.mark.parametrize(("later", "calls"), [([("r", 1.5)], 1), ([("r", 1.4)], 2)])
def test_a_new_reading_is_rendered_only_if_its_data_changed(
    page: Page, board: Board, runs: Counting, later: Data, calls: int
) -> None:
    board.publish("mlflow", reading([("r", 1.5)]))
    page.render(1001.0)
    board.publish("mlflow", reading(later, at=1015.0))
    assert values(page, 1016.0)["loss,r"] == later[0][1]
    assert runs.calls == calls


def test_a_publisher_renders_ahead_what_scrapers_lately_asked_for(
    page: Page, board: Board, runs: Counting
) -> None:
    board.publish("mlflow", reading([("r", 1.5)]))
    page.warm("mlflow", 1001.0)
    assert runs.calls == 0
    page.render(1002.0, gzip=True)
    board.publish("mlflow", reading([("r", 1.4)], at=1015.0))
    page.warm("mlflow", 1015.0)
    assert runs.calls == 2
    page.render(1016.0, gzip=True)
    assert runs.calls == 2
    board.publish("mlflow", reading([("r", 1.3)], at=2000.0))
    page.warm("mlflow", 2000.0)
    assert runs.calls == 2


def test_a_scrape_does_not_wait_while_another_thread_renders(board: Board) -> None:
    entered, release = threading.Event(), threading.Event()

    def slow(data: Data) -> Iterator[Family]:
        if data[0][1] == 2.0:
            entered.set()
            assert release.wait(10)
        yield Family(LOSS, [Sample((run,), value) for run, value in data])

    page = Page(board, {"mlflow": Section(slow, 15.0)}, process)
    board.publish("mlflow", reading([("r", 1.0)]))
    page.render(1001.0)
    board.publish("mlflow", reading([("r", 2.0)], at=1015.0))
    publisher = threading.Thread(target=page.warm, args=("mlflow", 1015.0))
    publisher.start()
    assert entered.wait(10)
    assert values(page, 1015.1)["loss,r"] == 1.0
    release.set()
    publisher.join(10)
    assert values(page, 1015.2)["loss,r"] == 2.0


def broken(_data: Data) -> Iterator[Family]:
    raise ZeroDivisionError("a bug")


def mislabelled(_data: Data) -> Iterator[Family]:
    yield Family(LOSS, [Sample(("one", "too many"), 1.0)])


@pytest.mark.parametrize("faulty", [broken, mislabelled])
def test_a_fragment_that_cannot_be_shown_costs_only_itself(
    board: Board, faulty: Callable[[Data], Iterator[Family]], caplog: pytest.LogCaptureFixture
) -> None:
    page = Page(board, {"nvml": Section(heat, 10.0), "mlflow": Section(faulty, 15.0)}, process)
    board.publish("nvml", reading([("a", 40.0)]))
    for at in (1000.0, 1015.0):
        board.publish("mlflow", reading([("r", at)], at=at))
        found = values(page, at)
        page.render(at)
    assert found["heat_celsius,a"] == 40.0
    assert found["tunewatch_render_failures_total,mlflow"] == 2
    [record] = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert "cannot show the data of mlflow" in record.getMessage()


def test_series_and_duplicates_are_counted(page: Page, board: Board) -> None:
    board.publish("mlflow", reading([("r", 1.0), ("r", 2.0), ("s", 3.0)]))
    page.render(1001.0)
    found = values(page, 1001.0)
    assert (found["loss,r"], found["loss,s"]) == (1.0, 3.0)
    assert found["tunewatch_duplicate_series,mlflow"] == 1
    assert found["tunewatch_duplicate_series,nvml"] == 0
    assert (found["tunewatch_series,mlflow"], found["tunewatch_series,nvml"]) == (2, 0)
