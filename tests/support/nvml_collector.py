"""A program that collects once for each line it reads, and prints what came of it as JSON."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from typing import Any

from exporter.sources import SourceDown
from exporter.sources.nvml import NvmlSource
from tests.support.gpus import timeless


def collection(source: NvmlSource, now: float) -> dict[str, Any]:
    """Return the known readings of each GPU, or the problem and its remedy."""
    try:
        reading = source.collect(now)
    except SourceDown as down:
        return {"problem": down.problem, "remedy": down.remedy}
    found = (asdict(timeless(gpu)) for gpu in reading.gpus)
    gpus = [{k: v for k, v in gpu.items() if v or v == 0} for gpu in found]
    return {"seen": reading.seen, "simulated": reading.simulated, "gpus": gpus}


def main() -> None:
    """Collect until the input ends."""
    source = NvmlSource()
    for now, _line in enumerate(sys.stdin):
        sys.stdout.write(json.dumps(collection(source, float(now))) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
