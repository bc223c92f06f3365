"""The bed, recorded once for a session."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.grafana.bed.record import Bed, record, recorded
from tests.support.promtool import program

KEPT = "TUNEWATCH_BED"
"""The variable that names a folder recorded before (`python -m tests.grafana.bed FOLDER`)."""


@pytest.fixture(scope="session")
def bed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bed]:
    """What Prometheus kept of a performance of real processes."""
    program("prometheus", "prometheus")
    folder = Path(os.environ.get(KEPT) or tmp_path_factory.mktemp("bed"))
    if KEPT not in os.environ:
        record(folder)
    with recorded(folder) as found:
        yield found
