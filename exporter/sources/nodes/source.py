"""The other node processes as a source: asked all at once, remembered by address."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping

from exporter.report import ReportError, parse_report
from exporter.snapshot import NodeReport, Nodes, NodeState
from exporter.sources import SourceDown
from exporter.sources.nodes.addresses import Addresses
from exporter.sources.nodes.asking import TIMEOUT_SECONDS, Answer, Peer, ask

log = logging.getLogger("tunewatch.nodes")

INTERVAL_SECONDS = 10.0
LIFETIME_INTERVALS = 2.5
# A peer that hangs makes a collection as long as the time limit, and the pause after it as well.
SLOWEST_BEAT = 3 * TIMEOUT_SECONDS

Ask = Callable[[Iterable[Peer]], Mapping[Peer, Answer]]


class NodesSource:
    """Asks the processes behind names such as a headless Service; a `Source`.

    `own` is the name of this node, whose readings are at hand without asking.
    """

    name = "nodes"
    expected = True

    def __init__(
        self,
        addresses: Addresses,
        own: str,
        *,
        interval: float = INTERVAL_SECONDS,
        ask: Ask = ask,
    ) -> None:
        self.interval = interval
        self.retry_most: float | None = interval
        self.lifetime: float | None = LIFETIME_INTERVALS * max(interval, SLOWEST_BEAT)
        self._addresses = addresses
        self._own = own
        self._ask = ask
        self._names: dict[Peer, str] = {}
        self._silent: dict[Peer, str] = {}
        self._namesakes: Mapping[str, str] = {}

    def collect(self, now: float) -> Nodes:
        """Ask every address once, and return who answered what and who has gone silent.

        An address that is listed no more is forgotten: its process has left. Raises SourceDown
        when there is nobody to ask.
        """
        del now
        peers = self._addresses.current()
        if not peers:
            raise SourceDown(
                self._nobody(), "check --nodes.address and that the node processes run"
            )
        reports, problems = self._answers(self._ask(peers))
        self._tell(problems, peers)
        self._tell_namesakes(reports)
        self._names = {peer: name for peer, name in self._names.items() if peer in peers}
        return Nodes(self._states(reports, problems), len(peers))

    def close(self) -> None:
        """Nothing is held between two collections."""

    def _nobody(self) -> str:
        failed = [f"{name}: {problem}" for name, problem in self._addresses.problems.items()]
        return "; ".join(failed) or "no address of a node process is known"

    def _answers(
        self, answers: Mapping[Peer, Answer]
    ) -> tuple[dict[Peer, NodeReport], dict[Peer, str]]:
        reports: dict[Peer, NodeReport] = {}
        problems: dict[Peer, str] = {}
        for peer, (body, problem) in answers.items():
            try:
                if not problem:
                    reports[peer] = parse_report(body)
            except ReportError as error:
                problem = str(error)  # noqa: PLW2901 - one problem, wherever it showed
            if problem:
                problems[peer] = problem
        self._names |= {peer: report.node for peer, report in reports.items()}
        return reports, problems

    def _tell(self, problems: Mapping[Peer, str], peers: Collection[Peer]) -> None:
        """Log who stops answering and who answers again, once each."""
        for peer in sorted(problems.keys() - self._silent.keys()):
            log.warning("%s does not answer: %s", self._called(peer), problems[peer])
        for peer in sorted(self._silent.keys() - problems.keys()):
            news = "answers again" if peer in peers else "has left"
            log.info("%s %s", self._called(peer), news)
        self._silent = dict(problems)

    def _tell_namesakes(self, reports: Mapping[Peer, NodeReport]) -> None:
        """Log which machines share a name, once each: only one of them is judged."""
        namesakes = dict(_namesakes(reports))
        for name in sorted(namesakes.keys() - self._namesakes.keys()):
            log.warning(
                "two machines call themselves %s (%s), and the GPUs of one are not watched: give"
                " each process a --node.name of its own",
                name,
                namesakes[name],
            )
        self._namesakes = namesakes

    def _called(self, peer: Peer) -> str:
        return f"node {self._names[peer]} ({peer})" if peer in self._names else f"node at {peer}"

    def _states(
        self, reports: Mapping[Peer, NodeReport], problems: Mapping[Peer, str]
    ) -> tuple[NodeState, ...]:
        """Return one state per node; of two processes on one node, that which answers counts."""
        states: dict[str, NodeState] = {}
        for peer, problem in problems.items():
            if peer in self._names:
                name = self._names[peer]
                states[name] = NodeState(name, str(peer), None, problem)
        for peer, report in reports.items():
            states[report.node] = NodeState(report.node, str(peer), report)
        states.pop(self._own, None)
        return tuple(states[name] for name in sorted(states))


def _namesakes(reports: Mapping[Peer, NodeReport]) -> Iterator[tuple[str, str]]:
    """Yield names under which other GPUs are read at different addresses, and these.

    While a process is replaced there are two on a node for a moment, which read the same GPUs.
    """
    first: dict[str, tuple[Peer, frozenset[str]]] = {}
    for peer, report in sorted(reports.items()):
        uuids = frozenset(gpu.uuid for gpu in report.gpus or ())
        other, known = first.setdefault(report.node, (peer, uuids))
        if known and uuids and known.isdisjoint(uuids):
            yield report.node, f"{other}, {peer}"
