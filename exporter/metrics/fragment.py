"""One publisher's part of the page, rendered when its data change and not when it is scraped."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from exporter.board import AnyReading
from exporter.metrics.compression import Piece
from exporter.metrics.encoding import Format, encode
from exporter.metrics.family import Family
from exporter.metrics.health import expired
from exporter.metrics.own import FragmentState

log = logging.getLogger("tunewatch.page")

Families = Callable[[Any], Iterable[Family]]
_EMPTY = Piece(b"")


class Wanted(NamedTuple):
    """The form in which a scraper asks for the page."""

    form: Format
    gzip: bool


class _Rendered(NamedTuple):
    reading: AnyReading
    piece: Piece
    series: int
    duplicates: int


class Fragment:
    """Renders the data of one publisher, once per format and change."""

    def __init__(self, name: str, families: Families) -> None:
        self._name = name
        self._families = families
        self._rendered: dict[Format, _Rendered] = {}
        self._rendering = threading.Lock()
        self._failures = 0
        self._told: set[str] = set()

    def state(self) -> FragmentState:
        """Return the counts of what is shown and of what could not be."""
        rendered = tuple(self._rendered.values())
        duplicates = max((r.duplicates for r in rendered), default=0)
        series = max((r.series for r in rendered), default=0)
        return FragmentState(self._name, self._failures, duplicates, series)

    def piece(self, reading: AnyReading, wanted: Wanted, now: float) -> Piece:
        """Return the reading's data as wanted; nothing if there are none or their life is over.

        While another thread renders new data, the data before them are served as long as they are
        valid, so that no scrape waits for a large fragment.
        """
        if reading.data is None or expired(reading, now):
            return _EMPTY
        ready = self._rendered.get(wanted.form)
        if ready and ready.reading.data is reading.data:
            return ready.piece
        must_wait = ready is None or expired(ready.reading, now)
        if not self._rendering.acquire(blocking=must_wait):
            return ready.piece if ready else _EMPTY
        try:
            return self._refresh(reading, wanted)
        finally:
            self._rendering.release()

    def forget(self, form: Format) -> None:
        """Give back the memory of a format that nobody asks for any more."""
        self._rendered.pop(form, None)

    def _refresh(self, reading: AnyReading, wanted: Wanted) -> Piece:
        ready = self._rendered.get(wanted.form)
        if ready and ready.reading.data == reading.data:
            fresh = ready._replace(reading=reading)
        else:
            fresh = self._render(reading, wanted.form)
        if wanted.gzip:
            fresh.piece.deflated()
        self._rendered[wanted.form] = fresh
        return fresh.piece

    def _render(self, reading: AnyReading, form: Format) -> _Rendered:
        try:
            encoded = encode(self._families(reading.data), form)
        except Exception as error:  # noqa: BLE001 - supervises fragments: one must not cost the page
            self._failed(error)
            return _Rendered(reading, _EMPTY, 0, 0)
        return _Rendered(reading, Piece(encoded.text), encoded.series, encoded.duplicates)

    def _failed(self, error: Exception) -> None:
        self._failures += 1
        problem = f"{type(error).__name__}: {error}"
        if problem not in self._told:
            self._told.add(problem)
            log.error("cannot show the data of %s: %s", self._name, problem, exc_info=error)
