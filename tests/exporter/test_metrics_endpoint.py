"""Over real HTTP, a scrape is quick, well formed and honest about what hangs."""

from __future__ import annotations

import gzip
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_openmetrics
from prometheus_client.parser import text_string_to_metric_families as read_text

from exporter.board import Board
from exporter.daemon import Worker
from exporter.metrics import gpu, own, runs
from exporter.metrics.catalog import CATALOG
from exporter.metrics.page import Page, Section
from exporter.polling import Poller
from exporter.server import Address, Application, Routes
from exporter.server.landing import Landing
from exporter.snapshot import Gpu, Gpus, Health, LatestMetric, Reading, Run, Runs
from tests.support.http import Answer, request, serving

NASTY = 'a "quoted" \\ back\nslash \0 nul \ud800 損失 <!channel>'
OPENMETRICS = "application/openmetrics-text;version=1.0.0"
UP = Health(up=True, attempted_at=1000.0, duration=0.1, last_success_at=1000.0)


@dataclass
class Clock:
    """The time of the scrape; tests set it."""

    now: float = 1000.0


def gpus() -> Gpus:
    devices = [
        Gpu(
            index=index,
            uuid=f"GPU-{index:08d}",
            name="NVIDIA H200",
            memory_total=150_000_000_000,
            memory_used=40_000_000_000,
            utilization=97.0,
            temperature=61.0,
            energy=123.5,
            throttle={"sw_power_cap": True, "hw_slowdown": False},
            ecc_errors={("uncorrected", "volatile"): 0, ("corrected", "aggregate"): 3},
        )
        for index in range(2)
    ]
    return Gpus(tuple(devices), 2, "570.1", "12.8", "12.570.1")


def mirrored() -> Runs:
    keys = ("loss", "eval/loss", NASTY, "nan", "inf")
    numbers = (0.5, 0.75, 1.0, float("nan"), float("inf"))
    latest = [LatestMetric(*pair, 10, 990.0) for pair in zip(keys, numbers, strict=True)]
    run = Run(
        run_id="r" * 32,
        name=NASTY,
        experiment=NASTY,
        experiment_id="1",
        user=NASTY,
        status="RUNNING",
        started_at=900.0,
        ended_at=None,
        latest=tuple(latest),
        params={"learning_rate": "1e-4"},
        tags={"note": NASTY},
    )
    return Runs((run,))


@pytest.fixture
def board() -> Board:
    board = Board()
    board.publish("nvml", Reading(gpus(), UP, 1030.0))
    board.publish("mlflow", Reading(mirrored(), UP))
    return board


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def address(board: Board, clock: Clock) -> Iterator[Address]:
    process = own.ProcessState("0.1.0", "3.11.7", config_hash="beef", failures={"nvml": 0})
    sections = {"nvml": Section(gpu.families, 10.0), "mlflow": Section(runs.families, 15.0)}
    page = Page(board, sections, lambda: process)
    routes = Routes(
        metrics=lambda accept, compressed: page.render(clock.now, accept, gzip=compressed),
        problems=list,
        not_ready=list,
        landing=lambda: Landing("0.1.0", page.sources(clock.now), clock.now),
        alerts=list,
        node=dict,
        reload=str,
    )
    with serving(Application(routes)) as address:
        yield address


def scrape(address: Address, accept: str = "", *, encoding: str = "identity") -> Answer:
    headers = {"Accept": accept, "Accept-Encoding": encoding}
    return request(address, "/metrics", headers=headers)


@pytest.mark.parametrize("encoding", ["identity", "gzip"])
@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        ("*/*", "text/plain; version=0.0.4; charset=utf-8"),
        (OPENMETRICS, "application/openmetrics-text; version=1.0.0; charset=utf-8"),
    ],
)
def test_both_formats_are_served_plain_and_packed(
    address: Address, accept: str, content_type: str, encoding: str
) -> None:
    answer = scrape(address, accept, encoding=encoding)
    assert (answer.status, answer.headers["Content-Type"]) == (200, content_type)
    packed = answer.headers.get("Content-Encoding") == "gzip"
    assert packed == (encoding == "gzip")
    text = (gzip.decompress(answer.body) if packed else answer.body).decode()
    read = read_openmetrics if accept == OPENMETRICS else read_text
    names = {family.name for family in read(text)}
    assert {"nvidia_gpu_memory_used_bytes", "mlflow_run_metric"} <= names
    assert text.endswith("# EOF\n") == (accept == OPENMETRICS)


def test_every_name_on_the_page_is_in_the_catalog(address: Address) -> None:
    lines = scrape(address).text.splitlines()
    typed = dict(line.split()[2:4] for line in lines if line.startswith("# TYPE"))
    assert len(typed) > 20
    assert typed == {name: CATALOG[name].kind for name in typed}
    assert {line.partition("{")[0].split()[0] for line in lines if line[0] != "#"} == set(typed)


def test_what_runs_control_reads_back(address: Address) -> None:
    found = {
        sample.labels["metric"]: (sample.labels["run_name"], sample.value)
        for family in read_text(scrape(address).text)
        for sample in family.samples
        if sample.name == "mlflow_run_metric"
    }
    shown = NASTY.replace("\ud800", "?")
    assert found[shown] == (shown, 1.0)
    assert str(found["nan"][1]) == "nan"
    assert found["inf"][1] == float("inf")


def test_promtool_finds_no_fault(address: Address) -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed (Debian's package prometheus has it)")
    checked = subprocess.run(
        [promtool, "check", "metrics"], input=scrape(address).body, capture_output=True, check=False
    )
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, b"", b"")


class HangingSource:
    """A source whose driver never answers."""

    name = "nvml"
    interval = 10.0
    lifetime: float | None = 30.0
    retry_most: float | None = None
    expected = True

    def __init__(self) -> None:
        self.entered = threading.Event()
        self.release = threading.Event()

    def collect(self, now: float) -> Gpus:
        del now
        self.entered.set()
        self.release.wait(30)
        return gpus()

    def close(self) -> None:
        """Nothing is held."""


def test_a_source_that_hangs_costs_only_itself(
    address: Address, board: Board, clock: Clock
) -> None:
    source = HangingSource()
    poller = Poller(source, board)
    deaths: list[str] = []
    worker = Worker("nvml", poller.tick, clock=lambda: clock.now)
    worker.start(deaths.append)
    assert source.entered.wait(10)
    try:
        fresh = scrape(address).text
        assert 'nvidia_gpu_utilization_pct{gpu="0"' in fresh
        assert 'tunewatch_source_stuck{source="nvml"} 0.0' in fresh
        clock.now = 1060.0
        asked_at = time.monotonic()
        late = scrape(address).text
        assert time.monotonic() - asked_at < 5
        assert "nvidia_gpu" not in late
        assert 'tunewatch_source_stuck{source="nvml"} 1.0' in late
        assert 'tunewatch_source_up{source="nvml"} 0.0' in late
        assert 'tunewatch_source_up{source="mlflow"} 1.0' in late
        assert "mlflow_run_metric{" in late
    finally:
        worker.retire()
        source.release.set()
    assert not deaths
