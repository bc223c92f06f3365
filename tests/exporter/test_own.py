"""The process tells its version, configuration, workers and resources."""

from __future__ import annotations

import time

from exporter.metrics.health import SourceState
from exporter.metrics.own import METRICS, FragmentState, ProcessState, families
from exporter.snapshot import Health

Key = tuple[str, tuple[str, ...]]


def told(process: ProcessState, *sources: SourceState) -> dict[Key, float]:
    found = families(process, sources, [FragmentState("nvml", failures=2, duplicates=1)])
    return {(metric.name, s.labels): s.value for metric, samples in found for s in samples}


def test_a_plain_process_tells_what_it_is() -> None:
    found = told(
        ProcessState(
            version="1.2.3",
            python="3.12.1",
            revision="abc",
            leader=True,
            config_hash="beef",
            reload_successful=False,
            reloaded_at=77.0,
            failures={"engine": 3},
        )
    )
    assert found["tunewatch_build_info", ("1.2.3", "abc", "3.12.1")] == 1
    assert found["tunewatch_leader", ()] == 1
    assert found["tunewatch_config_info", ("beef",)] == 1
    assert found["tunewatch_config_last_reload_successful", ()] == 0
    assert found["tunewatch_config_last_reload_success_timestamp_seconds", ()] == 77.0
    assert found["tunewatch_worker_failures_total", ("engine",)] == 3
    assert found["tunewatch_render_failures_total", ("nvml",)] == 2
    assert found["tunewatch_duplicate_series", ("nvml",)] == 1


def test_what_is_not_known_is_absent() -> None:
    names = {name for name, _ in told(ProcessState(version="1.2.3", python="3.12.1"))}
    assert "tunewatch_config_last_reload_successful" in names
    assert not names & {
        "tunewatch_leader",
        "tunewatch_config_info",
        "tunewatch_config_last_reload_success_timestamp_seconds",
    }


def test_a_candidate_that_does_not_lead_says_so() -> None:
    found = told(ProcessState(version="1", python="3", leader=False))
    assert found["tunewatch_leader", ()] == 0


def test_resources_are_those_of_this_process() -> None:
    found = told(ProcessState(version="1", python="3"))
    assert found["process_cpu_seconds_total", ()] > 0
    assert found["process_resident_memory_bytes", ()] > 1e6
    assert 0 < found["process_open_fds", ()] < found["process_max_fds", ()]
    assert 1e9 < found["process_start_time_seconds", ()] < time.time() + 1


def test_a_source_that_never_succeeded_has_no_time_of_success() -> None:
    down = Health(up=False, attempted_at=5.0, duration=0.25, failures=4, problem="x")
    found = told(
        ProcessState(version="1", python="3"), SourceState("s", down, stuck=False, expired=False)
    )
    assert found["tunewatch_source_up", ("s",)] == 0
    assert found["tunewatch_source_failures_total", ("s",)] == 4
    assert found["tunewatch_source_duration_seconds", ("s",)] == 0.25
    assert ("tunewatch_source_last_success_timestamp_seconds", ("s",)) not in found


def test_every_series_belongs_to_a_metric_of_the_table() -> None:
    assert {name for name, _ in told(ProcessState("1", "3"))} <= {m.name for m in METRICS}
