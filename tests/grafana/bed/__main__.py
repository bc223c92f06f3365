"""`python -m tests.grafana.bed FOLDER [SECONDS]`: record the bed, to look at or to ask later."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.grafana.bed.record import SECONDS, record


def main() -> None:
    """Record into the folder that was named."""
    folder, *seconds = sys.argv[1:]
    Path(folder).mkdir(parents=True, exist_ok=True)
    record(Path(folder).resolve(), float(seconds[0]) if seconds else SECONDS)


main()
