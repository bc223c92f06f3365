"""The GPUs of one machine in one collection, as NVML saw them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

RECOVERY_ACTIONS = (
    "none",
    "gpu_reset",
    "node_reboot",
    "drain_p2p",
    "drain_and_reset",
    "recover_imex_domain",
    "bus_reset",
    "system_reboot",
)
"""What a driver may want done to a GPU, by the number that NVML gives it."""

COMPUTE_MODES = ("default", "prohibited", "exclusive_process")
"""Who may compute on a GPU."""


class PcieLink(NamedTuple):
    """Generation and width of the link now, and the most that this GPU and board can do."""

    generation: int | None = None
    width: int | None = None
    max_generation: int | None = None
    max_width: int | None = None


class NvLink(NamedTuple):
    """One NVLink: whether it is up, bytes of payload since the driver's start, errors by kind."""

    link: int
    active: bool | None = None
    transmitted: int | None = None
    received: int | None = None
    errors: Mapping[str, int] = {}


class RemappedRows(NamedTuple):
    """Memory rows replaced by spare ones after errors of a kind; `pending` waits for a reset."""

    correctable: int
    uncorrectable: int
    pending: bool
    failure: bool


class RetiredPages(NamedTuple):
    """Memory pages taken out of use, by cause, on boards that cannot remap rows."""

    single_bit: int | None = None
    double_bit: int | None = None
    pending: bool | None = None


class GpuProcess(NamedTuple):
    """A process that computes on a GPU, by its number on the host; None is not known.

    `memory_used` is bytes, `sm_ratio` the share (0-1) of time in which its kernels kept
    multiprocessors at work; `gpu_instance` is the GPU instance that it runs in under MIG.
    """

    pid: int
    memory_used: int | None = None
    sm_ratio: float | None = None
    gpu_instance: int | None = None


@dataclass(frozen=True, slots=True)
class MigInstance:
    """One MIG device: a compute instance in a GPU instance of a GPU.

    Memory (bytes) and `activity` belong to the GPU instance; where several compute instances share
    one, the first of them carries these figures and the others have none, so that sums are right.
    `rates` and `activity` are as in `Gpu`; `multiprocessors` counts those of the instance.
    """

    uuid: str
    gpu_instance: int | None = None
    compute_instance: int | None = None
    profile: str = ""
    multiprocessors: int | None = None
    memory_total: int | None = None
    memory_used: int | None = None
    memory_free: int | None = None
    memory_reserved: int | None = None
    activity: Mapping[str, float] = field(default_factory=dict)
    rates: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Gpu:
    """One GPU as NVML saw it once; None (or a missing key) is *not supported* or *not known*.

    Units: bytes, percent (0-100) for `utilization`, ratio (0-1) for `fans`, `engines` (media
    engines by name), `activity` and `memory_utilization` (the time in which memory was busy),
    celsius, watts, joules, hertz, seconds, bytes per second for `rates`.

    `temperature_limits` are temperatures, `margin_limits` are values that `temperature_margin` has
    when the same happens; both by what happens there. `throttle` maps each supported reason to
    whether it holds now, `throttle_seconds` to how long it has held since the driver was loaded.
    `ecc_errors` maps (kind, counter) such as ("uncorrected", "volatile") to a count,
    `ecc_locations` maps (kind, counter, location). `xids` counts Xid errors by code and `xid_at`
    is when each came last (Unix seconds). `recovery_action` is one of RECOVERY_ACTIONS, or
    `unknown`; `compute_mode` is one of COMPUTE_MODES. `minor` is N in `/dev/nvidiaN`; `processes`
    are read only where they were asked for. `busy_seconds` is the time with a kernel running,
    without the `busy_gap_seconds` of which nothing is known; `power_min` and `power_max` are the
    extremes of the last minute. `collected_at` (Unix seconds) and `collection_seconds` say when
    this was read and how long that took.
    """

    index: int
    uuid: str
    minor: int | None = None
    name: str = ""
    serial: str | None = None
    vbios: str | None = None
    pci_bus_id: str | None = None
    compute_capability: str | None = None
    memory_total: int | None = None
    memory_used: int | None = None
    memory_free: int | None = None
    memory_reserved: int | None = None
    bar1_total: int | None = None
    bar1_used: int | None = None
    utilization: float | None = None
    memory_utilization: float | None = None
    engines: Mapping[str, float] = field(default_factory=dict)
    busy_seconds: float | None = None
    busy_gap_seconds: float | None = None
    activity: Mapping[str, float] = field(default_factory=dict)
    rates: Mapping[str, float] = field(default_factory=dict)
    temperature: float | None = None
    memory_temperature: float | None = None
    temperature_margin: float | None = None
    temperature_limits: Mapping[str, float] = field(default_factory=dict)
    margin_limits: Mapping[str, float] = field(default_factory=dict)
    power: float | None = None
    power_instant: float | None = None
    power_min: float | None = None
    power_max: float | None = None
    module_power: float | None = None
    power_limit: float | None = None
    power_limits: Mapping[str, float] = field(default_factory=dict)
    energy: float | None = None
    clocks: Mapping[str, float] = field(default_factory=dict)
    max_clocks: Mapping[str, float] = field(default_factory=dict)
    throttle: Mapping[str, bool] = field(default_factory=dict)
    throttle_seconds: Mapping[str, float] = field(default_factory=dict)
    fans: Mapping[str, float] = field(default_factory=dict)
    performance_state: int | None = None
    pcie: PcieLink | None = None
    pcie_replays: int | None = None
    pcie_errors: Mapping[str, int] = field(default_factory=dict)
    pcie_bytes: Mapping[str, int] = field(default_factory=dict)
    nvlinks: tuple[NvLink, ...] = ()
    ecc_enabled: bool | None = None
    ecc_errors: Mapping[tuple[str, str], int] = field(default_factory=dict)
    ecc_locations: Mapping[tuple[str, str, str], int] = field(default_factory=dict)
    remapped_rows: RemappedRows | None = None
    remapper_banks: Mapping[str, int] = field(default_factory=dict)
    retired_pages: RetiredPages | None = None
    recovery_action: str | None = None
    xids: Mapping[int, int] = field(default_factory=dict)
    xid_at: Mapping[int, float] = field(default_factory=dict)
    persistence_mode: bool | None = None
    compute_mode: str | None = None
    mig_mode: bool | None = None
    instances: tuple[MigInstance, ...] = ()
    processes: tuple[GpuProcess, ...] = ()
    collected_at: float | None = None
    collection_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Unanswered:
    """A GPU that could not be read; `uuid` and `answered_at` (Unix seconds) are of earlier times.

    `reason` is the name of the return code; TIMEOUT is a call that has not returned. `xids` and
    `xid_at` are as in `Gpu`.
    """

    index: int
    uuid: str
    reason: str
    answered_at: float | None = None
    xids: Mapping[int, int] = field(default_factory=dict)
    xid_at: Mapping[int, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Gpus:
    """All GPUs of this node in one collection; `seen` counts handles, also of lost GPUs.

    `lost` names the GPUs that do not answer, without those that we may not open; `unanswered` has
    both. `expected` is how many GPUs the machine has on its bus.
    """

    gpus: tuple[Gpu, ...]
    seen: int
    driver_version: str
    cuda_version: str
    nvml_version: str
    simulated: bool = False
    lost: tuple[str, ...] = ()
    unanswered: tuple[Unanswered, ...] = ()
    expected: int | None = None
