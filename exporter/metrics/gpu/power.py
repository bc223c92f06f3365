"""How warm a GPU is, what it draws, how fast it runs and what holds it back."""

from __future__ import annotations

from alerts import signals
from exporter.metrics.gpu.rows import Row, counter, gauge, keyed, labelled
from exporter.snapshot import Gpu


def _limit(name: str, text: str, what: str) -> Row[Gpu]:
    return gauge(name, text, lambda gpu: gpu.temperature_limits.get(what))


def _margin(name: str, text: str, what: str) -> Row[Gpu]:
    return gauge(name, text, lambda gpu: gpu.margin_limits.get(what))


def _power_limit(name: str, text: str, which: str) -> Row[Gpu]:
    return gauge(name, text, lambda gpu: gpu.power_limits.get(which))


TEMPERATURE_ROWS: tuple[Row[Gpu], ...] = (
    gauge(
        "nvidia_gpu_temperature_celsius", "Temperature of the GPU core", lambda gpu: gpu.temperature
    ),
    gauge(
        "nvidia_gpu_memory_temperature_celsius",
        "Temperature of the memory",
        lambda gpu: gpu.memory_temperature,
    ),
    _limit(
        "nvidia_gpu_temperature_slowdown_celsius",
        "Core temperature at which the hardware slows the GPU down",
        "slowdown",
    ),
    _limit(
        "nvidia_gpu_temperature_shutdown_celsius",
        "Core temperature at which the GPU switches itself off",
        "shutdown",
    ),
    _limit(
        "nvidia_gpu_temperature_max_celsius",
        "Core temperature above which the driver slows the GPU down",
        "gpu_max",
    ),
    _limit(
        "nvidia_gpu_memory_temperature_max_celsius",
        "Memory temperature above which the driver slows the GPU down",
        "memory_max",
    ),
    gauge(
        "nvidia_gpu_temperature_margin_celsius",
        "Degrees left until the GPU is slowed down, where it is told by a margin (T.limit) and not"
        " by a temperature",
        lambda gpu: gpu.temperature_margin,
    ),
    _margin(
        "nvidia_gpu_temperature_margin_slowdown_celsius",
        "Margin at which the hardware slows the GPU down",
        "slowdown",
    ),
    _margin(
        "nvidia_gpu_temperature_margin_shutdown_celsius",
        "Margin at which the GPU switches itself off",
        "shutdown",
    ),
    _margin(
        "nvidia_gpu_temperature_margin_max_celsius",
        "Margin below which the driver slows the GPU down for its core",
        "gpu_max",
    ),
    _margin(
        "nvidia_gpu_memory_temperature_margin_max_celsius",
        "Margin below which the driver slows the GPU down for its memory",
        "memory_max",
    ),
)

POWER_ROWS: tuple[Row[Gpu], ...] = (
    gauge(
        "nvidia_gpu_power_watts",
        "Power drawn by the board, which GPUs since Ampere average over a second",
        lambda gpu: gpu.power,
    ),
    gauge(
        "nvidia_gpu_power_instant_watts",
        "Power drawn by the board at this moment",
        lambda gpu: gpu.power_instant,
    ),
    gauge(
        "nvidia_gpu_power_min_watts",
        "Lowest of the driver's power samples of the last minute",
        lambda gpu: gpu.power_min,
    ),
    gauge(
        "nvidia_gpu_power_max_watts",
        "Highest of the driver's power samples of the last minute",
        lambda gpu: gpu.power_max,
    ),
    gauge(
        "nvidia_gpu_module_power_watts",
        "Power drawn by the module that holds GPU and processor",
        lambda gpu: gpu.module_power,
    ),
    gauge(
        "nvidia_gpu_power_limit_watts",
        "Power limit that the driver enforces",
        lambda gpu: gpu.power_limit,
    ),
    _power_limit(
        "nvidia_gpu_power_limit_default_watts", "Power limit of the board as delivered", "default"
    ),
    _power_limit("nvidia_gpu_power_limit_min_watts", "Lowest power limit that can be set", "min"),
    _power_limit("nvidia_gpu_power_limit_max_watts", "Highest power limit that can be set", "max"),
    counter(
        "nvidia_gpu_energy_joules_total",
        "Energy drawn since the driver was loaded",
        lambda gpu: gpu.energy,
    ),
)

CLOCK_ROWS: tuple[Row[Gpu], ...] = (
    keyed(
        labelled("nvidia_gpu_clock_hertz", "gauge", "Clock frequency now", "type"),
        lambda gpu: gpu.clocks,
    ),
    keyed(
        labelled("nvidia_gpu_clock_max_hertz", "gauge", "Highest clock frequency", "type"),
        lambda gpu: gpu.max_clocks,
    ),
    keyed(
        labelled(
            signals.GPU_THROTTLE,
            "gauge",
            "Whether this reason sets the clocks now (1) or not (0); one series per reason that the"
            " GPU can tell",
            "reason",
        ),
        lambda gpu: gpu.throttle,
    ),
    keyed(
        labelled(
            "nvidia_gpu_throttle_seconds_total",
            "counter",
            "Time for which this reason has held the clocks down since the driver was loaded",
            "reason",
        ),
        lambda gpu: gpu.throttle_seconds,
    ),
    keyed(
        labelled(
            "nvidia_gpu_fan_speed_ratio",
            "gauge",
            "Fan speed that the driver asks for, as a share (0-1) of the highest",
            "fan",
        ),
        lambda gpu: gpu.fans,
    ),
    gauge(
        "nvidia_gpu_performance_state",
        "Performance state, from 0 (fastest) to 15",
        lambda gpu: gpu.performance_state,
    ),
)

ROWS: tuple[Row[Gpu], ...] = (*TEMPERATURE_ROWS, *POWER_ROWS, *CLOCK_ROWS)
