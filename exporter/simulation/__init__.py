"""A stand-in for the NVIDIA driver's library: GPUs that run a plausible training load.

It serves `--nvml.simulate`, the demonstration and the tests, and imports nothing else of this
package: what reads it cannot tell it from a driver, except by its `GPU-SIM-` ids.
"""

from exporter.simulation.codes import Return
from exporter.simulation.faults import Fault, Faults, Hang
from exporter.simulation.hardware import H100, RTX_4080, Board, SimulatedGpu, SimulatedGpus
from exporter.simulation.installation import install, installed
from exporter.simulation.library import SimulatedLibrary

__all__ = [
    "H100",
    "RTX_4080",
    "Board",
    "Fault",
    "Faults",
    "Hang",
    "Return",
    "SimulatedGpu",
    "SimulatedGpus",
    "SimulatedLibrary",
    "install",
    "installed",
]
