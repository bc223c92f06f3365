"""What watching GPUs costs, beside nvitop-exporter on the same stand-in GPUs in the same run."""

from __future__ import annotations

import argparse
import contextlib
import time
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from exporter.demo.loopback import HOST
from tests.bench.programs import Bench, Command, Program, bench, tunewatch
from tests.bench.scraping import PROMETHEUS, SCRAPERS, Cost, Scraper, Series, page
from tests.bench.table import machine, show

OURS, PEER = "tunewatch", "nvitop-exporter"
INTERVAL_SECONDS = 10
ROUNDS = 10


class Fleet(NamedTuple):
    """The GPUs that the programs watch: how many, and of which simulated kind."""

    gpus: int
    profile: str = "h100"

    def __str__(self) -> str:
        """Name the fleet in a table."""
        return f"{self.gpus} x 7 MIG" if self.profile.endswith("-mig") else str(self.gpus)

    @property
    def arguments(self) -> tuple[str, str]:
        """What a benchmark's program takes to stand in for the fleet."""
        return str(self.gpus), self.profile


FLEETS = (Fleet(1), Fleet(8), Fleet(8, "h100-mig"))

Watched = Mapping[tuple[str, Fleet], Program]
"""The programs by name and the GPUs that they watch."""


class Idle(NamedTuple):
    """Processor share (0-1) of each program at its pace, and the seconds that were watched."""

    shares: Mapping[tuple[str, Fleet], float]
    seconds: float


def command(name: str, gpus: Fleet) -> Command:
    """Return how a program is started on these GPUs, reading them every ten seconds."""
    if name == OURS:
        count, profile = gpus.arguments
        flags = ("--nvml.simulate", count, "--nvml.simulate-profile", profile)
        return tunewatch("--no-collector.mlflow", *flags)
    address = ("--bind-address", HOST, "--port", "{port}")
    arguments = (*gpus.arguments, *address, "--interval", str(INTERVAL_SECONDS))
    return Command("tests.bench.peer", arguments)


def scrape_in_turn(programs: Watched, count: int) -> dict[tuple[str, Fleet, Scraper], Cost]:
    """Scrape every program `count` times in every way, by turns, so that all see the same load."""
    series = {
        (name, gpus, scraper): Series(program, scraper)
        for (name, gpus), program in programs.items()
        for scraper in SCRAPERS
    }
    for _ in range(ROUNDS):
        for one in series.values():
            one.take(count // ROUNDS)
    return {key: one.cost() for key, one in series.items()}


def idle(programs: Watched, seconds: int) -> Idle:
    """Let the programs work at their own pace, scraped once per interval."""
    series = [Series(program, PROMETHEUS) for program in programs.values()]
    before = {key: program.cpu() for key, program in programs.items()}
    started = time.monotonic()
    for _ in range(seconds // INTERVAL_SECONDS):
        time.sleep(INTERVAL_SECONDS)
        for one in series:
            one.take(1)
    passed = time.monotonic() - started
    shares = {key: (program.cpu() - before[key]) / passed for key, program in programs.items()}
    return Idle(shares, passed)


def scrape_rows(
    programs: Watched, costs: Mapping[tuple[str, Fleet, Scraper], Cost]
) -> list[Sequence[str | int | float]]:
    """Return a row for each way to scrape each program; the last two compare with the peer."""
    rows: list[Sequence[str | int | float]] = []
    for gpus in FLEETS:
        for scraper in SCRAPERS:
            other = costs[PEER, gpus, scraper]
            for name in (OURS, PEER):
                found = page(programs[name, gpus].port, scraper)
                own = costs[name, gpus, scraper]
                ratios = (own.p50 / other.p50, own.cpu / other.cpu)
                rows.append(
                    (name, str(gpus), scraper.name, found.series, found.size, *own, *ratios)
                )
    return rows


def measure(stand: Bench, count: int, seconds: int) -> None:
    """Measure, and print two tables."""
    with contextlib.ExitStack() as stack:
        programs = {
            (name, gpus): stack.enter_context(stand.running(command(name, gpus)))
            for gpus in FLEETS
            for name in (OURS, PEER)
        }
        at_start = {key: program.resident() for key, program in programs.items()}
        pace = idle(programs, seconds)
        at_pace = {key: program.resident() for key, program in programs.items()}
        costs = scrape_in_turn(programs, count)
        after = {key: program.resident() for key, program in programs.items()}
        rows = scrape_rows(programs, costs)
    show(
        f"Scrapes, {count} of each kind",
        (
            "program",
            "GPUs",
            "scrape",
            "series",
            "bytes",
            "p50 ms",
            "p99 ms",
            "CPU ms",
            "p50 ÷ peer",
            "CPU ÷ peer",
        ),
        rows,
    )
    standin = {gpus: float(stand.output("tests.bench.standin", *gpus.arguments)) for gpus in FLEETS}
    show(
        f"Memory (MiB resident), and CPU over {pace.seconds:.0f} s with the GPUs read and the"
        f" page scraped every {INTERVAL_SECONDS} s",
        (
            *("program", "GPUs", "at start", f"after {seconds} s"),
            *(f"after {count * len(SCRAPERS):,} scrapes", "of it stand-in GPUs", "CPU % of a core"),
        ),
        [
            (
                *(name, str(gpus), at_start[name, gpus], at_pace[name, gpus], after[name, gpus]),
                *(standin[gpus], 100 * pace.shares[name, gpus]),
            )
            for name, gpus in programs
        ],
    )


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scrapes", type=int, default=500, help="of each kind (default: 500)")
    parser.add_argument("--seconds", type=int, default=60, help="for idle CPU (default: 60)")
    given = parser.parse_args()
    print(machine())
    with bench() as stand:
        measure(stand, given.scrapes, given.seconds)


if __name__ == "__main__":
    main()
