"""A stand-in for the NVIDIA driver's library: GPUs that run a plausible training load.

It serves `--nvml.simulate`, the demonstration and the tests, and imports nothing else of this
package: what reads it cannot tell it from a driver, except by its `GPU-SIM-` ids.
"""

from exporter.simulation.boards import H100, RTX_4080, Board
from exporter.simulation.codes import Return
from exporter.simulation.faults import Fault, Faults, Hang
from exporter.simulation.hardware import Condition, SimulatedGpu, SimulatedGpus
from exporter.simulation.installation import install, installed
from exporter.simulation.library import SimulatedLibrary
from exporter.simulation.profiles import PROFILES, simulated_gpus

__all__ = [
    "H100",
    "PROFILES",
    "RTX_4080",
    "Board",
    "Condition",
    "Fault",
    "Faults",
    "Hang",
    "Return",
    "SimulatedGpu",
    "SimulatedGpus",
    "SimulatedLibrary",
    "install",
    "installed",
    "simulated_gpus",
]
