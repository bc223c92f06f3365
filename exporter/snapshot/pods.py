"""The pods of this node that use its GPUs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple


class PodUse(NamedTuple):
    """A container that was given a GPU or a part of one; `uuid` is of the form `GPU-` or `MIG-`.

    Several containers may share one GPU, and one container may hold several.
    """

    uuid: str
    namespace: str
    pod: str
    container: str


@dataclass(frozen=True, slots=True)
class Pods:
    """Who holds which GPU; `unresolved` counts devices given away that name no GPU we know."""

    uses: tuple[PodUse, ...]
    unresolved: int = 0


class PodShare(NamedTuple):
    """What the processes of one pod use of one GPU or MIG instance; None is not known.

    `memory_used` is bytes, `sm_ratio` the share (0-1) of time in which multiprocessors worked.
    """

    uuid: str
    namespace: str
    pod: str
    memory_used: int | None
    sm_ratio: float | None


@dataclass(frozen=True, slots=True)
class PodShares:
    """GPU memory and time by pod; `outside` counts processes on GPUs that belong to no pod."""

    shares: tuple[PodShare, ...]
    outside: int = 0
