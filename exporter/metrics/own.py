"""What the process says about itself: its sources, its configuration, its resources."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain

from alerts import signals
from exporter.metrics import resources
from exporter.metrics.family import Family, Metric, Sample
from exporter.metrics.health import SourceState

SOURCE_UP = Metric(
    signals.SOURCE_UP, "gauge", "Whether the source could be read when last due", ("source",)
)
SOURCE_EXPECTED = Metric(
    signals.SOURCE_EXPECTED,
    "gauge",
    "Whether the source was configured or has been up, so that people must know when it is down",
    ("source",),
)
SOURCE_RELEASED = Metric(
    "tunewatch_source_released",
    "gauge",
    "Whether the source was given back on purpose and not taken again, so that nobody misses it",
    ("source",),
)
SOURCE_STUCK = Metric(
    "tunewatch_source_stuck",
    "gauge",
    "Whether a collection of the source is under way and does not return",
    ("source",),
)
SOURCE_DURATION = Metric(
    "tunewatch_source_duration_seconds",
    "gauge",
    "How long the last finished collection of the source took",
    ("source",),
)
SOURCE_LAST_SUCCESS = Metric(
    "tunewatch_source_last_success_timestamp_seconds",
    "gauge",
    "When the last successful collection of the source began, in Unix seconds",
    ("source",),
)
SOURCE_FAILURES = Metric(
    "tunewatch_source_failures_total", "counter", "Failed collections of the source", ("source",)
)
BUILD_INFO = Metric(
    "tunewatch_build_info", "gauge", "Version of the program", ("version", "revision", "python")
)
LEADER = Metric(
    signals.LEADER, "gauge", "Whether this process mirrors runs, keeps alerts and sends them"
)
RELOAD_SUCCESSFUL = Metric(
    "tunewatch_config_last_reload_successful",
    "gauge",
    "Whether the configuration was accepted when it was last read",
)
RELOADED_AT = Metric(
    "tunewatch_config_last_reload_success_timestamp_seconds",
    "gauge",
    "When the configuration in force was read, in Unix seconds",
)
CONFIG_INFO = Metric(
    "tunewatch_config_info", "gauge", "Hash of the configuration in force", ("hash",)
)
RULES_INFO = Metric(
    signals.RULES_INFO,
    "gauge",
    "Hash of the Prometheus rules that `tunewatch rules` makes of the configuration in force",
    ("hash",),
)
WORKER_FAILURES = Metric(
    "tunewatch_worker_failures_total",
    "counter",
    "Unexpected errors that a worker of the process met and survived",
    ("worker",),
)
RENDER_FAILURES = Metric(
    "tunewatch_render_failures_total",
    "counter",
    "Readings that could not be shown on the page because of an unexpected error",
    ("fragment",),
)
SERIES = Metric(
    "tunewatch_series", "gauge", "Series that the fragment adds to the page", ("fragment",)
)
DUPLICATE_SERIES = Metric(
    "tunewatch_duplicate_series",
    "gauge",
    "Series left out of the page because another has the same labels",
    ("fragment",),
)

METRICS: tuple[Metric, ...] = (
    SOURCE_UP,
    SOURCE_EXPECTED,
    SOURCE_RELEASED,
    SOURCE_STUCK,
    SOURCE_DURATION,
    SOURCE_LAST_SUCCESS,
    SOURCE_FAILURES,
    BUILD_INFO,
    LEADER,
    RELOAD_SUCCESSFUL,
    RELOADED_AT,
    CONFIG_INFO,
    RULES_INFO,
    WORKER_FAILURES,
    RENDER_FAILURES,
    SERIES,
    DUPLICATE_SERIES,
    *resources.METRICS,
)


@dataclass(frozen=True, slots=True)
class ProcessState:
    """What the process knows of itself; `reloaded_at` is Unix seconds.

    `leader` is None for a process that has no run role and is no candidate for it. `failures` has
    every worker, also those without a failure, so that the first failure is a rise.
    """

    version: str
    python: str
    revision: str = ""
    leader: bool | None = None
    config_hash: str = ""
    rules_hash: str = ""
    reload_successful: bool = True
    reloaded_at: float | None = None
    failures: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FragmentState:
    """What the page knows of one of its fragments."""

    name: str
    failures: int
    duplicates: int
    series: int = 0


def families(
    process: ProcessState, sources: Sequence[SourceState], fragments: Sequence[FragmentState]
) -> Iterator[Family]:
    """Tell the state of the process, its sources and its page; reads /proc for the resources."""
    return chain(
        *(_of_sources(sources), _of_process(process), _of_fragments(fragments)),
        resources.families(),
    )


def _of_sources(sources: Sequence[SourceState]) -> Iterator[Family]:
    known = [(source.name, source.health) for source in sources if source.health is not None]
    yield Family(SOURCE_UP, [Sample((s.name,), s.up) for s in sources])
    yield Family(
        SOURCE_EXPECTED,
        [Sample((name,), health.expected and not health.released) for name, health in known],
    )
    yield Family(SOURCE_RELEASED, [Sample((name,), health.released) for name, health in known])
    yield Family(SOURCE_STUCK, [Sample((s.name,), s.stuck) for s in sources])
    yield Family(SOURCE_DURATION, [Sample((name,), health.duration) for name, health in known])
    yield Family(
        SOURCE_LAST_SUCCESS,
        [
            Sample((name,), health.last_success_at)
            for name, health in known
            if health.last_success_at is not None
        ],
    )
    failures = {source.name: source.health.failures if source.health else 0 for source in sources}
    yield Family(SOURCE_FAILURES, [Sample((name,), count) for name, count in failures.items()])


def _of_process(process: ProcessState) -> Iterator[Family]:
    yield _one(BUILD_INFO, 1, process.version, process.revision, process.python)
    if process.leader is not None:
        yield _one(LEADER, process.leader)
    yield _one(RELOAD_SUCCESSFUL, process.reload_successful)
    if process.reloaded_at is not None:
        yield _one(RELOADED_AT, process.reloaded_at)
    if process.config_hash:
        yield _one(CONFIG_INFO, 1, process.config_hash)
    if process.rules_hash:
        yield _one(RULES_INFO, 1, process.rules_hash)
    yield Family(
        WORKER_FAILURES, [Sample((name,), count) for name, count in process.failures.items()]
    )


def _of_fragments(fragments: Sequence[FragmentState]) -> Iterator[Family]:
    yield Family(RENDER_FAILURES, [Sample((f.name,), f.failures) for f in fragments])
    yield Family(SERIES, [Sample((f.name,), f.series) for f in fragments])
    yield Family(DUPLICATE_SERIES, [Sample((f.name,), f.duplicates) for f in fragments])


def _one(metric: Metric, value: float, *labels: str) -> Family:
    return Family(metric, [Sample(labels, value)])
