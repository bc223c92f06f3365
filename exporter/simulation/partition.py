"""How MIG divides a simulated GPU: instances by slot, where slots may be empty."""

from __future__ import annotations

from typing import NamedTuple


class Slot(NamedTuple):
    """One MIG device: a compute instance in a GPU instance.

    `profile` is what stands in its name, such as 1g.10gb; a GPU instance has `compute_slices` of
    seven, and `memory_slices` of eight.
    """

    gpu_instance: int
    compute_instance: int
    profile: str
    compute_slices: int
    memory_slices: int


Slots = tuple[Slot | None, ...]

SEVEN_SMALL: Slots = tuple(Slot(number, 0, "1g.10gb", 1, 1) for number in range(7, 14))
"""A GPU in the smallest pieces."""

MIXED: Slots = (
    Slot(1, 0, "3g.40gb", 3, 4),
    None,
    Slot(5, 0, "1c.2g.20gb", 2, 2),
    Slot(5, 1, "1c.2g.20gb", 2, 2),
    None,
    Slot(13, 0, "1g.10gb", 1, 1),
    None,
)
"""Three GPU instances, one of which has two compute instances, in slots with gaps."""
