"""The metrics page: one fragment per publisher, and the state of the process behind them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
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
    """

    families: Families
    interval: float | None = None


class Rendered(NamedTuple):
    """A page as it is sent; `encoding` is a Content-Encoding, empty for plain bytes."""

    content_type: str
    encoding: str
    body: bytes


class Page:
    """Puts the latest readings together in the time that joining ready bytes takes.

    `sections` maps the names that publishers use on the board to what they add, in page order; no
    metric may belong to two sections. `process` is asked at each scrape.
    """

    def __init__(
        self,
        board: Board,
        sections: Mapping[str, Section],
        process: Callable[[], own.ProcessState],
    ) -> None:
        self._board = board
        self._process = process
        self._fragments = {name: Fragment(name, s.families) for name, s in sections.items()}
        self._intervals = {n: s.interval for n, s in sections.items() if s.interval is not None}
        self._asked: dict[Wanted, float] = {}

    def sources(self, now: float) -> tuple[SourceState, ...]:
        """Return how the sources fare at `now`."""
        return source_states(self._board, self._intervals, now)

    def render(self, now: float, accept: str = "", *, gzip: bool = False) -> Rendered:
        """Return the page at `now` for a request's Accept header.

        Data that are past their life, or whose source is stuck, are left out at this moment; facts
        that stay true while their source is down are kept.
        """
        wanted = Wanted(negotiate(accept), gzip)
        self._asked[wanted] = now
        form = wanted.form
        sources = self.sources(now)
        pieces = [*self._data(wanted, sources, now), self._own(form, sources), _ENDINGS[form]]
        if gzip:
            return Rendered(form.value, "gzip", gzip_member([p.deflated() for p in pieces]))
        return Rendered(form.value, "", b"".join([piece.plain for piece in pieces]))

    def warm(self, name: str, now: float) -> None:
        """Render what `name` has just published in the forms that scrapers lately asked for.

        A publisher calls it on its own thread, so that the next scrape finds ready bytes.
        """
        lately = [w for w, at in tuple(self._asked.items()) if now - at < WARM_SECONDS]
        fragment = self._fragments[name]
        for form in set(Format) - {wanted.form for wanted in lately}:
            fragment.forget(form)
        reading = self._board.read().get(name)
        if reading is None:
            return
        for wanted in lately:
            piece = fragment.piece(reading, wanted, now)
            if wanted.gzip:
                piece.deflated()

    def _data(self, wanted: Wanted, sources: tuple[SourceState, ...], now: float) -> list[Piece]:
        stuck = {source.name for source in sources if source.stuck}
        readings = self._board.read()
        return [
            fragment.piece(readings[name], wanted, now)
            for name, fragment in self._fragments.items()
            if name in readings and (name not in stuck or readings[name].valid_until is None)
        ]

    def _own(self, form: Format, sources: tuple[SourceState, ...]) -> Piece:
        fragments = [fragment.state() for fragment in self._fragments.values()]
        return Piece(encode(own.families(self._process(), sources, fragments), form).text)
