"""The latest reading of every source, swapped by reference."""

from __future__ import annotations

import threading
from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import Any

from exporter.snapshot import Reading

AnyReading = Reading[Any]


class Board:
    """Where sources publish and readers look; a reader never waits for a writer."""

    def __init__(self) -> None:
        self._readings: Mapping[str, AnyReading] = MappingProxyType({})
        self._busy_since: dict[str, float] = {}
        self._writing = threading.Lock()

    def begin(self, source: str, at: float) -> None:
        """Note that `source` starts a collection; until it publishes it counts as busy."""
        self._busy_since[source] = at

    def publish(self, source: str, reading: AnyReading) -> None:
        """Replace the reading of `source`, which ends its being busy."""
        with self._writing:
            self._readings = MappingProxyType({**self._readings, source: reading})
        self._busy_since.pop(source, None)

    def withdraw(self, sources: Collection[str]) -> None:
        """Forget what these sources have published."""
        with self._writing:
            kept = {name: r for name, r in self._readings.items() if name not in sources}
            self._readings = MappingProxyType(kept)
        for source in sources:
            self._busy_since.pop(source, None)

    def read(self) -> Mapping[str, AnyReading]:
        """Return all readings as of now; the mapping never changes afterwards."""
        return self._readings

    def busy_since(self, source: str) -> float | None:
        """Return when the collection under way began (Unix seconds), or None when idle."""
        return self._busy_since.get(source)
