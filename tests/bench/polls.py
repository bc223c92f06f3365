"""What a poll of an MLflow server costs both sides, and what makes that cost grow."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from tests.bench.cases import Case
from tests.bench.growth import Costs, Place, show_costs, show_growth
from tests.bench.programs import Bench, bench, without_settings
from tests.bench.relay import relay
from tests.bench.table import machine
from tests.bench.tracking import Size, add_finished, make_crowds, tracking_server


class Plan(NamedTuple):
    """What is measured: crowds with long histories and with short ones, among finished runs.

    The first crowd with short histories has as many runs as the one with long ones.
    """

    long: Size
    short: Sequence[Size]
    finished: Sequence[int]


FULL = Plan(
    Size(10, 100_000), [Size(10, 1000), Size(100, 1000), Size(1000, 600)], [10_000, 100_000]
)
"""In a database of 2.7 GB; longer histories of a thousand runs would take too long to read."""
QUICK = Plan(Size(10, 4000), [Size(10, 400), Size(100, 400)], [1000, 10_000])


def measure(stand: Bench, plan: Plan) -> None:
    """Measure, and print the tables."""
    sizes = [plan.long, *plan.short]
    crowds = make_crowds(stand.folder / "mlflow.db", sizes)
    with tracking_server(stand.folder) as server, relay(server.port) as between:
        costs = _measure_polls(plan, [Case(crowd, server, between) for crowd in crowds])
    show_costs(costs)
    show_growth(costs, list(_comparisons(plan)))


def _measure_polls(plan: Plan, cases: Sequence[Case]) -> Costs:
    costs: Costs = {}
    sizes = [case.crowd.size for case in cases]
    for before, finished in pairwise([0, *plan.finished]):
        add_finished(cases[0].crowd.database, sizes, finished - before)
        for case in cases:
            place = Place(case.crowd.size, finished)
            for asked, cost in case.all_costs() if not before else case.costs():
                costs[place, asked] = cost
                print(f"{place}, {asked}: server {cost.server:.2f} s of CPU", file=sys.stderr)
    return costs


def _comparisons(plan: Plan) -> Iterator[tuple[str, Place, Place]]:
    few, many = plan.finished
    for size in (plan.long, *plan.short):
        yield f"finished runs x {many // few}", Place(size, few), Place(size, many)
    factor = plan.long.steps // plan.short[0].steps
    yield f"points before x {factor}", Place(plan.short[0], many), Place(plan.long, many)
    for a, b in pairwise(plan.short):
        yield f"active runs x {b.runs // a.runs}", Place(a, many), Place(b, many)


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer and shorter, in two minutes")
    plan = QUICK if parser.parse_args().quick else FULL
    without_settings()
    print(machine())
    with bench() as stand:
        measure(stand, plan)


if __name__ == "__main__":
    main()
