"""Which destinations there are, what each wants, and who stands in for one that refuses."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from alerts.model import Severity, Transition
from alerts.notify.channel import Destination
from alerts.notify.notice import Kind
from alerts.outbox.row import Row


class Routes:
    """The destinations by name, and which of them are known to be broken."""

    def __init__(self, destinations: Iterable[Destination]) -> None:
        self._destinations = {each.name: each for each in destinations}
        self.broken: set[str] = set()

    def replaced(self, destinations: Iterable[Destination]) -> Routes:
        """Return the routes to other destinations; who stays as it is may still be broken."""
        routes = Routes(destinations)
        routes.broken = {name for name in self.broken if routes.same(name, self)}
        return routes

    def same(self, name: str, other: Routes) -> bool:
        """Whether both lead to the same destination of that name."""
        ours = self._destinations.get(name)
        return ours is not None and ours is other._destinations.get(name)

    def __contains__(self, name: object) -> bool:
        """Whether there is such a destination."""
        return name in self._destinations

    def __iter__(self) -> Iterator[str]:
        """Yield the names."""
        return iter(self._destinations)

    def wants(self, name: str, transition: Transition, experiment: str) -> bool:
        """Whether a destination wants to be told of an alert from its begin."""
        return _wants(
            self._destinations[name], transition.key.rule, transition.severity, experiment
        )

    def stand_ins(self, row: Row) -> tuple[list[str], list[str]]:
        """Return the other destinations that want such news anyway, and all that could take it."""
        if row.kind is Kind.RESOLVED:
            # The end of what they were not told is no news to them.
            return [], []
        others = [
            other
            for other in self._destinations.values()
            if other.name != row.channel and other.name not in self.broken
        ]
        wanting = [o for o in others if _wants(o, row.key.rule, row.severity, row.experiment)]
        return [other.name for other in wanting], [other.name for other in others]


def _wants(destination: Destination, rule: str, severity: Severity, experiment: str) -> bool:
    urgent_enough = severity.rank >= destination.min_severity.rank
    return urgent_enough and destination.match.takes(rule, experiment)
