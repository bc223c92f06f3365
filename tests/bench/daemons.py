"""The daemon with and without the run role: memory, CPU at its own pace, scrapes."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import yaml

from tests.bench.pods import busy_kubelet
from tests.bench.programs import Bench, Command, Program, tunewatch
from tests.bench.scraping import PROMETHEUS, Series, page
from tests.bench.table import Row, show
from tests.bench.tracking import Crowd

GPUS = "8"
BEAT_SECONDS = 10
SCRAPES = 200
PATIENCE_SECONDS = 900.0


def nodes(stand: Bench, python: Path, seconds: int) -> list[Row]:
    """Measure a daemon without the run role."""
    node = tunewatch("--no-collector.mlflow", "--nvml.simulate", GPUS, python=python)
    with stand.running(node) as program:
        alone = row("node role", program, None, seconds)
    with busy_kubelet(stand.folder, int(GPUS)) as socket:
        asking = replace(node, arguments=(*node.arguments, "--pods.socket", str(socket)))
        with stand.running(asking) as program:
            return [alone, row("node role, with pods", program, None, seconds)]


def mirrors(
    stand: Bench, python: Path, uri: str, crowds: Sequence[Crowd], seconds: int
) -> list[Row]:
    """Measure a daemon for each crowd of the server at `uri`."""
    rows: list[Row] = []
    for crowd in crowds:
        with stand.running(_both_roles(stand.folder, uri, crowd, python)) as program:
            _wait_for(program, crowd)
            rows.append(row("both roles", program, crowd, seconds))
    return rows


def show_daemons(rows: Sequence[Row], seconds: int) -> None:
    """Print what was measured for so many seconds each."""
    show(
        f"The daemon with {GPUS} stand-in GPUs over {seconds} s: each run logs a step, and the"
        f" page is scraped, every {BEAT_SECONDS} s; then {SCRAPES} scrapes",
        (
            *("process", "active runs", "at first MiB", "at last MiB", "peak MiB", "CPU %"),
            *("series", "gzip bytes", "p50 ms", "p99 ms"),
        ),
        rows,
    )


def _both_roles(folder: Path, uri: str, crowd: Crowd, python: Path) -> Command:
    file = folder / f"{crowd.experiment}.yaml"
    settings = {"tracking_uri": uri, "experiments": [crowd.experiment]}
    file.write_text(yaml.safe_dump({"mlflow": settings}))
    return tunewatch("--config.file", str(file), "--nvml.simulate", GPUS, python=python)


def _wait_for(program: Program, crowd: Crowd) -> None:
    """Return when every run has been mirrored and judged."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while _count(program, "tunewatch_run_training_seconds{") < len(crowd.run_ids):
        if time.monotonic() > deadline:
            raise RuntimeError(f"not all runs of {crowd.experiment} were read")
        time.sleep(1)


def _count(program: Program, beginning: str) -> int:
    lines = page(program.port, PROMETHEUS).text.splitlines()
    return sum(line.startswith(beginning) for line in lines)


def row(name: str, program: Program, crowd: Crowd | None, seconds: int) -> Row:
    """Measure one process over so many seconds, while the runs of a crowd log."""
    at_first = program.resident()
    series = Series(program, PROMETHEUS)
    cpu, began = program.cpu(), time.monotonic()
    for _ in range(seconds // BEAT_SECONDS):
        if crowd:
            crowd.log(1)
        time.sleep(BEAT_SECONDS)
        series.take(1)
    share = (program.cpu() - cpu) / (time.monotonic() - began)
    series.take(SCRAPES, pause=0.02)
    found = page(program.port, PROMETHEUS)
    runs = len(crowd.run_ids) if crowd else 0
    cost = series.cost()
    memory = at_first, program.resident(), program.peak()
    return (name, runs, *memory, 100 * share, found.series, found.size, *cost[:2])
