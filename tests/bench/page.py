"""What a page with a thousand active runs costs, while all of them move every two seconds."""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence

from tests.bench.crowd import INTERVAL_SECONDS
from tests.bench.programs import Bench, Command, Program, bench
from tests.bench.scraping import SCRAPERS, Scraper, Series, page
from tests.bench.table import Row, machine, show

METRICS = 12
PAUSE_SECONDS = 0.05


def row(program: Program, runs: int, scraper: Scraper, count: int) -> Row:
    """Scrape in one way, spread over many readings."""
    # A form that nobody has asked for yet is rendered for the first who does.
    page(program.port, scraper)
    series = Series(program, scraper)
    started = time.monotonic()
    series.take(count, PAUSE_SECONDS)
    share = series.cpu / (time.monotonic() - started)
    seen = page(program.port, scraper)
    p50, p99, _ = series.cost()
    worst = series.slowest()
    memory = program.resident()
    return (runs, scraper.name, seen.series, seen.size, p50, p99, worst, 100 * share, memory)


def measure(stand: Bench, counts: Sequence[int], scrapes: int) -> None:
    """Measure, and print a table."""
    found: list[Row] = []
    for runs in counts:
        command = Command("tests.bench.crowd", ("{port}", str(runs), str(METRICS)))
        for scraper in SCRAPERS:
            with stand.running(command) as program:
                found.append(row(program, runs, scraper, scrapes))
    show(
        f"Scrapes of runs with {METRICS} metrics each, {scrapes} of each kind;"
        f" every {INTERVAL_SECONDS:.0f} s all values and signals are new",
        (
            *("runs", "scrape", "series", "bytes", "p50 ms", "p99 ms", "max ms"),
            *("CPU % of a core", "resident MiB"),
        ),
        found,
    )


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, nargs="+", default=[100, 1000])
    parser.add_argument("--scrapes", type=int, default=400, help="of each kind (default: 400)")
    given = parser.parse_args()
    print(machine())
    with bench() as stand:
        measure(stand, given.runs, given.scrapes)


if __name__ == "__main__":
    main()
