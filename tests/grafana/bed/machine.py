"""A program: tunewatch on a machine of the bed, whose driver's library is the stand-in.

Unlike `--nvml.simulate` it gives each machine GPUs of its own, of which some idle and some fail.
"""

from __future__ import annotations

import os
import sys
import threading
import time

from exporter import cli, simulation
from exporter.simulation.partition import MIXED

HEAT, XID_OF_A_PROGRAM = 0x40, 31
MACHINE = "BED_MACHINE"
"""The environment variable that says which machine this is, of those below."""

GPU_1, GPU_2 = 1, 2


def gpus(machine: int) -> simulation.SimulatedGpus:
    """Return eight H100, or two of which one is divided (MIG)."""
    found = simulation.SimulatedGpus(8 if machine == GPU_1 else 2, simulation.H100)
    found.machine = machine
    if machine == GPU_1:
        found.conditions = {
            2: simulation.Condition(remap_pending=True, uncorrected_errors=1),
            5: simulation.Condition(throttle_reasons=HEAT, links_down=frozenset({3})),
            6: simulation.Condition(idle=True),
            7: simulation.Condition(idle=True),
        }
    else:
        found.divided = {0: MIXED}
    return found


def _report_xids(library: simulation.SimulatedLibrary) -> None:
    """Let a program fail on one GPU as soon as anybody would learn of it."""
    while not library.events.watched(4):
        time.sleep(0.1)
    library.events.xid(4, XID_OF_A_PROGRAM)


def main() -> int:
    """Put the library in its place and be tunewatch from then on."""
    if machine := int(os.environ[MACHINE]):
        library = simulation.SimulatedLibrary(gpus(machine))
        simulation.install(library)
        if machine == GPU_1:
            threading.Thread(target=_report_xids, args=(library,), daemon=True).start()
    return cli.main()


if __name__ == "__main__":
    sys.exit(main())
