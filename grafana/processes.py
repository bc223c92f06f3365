"""What dashboards ask about the processes of tunewatch, told apart by their nodes."""

from __future__ import annotations

from collections.abc import Sequence

from alerts import signals
from alerts.promrules.watchdogs import ALWAYS, OUT_OF_SYNC
from grafana import variables
from grafana.looks import BLUE, GREEN, GREY, ORANGE, RED, Mapped
from grafana.queries import code, max_by, on_node, per_second, series

OURS = ('job="$job"', 'node=~"$node"')
NODE_LEGEND = "{{node}}"
_BUILD = "tunewatch_build_info"
VARIABLES: Sequence[variables.Variable] = (
    variables.one("job", "Job", series(_BUILD), "job"),
    variables.values("node", "Node", series(_BUILD, OURS[0]), "node").all_value(".*"),
)


def each(name: str, *matchers: str, by: tuple[str, ...] = ("node",)) -> str:
    """Return a metric for each process, or for each combination of the labels `by`."""
    return max_by(by, on_node(series(name, *OURS, *matchers)))


def growth(name: str, *matchers: str, by: tuple[str, ...] = ("node",)) -> str:
    """Return how fast a counter grows a second, for each process."""
    return max_by(by, on_node(per_second(series(name, *OURS, *matchers))))


def grown(name: str, *matchers: str, by: tuple[str, ...] = ()) -> str:
    """Return by how much a counter has grown in the range shown, over all processes."""
    increase = f"increase({series(name, *OURS, *matchers)}[$__range])"
    return f"sum by ({', '.join(by)}) ({increase})"


ROLE: Mapped = {"1": ("holds the run role", GREEN), "0": ("waits", GREY)}
SOURCE: Mapped = {
    "5": ("does not return", RED),
    "4": ("down", RED),
    "3": ("given back", BLUE),
    "2": ("not there", GREY),
    "1": ("up", GREEN),
}
"""By the numbers of `source`."""
RULES: Mapped = {
    "2": ("out of sync", ORANGE),
    "1": ("in sync", GREEN),
    "0": ("not loaded", GREY),
}
"""By the numbers of `rules`."""


def source() -> str:
    """Return the number of the word for each source of each process."""
    by = ("node", "source")
    return code(
        by,
        {
            5: f"({each('tunewatch_source_stuck', by=by)} == 1)",
            3: f"({each('tunewatch_source_released', by=by)} == 1)",
            1: f"({each(signals.SOURCE_UP, by=by)} == 1)",
            4: f"({each(signals.SOURCE_EXPECTED, by=by)} == 1)",
            2: f"({each(signals.SOURCE_UP, by=by)} == bool 0)",
        },
    )


def rules() -> str:
    """Return the number of the word for the rules in Prometheus, told by alerts of theirs."""
    return code((), {2: _alert(OUT_OF_SYNC), 1: _alert(ALWAYS), 0: "vector(1)"})


def _alert(name: str) -> str:
    matcher = f'alertname="{name}"'
    return f"group({series('ALERTS', matcher)})"


def different(name: str) -> str:
    """Return how many different hashes processes have in a metric of facts."""
    return f"count(count by (hash) ({series(name, *OURS)}))"
