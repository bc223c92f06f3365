"""A process that stands for the run role in a cluster while another one has it."""

from __future__ import annotations

from pathlib import Path

from tests.bench.daemons import GPUS, row
from tests.bench.programs import Bench, tunewatch
from tests.bench.table import Row
from tests.support.kube_api import serving_kube_api


def candidates(stand: Bench, python: Path, seconds: int) -> list[Row]:
    """Measure two processes that compete for one Lease: the holder, without runs, and the other."""
    flags = ("--nvml.simulate", GPUS, "--leader-election")
    with serving_kube_api() as api:
        command = tunewatch(*flags, python=python)
        first, second = (
            {"KUBECONFIG": str(api.kubeconfig(stand.folder, name)), "POD_NAME": name}
            for name in ("pod-a", "pod-b")
        )
        with stand.running(command, first) as holder, stand.running(command, second) as other:
            return [
                row("candidate", other, None, seconds),
                row("elected, no runs", holder, None, seconds),
            ]
