"""Tables on the console: a title, aligned columns, numbers to the right."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from pathlib import Path

Cell = str | int | float
Row = Sequence[Cell]


def show(title: str, columns: Sequence[str], rows: Sequence[Row]) -> None:
    """Print a table as Markdown, which reads well on a console too."""
    texts = [[_text(cell) for cell in row] for row in rows]
    numeric = [all(not isinstance(row[i], str) for row in rows) for i in range(len(columns))]
    widths = [max(map(len, column)) for column in zip(columns, *texts, strict=True)]
    print(f"\n{title}\n")
    print(_line(columns, widths, numeric))
    rules = [
        "-" * (w - 1) + ":" if right else "-" * w for w, right in zip(widths, numeric, strict=True)
    ]
    print(_line(rules, widths, numeric))
    for row in texts:
        print(_line(row, widths, numeric))


def machine() -> str:
    """Return the class of this machine, by which nobody can tell which one it is."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.partition(":")[2] for line in lines if line.startswith("model name")), "")
    cores = len(os.sched_getaffinity(0))
    return (
        f"Python {platform.python_version()}, {cores} cores, {model.strip() or platform.machine()}"
    )


def _line(cells: Sequence[str], widths: Sequence[int], numeric: Sequence[bool]) -> str:
    padded = (
        cell.rjust(width) if right else cell.ljust(width)
        for cell, width, right in zip(cells, widths, numeric, strict=True)
    )
    return f"| {' | '.join(padded)} |"


def _text(cell: Cell) -> str:
    if isinstance(cell, float):
        return f"{cell:.2f}" if abs(cell) < 100 else f"{cell:,.0f}"
    return f"{cell:,}" if isinstance(cell, int) else cell
