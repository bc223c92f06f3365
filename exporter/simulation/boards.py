"""Kinds of boards, in what they support as their captures with nvidia-smi show it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

MIB = 1024 * 1024
EVERY_ECC_COUNTER = ((0, 0), (0, 1), (1, 0), (1, 1))
ONLY_DRAM, DRAM_AND_SRAM = frozenset({2}), frozenset({2, 7})
EVERY_ENGINE = frozenset({"encoder", "decoder", "jpeg", "optical_flow"})


@dataclass(frozen=True, slots=True)
class Board:
    """What never changes on a kind of board; None (or a missing key) is a thing that it lacks.

    Units: bytes, watts, celsius, MHz (as NVML counts clocks), percent for the fans. An ECC counter
    is a pair of NVML's numbers: 0 corrected or 1 uncorrected, 0 since the driver's start or 1 ever.
    `temperature_limits` are by NVML's number of the threshold; `margins` are the T.limit values of
    shutdown, slowdown, memory and GPU. `mig_slices` is how many instances fit in.
    """

    name: str
    compute_capability: tuple[int, int]
    vbios: str
    memory_total: int
    memory_reserved: int
    power_idle: float
    power_limit: float
    sm_clock_max: int
    memory_clock: int
    pcie_generation: int
    pcie_width: int
    fan_percent: int | None
    performance_state: int
    ecc_counters: tuple[tuple[int, int], ...]
    has_serial: bool
    supported_throttle_reasons: int
    multiprocessors: int
    bar1_total: int = 256 * MIB
    pcie_width_max: int = 16
    pcie_counters_wide: bool = False
    fans: int = 1
    engines: frozenset[str] = EVERY_ENGINE
    temperature_limits: Mapping[int, int] = field(default_factory=dict)
    margins: tuple[int, int, int, int] | None = None
    has_memory_temperature: bool = False
    has_module_power: bool = False
    ecc_locations: frozenset[int] = frozenset()
    has_remapped_rows: bool = False
    has_retired_pages: bool = False
    nvlinks: int = 0
    nvlink_generation: int = 0
    has_performance_metrics: bool = False
    has_recovery_action: bool = False
    mig_slices: int = 0


V100 = Board(
    name="Tesla V100-SXM2-16GB",
    compute_capability=(7, 0),
    vbios="88.00.4F.00.09",
    memory_total=16160 * MIB,
    memory_reserved=0,
    power_idle=40.0,
    power_limit=300.0,
    sm_clock_max=1530,
    memory_clock=877,
    pcie_generation=3,
    pcie_width=16,
    fan_percent=None,
    performance_state=0,
    ecc_counters=EVERY_ECC_COUNTER,
    has_serial=True,
    supported_throttle_reasons=0x1FF,
    multiprocessors=80,
    bar1_total=16384 * MIB,
    engines=frozenset({"encoder", "decoder"}),
    temperature_limits={0: 90, 1: 87, 2: 85, 3: 83},
    has_memory_temperature=True,
    ecc_locations=ONLY_DRAM,
    has_retired_pages=True,
    nvlinks=6,
    nvlink_generation=2,
)

T4 = Board(
    name="Tesla T4",
    compute_capability=(7, 5),
    vbios="90.04.96.00.A0",
    memory_total=15360 * MIB,
    memory_reserved=448 * MIB,
    power_idle=10.0,
    power_limit=70.0,
    sm_clock_max=1590,
    memory_clock=5001,
    pcie_generation=3,
    pcie_width=8,
    fan_percent=None,
    performance_state=0,
    ecc_counters=EVERY_ECC_COUNTER,
    has_serial=True,
    supported_throttle_reasons=0xFF,
    multiprocessors=40,
    temperature_limits={0: 96, 1: 93, 3: 85},
    ecc_locations=ONLY_DRAM,
    has_retired_pages=True,
)

A100 = Board(
    name="NVIDIA A100-SXM4-80GB",
    compute_capability=(8, 0),
    vbios="92.00.81.00.06",
    memory_total=81920 * MIB,
    memory_reserved=518 * MIB,
    power_idle=60.0,
    power_limit=400.0,
    sm_clock_max=1410,
    memory_clock=1593,
    pcie_generation=4,
    pcie_width=16,
    fan_percent=None,
    performance_state=0,
    ecc_counters=EVERY_ECC_COUNTER,
    has_serial=True,
    supported_throttle_reasons=0x1FF,
    multiprocessors=108,
    bar1_total=131072 * MIB,
    engines=frozenset({"decoder", "jpeg", "optical_flow"}),
    temperature_limits={0: 92, 1: 89, 2: 95, 3: 85},
    has_memory_temperature=True,
    ecc_locations=DRAM_AND_SRAM,
    has_remapped_rows=True,
    nvlinks=12,
    nvlink_generation=3,
    mig_slices=7,
)

L40S = Board(
    name="NVIDIA L40S",
    compute_capability=(8, 9),
    vbios="95.02.66.00.02",
    memory_total=46068 * MIB,
    memory_reserved=609 * MIB,
    power_idle=35.0,
    power_limit=350.0,
    sm_clock_max=2520,
    memory_clock=9001,
    pcie_generation=4,
    pcie_width=8,
    fan_percent=None,
    performance_state=0,
    ecc_counters=EVERY_ECC_COUNTER,
    has_serial=True,
    supported_throttle_reasons=0xFF,
    multiprocessors=142,
    bar1_total=65536 * MIB,
    margins=(-5, -2, 0, 0),
    ecc_locations=DRAM_AND_SRAM,
    has_remapped_rows=True,
    has_recovery_action=True,
)

RTX_4080 = Board(
    name="NVIDIA GeForce RTX 4080",
    compute_capability=(8, 9),
    vbios="95.03.0E.00.A8",
    memory_total=16376 * MIB,
    memory_reserved=321 * MIB,
    power_idle=15.0,
    power_limit=320.0,
    sm_clock_max=3105,
    memory_clock=11201,
    pcie_generation=4,
    pcie_width=16,
    fan_percent=45,
    performance_state=2,
    ecc_counters=(),
    has_serial=False,
    supported_throttle_reasons=0x1FF,
    multiprocessors=76,
    margins=(-7, -2, 0, 0),
)

RTX_4090 = Board(
    name="NVIDIA GeForce RTX 4090",
    compute_capability=(8, 9),
    vbios="95.02.3C.80.C4",
    memory_total=24564 * MIB,
    memory_reserved=350 * MIB,
    power_idle=20.0,
    power_limit=450.0,
    sm_clock_max=3120,
    memory_clock=10501,
    pcie_generation=4,
    pcie_width=16,
    fan_percent=52,
    performance_state=2,
    ecc_counters=(),
    has_serial=False,
    supported_throttle_reasons=0x1FF,
    multiprocessors=128,
    fans=2,
    margins=(-7, -2, 0, 0),
)

H100 = Board(
    name="NVIDIA H100 80GB HBM3",
    compute_capability=(9, 0),
    vbios="96.00.89.00.01",
    memory_total=81559 * MIB,
    memory_reserved=480 * MIB,
    power_idle=70.0,
    power_limit=700.0,
    sm_clock_max=1980,
    memory_clock=2619,
    pcie_generation=5,
    pcie_width=16,
    fan_percent=None,
    performance_state=0,
    ecc_counters=EVERY_ECC_COUNTER,
    has_serial=True,
    supported_throttle_reasons=0xFF,
    multiprocessors=132,
    bar1_total=131072 * MIB,
    pcie_counters_wide=True,
    engines=frozenset({"decoder", "jpeg", "optical_flow"}),
    margins=(-8, -2, 0, 0),
    has_memory_temperature=True,
    ecc_locations=DRAM_AND_SRAM,
    has_remapped_rows=True,
    nvlinks=18,
    nvlink_generation=4,
    has_performance_metrics=True,
    has_recovery_action=True,
    mig_slices=7,
)

H200 = replace(
    H100,
    name="NVIDIA H200",
    vbios="96.00.D6.00.01",
    memory_total=143771 * MIB,
    memory_reserved=613 * MIB,
    power_idle=75.0,
    memory_clock=3201,
    bar1_total=262144 * MIB,
)

B200 = replace(
    H100,
    name="NVIDIA B200",
    compute_capability=(10, 0),
    vbios="97.00.82.00.34",
    memory_total=183359 * MIB,
    memory_reserved=728 * MIB,
    power_idle=140.0,
    power_limit=1000.0,
    sm_clock_max=1965,
    memory_clock=3996,
    multiprocessors=148,
    bar1_total=262144 * MIB,
    margins=(-5, -2, 0, 0),
    nvlink_generation=5,
)
