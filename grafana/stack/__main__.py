"""Runs the whole stack on this machine, or writes its files: `python -m grafana.stack`."""

from __future__ import annotations

import argparse
import sys

from grafana.stack import files
from grafana.stack.places import FOLDER, IN_CONTAINERS


def main() -> int:
    """Run the stack until a signal ends it; with --write write what compose.yaml mounts."""
    parser = argparse.ArgumentParser(prog="python -m grafana.stack", description=__doc__)
    parser.add_argument("--write", action="store_true", help="write the files for compose.yaml")
    parser.add_argument("--duration", type=float, metavar="SECONDS", help="how long the runs last")
    given = parser.parse_args()
    if given.write:
        files.write(FOLDER, IN_CONTAINERS)
        return 0
    from grafana.stack.stage import run_stack  # noqa: PLC0415 - files are written without MLflow

    return run_stack(given.duration)


if __name__ == "__main__":
    sys.exit(main())
