"""What the flags of `tunewatch run` say, read and joined with what holds without them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

HOMELESS_STATE_FILE = Path("tunewatch-state.json")
KUBELET_SOCKET = Path("/var/lib/kubelet/pod-resources/kubelet.sock")


@dataclass(frozen=True, slots=True)
class RunOptions:
    """What the flags say; `simulate` is the number of simulated GPUs, 0 for real ones.

    `collect_pods` is None where nobody said: pods are read then where the kubelet can be asked.
    """

    config_file: Path | None = None
    listen_address: str = ":10390"
    log_level: str = "info"
    log_format: str = "logfmt"
    collect_nvml: bool = True
    collect_mlflow: bool = True
    collect_pods: bool | None = None
    collect_processes: bool = False
    pods_socket: Path = KUBELET_SOCKET
    simulate: int = 0
    simulate_profile: str = "h100"
    state_file: Path = HOMELESS_STATE_FILE
    node: str = ""
    nodes: tuple[tuple[str, int], ...] = ()
    leader_election: bool = False
    lease: str = "tunewatch"
    state_map: str = "tunewatch-state"
    lease_duration: float = 15.0
