"""All benchmarks one after another: `python -m tests.bench [--quick]`."""

from __future__ import annotations

import argparse
import subprocess
import sys

QUICK = {
    "gpus": ("--scrapes", "100", "--seconds", "20"),
    "page": ("--scrapes", "100", "--runs", "1000"),
    "polls": ("--quick",),
    "runs": ("--runs", "10", "--seconds", "20"),
    "state": ("--runs", "30"),
}
"""Arguments with which everything takes some six minutes instead of half an hour."""


def main() -> int:
    """Run each in a process of its own, so that none inherits the memory of another."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer scrapes, fewer runs")
    quick = parser.parse_args().quick
    failed = [
        name
        for name, arguments in QUICK.items()
        if subprocess.run(
            [sys.executable, "-m", f"tests.bench.{name}", *(arguments if quick else ())],
            check=False,
        ).returncode
    ]
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
