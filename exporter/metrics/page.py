"""The metrics page: one fragment per publisher, and the state of the process behind them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from exporter.board import Board
from exporter.metrics import own
from exporter.metrics.compression import Piece, gzip_member
from exporter.metrics.encoding import Format, encode, negotiate
from exporter.metrics.fragment import Families, Fragment, Wanted
from exporter.metrics.health import SourceState, source_states

WARM_SECONDS = 600.0
_ENDINGS = {form: Piece(form.ending) for form in Format}


@dataclass(frozen=True, slots=True)
class Section:
    """What one publisher on the board adds to the page.

    `families` turns the data of its readings into metrics. `interval` is the seconds between two
    collections of a source; None is a publisher that is no source and so has no health series.
    `shown` is asked at each scrape: only the holder of the run role may show runs.
    """

    families: Families
    interval: float | None = None
    shown: Callable[[], bool] = lambda: True


class _Part(NamedTuple):
    section: Section
    fragment: Fragment


class Rendered(NamedTuple):
    """A page as it is sent; `encoding` is a Content-Encoding, empty for plain bytes."""

    content_type: str
    encoding: str
    body: bytes


class Page:
    """Puts the latest readings together in the time that joining ready bytes takes.

    `sections` maps the names that publishers use on the board to what they add, in page order; no
    metric may belong to two sections. `process` is asked at each scrape. Sections may come and go
    while the page is served.
    """

    def __init__(
        self,
        board: Board,
        sections: Mapping[str, Section],
        process: Callable[[], own.ProcessState],
    ) -> None:
        self._board = board
        self._process = process
        self._asked: dict[Wanted, float] = {}
        self._parts: Mapping[str, _Part] = {}
        self.add(sections)

    def add(self, sections: Mapping[str, Section]) -> None:
        """Show more publishers, after those that are shown already."""
        fresh = {
            n: _Part(section, Fragment(n, section.families)) for n, section in sections.items()
        }
        self._parts = {**self._parts, **fresh}

    def remove(self, names: Collection[str]) -> None:
        """Show these publishers no more, from the next scrape on."""
        self._parts = {n: part for n, part in self._parts.items() if n not in names}

    def sources(self, now: float) -> tuple[SourceState, ...]:
        """Return how the sources fare at `now`."""
        return _states(self._board, self._shown(), now)

    def render(self, now: float, accept: str = "", *, gzip: bool = False) -> Rendered:
        """Return the page at `now` for a request's Accept header.

        Data that are past their life, or whose source is stuck, are left out at this moment; facts
        that stay true while their source is down are kept.
        """
        wanted = Wanted(negotiate(accept), gzip)
        self._asked[wanted] = now
        form = wanted.form
        parts = self._shown()
        sources = _states(self._board, parts, now)
        pieces = [
            *self._data(parts, wanted, sources, now),
            self._own(parts, form, sources),
            _ENDINGS[form],
        ]
        if gzip:
            return Rendered(form.value, "gzip", gzip_member([p.deflated() for p in pieces]))
        return Rendered(form.value, "", b"".join([piece.plain for piece in pieces]))

    def warm(self, name: str, now: float) -> None:
        """Render what `name` has just published in the forms that scrapers lately asked for.

        A publisher calls it on its own thread, so that the next scrape finds ready bytes.
        """
        lately = [w for w, at in tuple(self._asked.items()) if now - at < WARM_SECONDS]
        part = self._parts.get(name)
        if part is None:
            return
        fragment = part.fragment
        for form in set(Format) - {wanted.form for wanted in lately}:
            fragment.forget(form)
        reading = self._board.read().get(name)
        if reading is None:
            return
        for wanted in lately:
            piece = fragment.piece(reading, wanted, now)
            if wanted.gzip:
                piece.deflated()

    def _shown(self) -> Mapping[str, _Part]:
        """Return what is shown at this moment; asked once for each page, which is of a piece."""
        return {name: part for name, part in self._parts.items() if part.section.shown()}

    def _data(
        self,
        parts: Mapping[str, _Part],
        wanted: Wanted,
        sources: tuple[SourceState, ...],
        now: float,
    ) -> list[Piece]:
        stuck = {source.name for source in sources if source.stuck}
        readings = self._board.read()
        return [
            part.fragment.piece(readings[name], wanted, now)
            for name, part in parts.items()
            if name in readings and (name not in stuck or readings[name].valid_until is None)
        ]

    def _own(
        self, parts: Mapping[str, _Part], form: Format, sources: tuple[SourceState, ...]
    ) -> Piece:
        fragments = [part.fragment.state() for part in parts.values()]
        return Piece(encode(own.families(self._process(), sources, fragments), form).text)


def _states(board: Board, parts: Mapping[str, _Part], now: float) -> tuple[SourceState, ...]:
    beats = {name: part.section.interval for name, part in parts.items()}
    return source_states(board, {n: beat for n, beat in beats.items() if beat is not None}, now)
