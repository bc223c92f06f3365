"""Writes all dashboards, or compares them with what is committed: `python -m grafana [--check]`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path

from grafana.boards import BOARDS
from grafana.document import document, text

FOLDER = Path(__file__).with_name("dashboards")


def texts() -> Mapping[str, str]:
    """Return what the files must hold, by their names."""
    return {board.file: text(document(board.build())) for board in BOARDS}


def stale(folder: Path) -> list[str]:
    """Return the names of files that are missing, differ, or that nothing writes."""
    wanted = texts()
    there = {path.name: path.read_text(encoding="utf-8") for path in folder.glob("*.json")}
    return sorted(name for name in {*wanted, *there} if wanted.get(name) != there.get(name))


def main() -> int:
    """Write the files and return 0; with --check return 1 where they are not as they must be."""
    parser = argparse.ArgumentParser(prog="python -m grafana", description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare, and write nothing")
    if parser.parse_args().check:
        found = stale(FOLDER)
        if found:
            sys.stderr.write(f"run `python -m grafana` to write anew: {', '.join(found)}\n")
        return 1 if found else 0
    FOLDER.mkdir(exist_ok=True)
    for name, content in texts().items():
        (FOLDER / name).write_text(content, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
