"""SIGUSR1 makes the process let go of the driver, SIGUSR2 makes it hold it again."""

from __future__ import annotations

import signal
from pathlib import Path

from exporter.server import Address
from tests.support.http import request
from tests.support.program import Daemon, daemon, eventually

NODE = ("--no-collector.mlflow", "--nvml.simulate", "2")
OBSERVER = """
import sys
from exporter import cli, simulation

class Observed(simulation.SimulatedLibrary):
    def _shutdown(self):
        sets = self.events.open_sets
        super()._shutdown()
        sys.stderr.write(f"shut down: {self.users} users, {sets} event sets\\n")

    def _register(self, *arguments):
        super()._register(*arguments)
        sys.stderr.write("an event set has a GPU\\n")

simulation.SimulatedLibrary = Observed
sys.exit(cli.main())
"""


def sources(address: Address) -> dict[str, str]:
    """Return what the page says of the GPUs as a source, and how many GPUs it shows."""
    lines = request(address, "/metrics").text.splitlines()
    found = {
        name.removeprefix("tunewatch_source_"): line.split()[-1]
        for line in lines
        if line.startswith("tunewatch_source_") and '{source="nvml"}' in line
        for name in [line.partition("{")[0]]
    }
    shown = sum(line.startswith("nvidia_gpu_memory_used_bytes{") for line in lines)
    return {key: found[key] for key in ("up", "expected", "released")} | {"gpus": str(shown)}


HELD = {"up": "1.0", "expected": "1.0", "released": "0.0", "gpus": "2"}
RELEASED = {"up": "0.0", "expected": "0.0", "released": "1.0", "gpus": "0"}


def reaches(running: Daemon, address: Address, state: dict[str, str]) -> None:
    """Wait until the page says so; the process lives on and is healthy."""
    eventually(lambda: sources(address) == state)
    assert running.process.poll() is None
    assert request(address, "/-/healthy").status == 200
    assert request(address, "/-/ready").status == 200


def test_the_driver_is_given_back_and_taken_again(tmp_path: Path) -> None:
    with daemon(*NODE, cwd=tmp_path, run=("-c", OBSERVER)) as running:
        address = running.address()
        eventually(lambda: request(address, "/-/ready").status == 200)
        for _ in range(2):
            for _gpu in (0, 1):
                running.until("an event set has a GPU")
            reaches(running, address, HELD)

            running.process.send_signal(signal.SIGUSR1)
            running.until("shut down: 0 users, 0 event sets")
            running.until("level=info .*nvml is down: NVML was given back on purpose")
            reaches(running, address, RELEASED)

            running.process.send_signal(signal.SIGUSR2)
            running.until("nvml is up again")
        reaches(running, address, HELD)
        running.end()
        assert running.process.returncode == 0


def test_a_process_that_reads_no_gpus_survives_the_signals(tmp_path: Path) -> None:
    with daemon("--no-collector.mlflow", "--no-collector.nvml", cwd=tmp_path) as running:
        running.address()
        running.process.send_signal(signal.SIGUSR1)
        running.until("SIGUSR1: no GPUs are read here")
        running.process.send_signal(signal.SIGUSR2)
        running.until("SIGUSR2: no GPUs are read here")
        assert running.process.poll() is None
