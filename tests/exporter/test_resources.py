"""The process tells what it uses as every Prometheus client does."""

from __future__ import annotations

from pathlib import Path

import pytest
from prometheus_client.process_collector import ProcessCollector

from exporter.metrics.resources import METRICS, families

UNCERTAIN = {"process_cpu_seconds_total", "process_open_fds"}
"""These change from one look to the next."""
STAT = "7 (python (3) x) S " + " ".join(str(number) for number in range(4, 53))
"""The words of `/proc/self/stat`, each its own number as proc(5) counts them."""


def told(proc: Path | None = None) -> dict[str, float]:
    found = families(proc) if proc else families()
    return {family.metric.name: sample.value for family in found for sample in family.samples}


def test_it_is_what_the_official_client_tells() -> None:
    official = {
        sample.name: sample.value
        for family in ProcessCollector(registry=None).collect()
        for sample in family.samples
    }
    own = told()
    assert list(own) == [metric.name for metric in METRICS]
    assert own.keys() == official.keys()
    for name in own.keys() - UNCERTAIN:
        assert own[name] == pytest.approx(official[name], rel=0.05), name


def test_the_name_of_a_program_may_hold_anything(tmp_path: Path) -> None:
    (tmp_path / "self" / "fd").mkdir(parents=True)
    (tmp_path / "self" / "stat").write_text(STAT)
    (tmp_path / "stat").write_text("cpu 1 2 3\nbtime 1700000000\nprocesses 5\n")
    found = told(tmp_path)
    assert found["process_virtual_memory_bytes"] == 23
    assert found["process_start_time_seconds"] == pytest.approx(1700000000, abs=1)
    assert found["process_open_fds"] == 0


def test_without_proc_there_is_what_the_kernel_says_itself(tmp_path: Path) -> None:
    assert told(tmp_path).keys() <= {"process_cpu_seconds_total", "process_max_fds"}
