"""What mirroring MLflow runs costs the daemon: memory, processor time, scrapes."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from tests.bench.candidates import candidates
from tests.bench.daemons import mirrors, nodes, show_daemons
from tests.bench.installation import install
from tests.bench.programs import Bench, bench, without_settings
from tests.bench.table import machine
from tests.bench.tracking import Size, make_crowds, tracking_server

STEPS = {10: 1000, 100: 1000}
STEPS_OF_MANY = 600
"""That the runs have logged before, by their number: more than what is kept of each metric."""


def measure(stand: Bench, counts: Sequence[int], seconds: int) -> None:
    """Measure, and print the table."""
    sizes = [Size(runs, STEPS.get(runs, STEPS_OF_MANY)) for runs in counts]
    crowds = make_crowds(stand.folder / "mlflow.db", sizes)
    python = install(stand.folder)
    rows = [*nodes(stand, python, seconds), *candidates(stand, python, seconds)]
    with tracking_server(stand.folder) as server:
        rows += mirrors(stand, python, server.uri, crowds, seconds)
    show_daemons(rows, seconds)


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, nargs="+", default=[10, 100, 1000])
    parser.add_argument("--seconds", type=int, default=60, help="of each daemon (default: 60)")
    given = parser.parse_args()
    without_settings()
    print(machine())
    with bench() as stand:
        measure(stand, given.runs, given.seconds)


if __name__ == "__main__":
    main()
