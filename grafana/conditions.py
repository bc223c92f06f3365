"""How GPUs are, in one word each: what sets their clocks, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Sequence

from alerts import signals
from alerts.rules.gpu import HARDWARE_SLOWDOWNS
from grafana.gpus import ON, every, summed
from grafana.looks import BLUE, GREEN, GREY, ORANGE, RED, YELLOW, Mapped
from grafana.queries import code, matching

CLOCKS: Sequence[tuple[str, str, str]] = (
    ("hw_power_brake_slowdown", "power brake", RED),
    ("hw_thermal_slowdown", "heat, by the hardware", RED),
    ("hw_slowdown", "slowed down by the hardware", RED),
    ("sw_thermal_slowdown", "heat, by the driver", ORANGE),
    ("reliability", "reliability", ORANGE),
    ("board_limit", "limit of the board", YELLOW),
    ("sw_power_cap", "power cap", YELLOW),
    ("sync_boost", "in step with other GPUs", BLUE),
    ("applications_clocks_setting", "clocks that somebody set", BLUE),
    ("display_clock_setting", "clocks of the display", BLUE),
    ("gpu_idle", "idle", GREY),
)
"""What sets the clocks of a GPU, the gravest first: the reason, in words, and its colour."""
CLOCKS_WORDS: Mapped = {
    "0": ("free", GREEN),
    **{str(place): (word, color) for place, (_, word, color) in enumerate(CLOCKS, 1)},
}
"""By the numbers of `clocks`."""


def clocks() -> str:
    """Return the number of the gravest reason that sets the clocks of each chosen GPU now."""
    known = f"({every(signals.GPU_THROTTLE)} >= bool 0)"
    return code(ON, {**dict(enumerate((_held(reason) for reason, _, _ in CLOCKS), 1)), 0: known})


def _held(reason: str) -> str:
    matcher = f'reason="{reason}"'
    return f"({every(signals.GPU_THROTTLE, matcher)} == 1)"


HEALTH: Mapped = {
    "6": ("does not answer", RED),
    "5": ("needs a reset or reboot", RED),
    "4": ("memory beyond repair", RED),
    "3": ("uncorrected ECC errors", RED),
    "2": ("reset to repair memory", ORANGE),
    "1": ("slowed down", ORANGE),
    "0": ("healthy", GREEN),
}
"""By the numbers of `health`."""


def health() -> str:
    """Return the number of the gravest thing that is wrong with each chosen GPU."""
    slowed = matching("reason", sorted(HARDWARE_SLOWDOWNS))
    uncorrected = summed(signals.GPU_ECC, 'kind="uncorrected"')
    up, asked = every("nvidia_gpu_up"), 'action!="none"'
    return code(
        ON,
        {
            6: f"({up} == bool 0 == 1)",
            5: f"({every('nvidia_gpu_recovery_action', asked)} == 1)",
            4: f"({every(signals.GPU_REMAP_FAILURE)} == 1)",
            3: f"({uncorrected} > bool 0 == 1)",
            2: f"({every(signals.GPU_REMAP_PENDING)} == 1)",
            1: f"({every(signals.GPU_THROTTLE, slowed)} == 1)",
            0: f"({up} == 1)",
        },
    )
