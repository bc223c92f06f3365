"""What a source is: one outside system, read on its own thread at its own pace."""

from __future__ import annotations

from typing import Any, Protocol


class SourceDown(Exception):  # noqa: N818 - a state of the world, not a mistake
    """The outside system cannot be read now; says what is missing and what to do about it."""

    def __init__(self, problem: str, remedy: str) -> None:
        super().__init__(f"{problem}: {remedy}")
        self.problem = problem
        self.remedy = remedy


class SourceReleased(SourceDown):
    """The source was given back on purpose, and is not to be missed until it is taken again."""


class Source(Protocol):
    """One outside system; `collect` blocks, and only the source's own worker calls it."""

    name: str
    interval: float
    """Seconds between two collections while all is well."""
    lifetime: float | None
    """Seconds that data stay true after their collection began; None for lasting facts."""
    retry_most: float | None
    """The most seconds between two attempts while the system is down; None where it may be missing
    for good, or trying costs it something: then it is asked less and less often."""
    expected: bool
    """Whether the user configured this source, so that its absence is worth an alert."""

    def collect(self, now: float) -> Any:  # noqa: ANN401 - each source has its own data type
        """Read the system once and return an immutable value from `exporter.snapshot`.

        Raises SourceDown when the system cannot be read.
        """

    def close(self) -> None:
        """Give back what the source holds; must not block."""
