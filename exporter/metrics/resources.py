"""What the process uses, by the names that Prometheus clients agreed on, as /proc tells it."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator
from pathlib import Path

from exporter.metrics.family import Family, Metric, Sample

PROC = Path("/proc")

CPU = Metric("process_cpu_seconds_total", "counter", "User and system CPU time in seconds")
VIRTUAL = Metric("process_virtual_memory_bytes", "gauge", "Virtual memory size")
RESIDENT = Metric("process_resident_memory_bytes", "gauge", "Resident memory size")
STARTED_AT = Metric(
    "process_start_time_seconds", "gauge", "When the process started, in Unix seconds"
)
OPEN_FILES = Metric("process_open_fds", "gauge", "Open file descriptors")
MOST_FILES = Metric("process_max_fds", "gauge", "Limit of open file descriptors")

METRICS: tuple[Metric, ...] = (CPU, VIRTUAL, RESIDENT, STARTED_AT, OPEN_FILES, MOST_FILES)


def families(proc: Path = PROC) -> Iterator[Family]:
    """Yield the metrics of this process in the order of the catalog; some are not known."""
    for metric, value in _values(proc):
        yield Family(metric, [Sample((), value)])


def _values(proc: Path) -> Iterator[tuple[Metric, float]]:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    yield CPU, usage.ru_utime + usage.ru_stime
    try:
        # The second word is a name in brackets, which may have blanks.
        words = (proc / "self/stat").read_text(errors="replace").rpartition(")")[2].split()
        yield VIRTUAL, float(words[20])
        yield RESIDENT, float(words[21]) * resource.getpagesize()
        yield STARTED_AT, _booted_at(proc) + float(words[19]) / os.sysconf("SC_CLK_TCK")
        yield OPEN_FILES, float(sum(1 for _ in (proc / "self/fd").iterdir()))
    except OSError:
        # Some sandboxes show no /proc.
        pass
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if limit != resource.RLIM_INFINITY:
        yield MOST_FILES, float(limit)


def _booted_at(proc: Path) -> float:
    lines = (proc / "stat").read_text().splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith("btime "))
