"""Which addresses stand behind the names that the user gave."""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable, Iterable, Mapping

from exporter.sources.nodes.asking import Peer

log = logging.getLogger("tunewatch.nodes")

Resolve = Callable[[str, int], frozenset[Peer]]


def resolve(host: str, port: int) -> frozenset[Peer]:
    """Look a name up, all its addresses; raises OSError when that fails."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return frozenset(Peer(str(address[0]), port) for *_, address in found)


class Addresses:
    """Resolves names at each call; a name that fails keeps the addresses that it had.

    A headless Service lists the addresses of its pods: one that is gone from the list has left on
    purpose, while a resolver that fails says nothing about anybody.
    """

    def __init__(self, names: Iterable[tuple[str, int]], look_up: Resolve = resolve) -> None:
        self._names = tuple(names)
        self._look_up = look_up
        self._known: dict[tuple[str, int], frozenset[Peer]] = {}
        self.problems: Mapping[str, str] = {}
        """Why a name could not be resolved the last time."""

    def current(self) -> tuple[Peer, ...]:
        """Return all addresses as of now, each once, in a stable order."""
        problems: dict[str, str] = {}
        for name in self._names:
            try:
                self._known[name] = self._look_up(*name)
            except OSError as error:
                problems[name[0]] = error.strerror or str(error)
        for host in problems.keys() - self.problems.keys():
            log.warning("cannot resolve %s: %s; its last addresses stay", host, problems[host])
        for host in self.problems.keys() - problems.keys():
            log.info("%s can be resolved again", host)
        self.problems = problems
        return tuple(sorted(frozenset[Peer]().union(*self._known.values())))
