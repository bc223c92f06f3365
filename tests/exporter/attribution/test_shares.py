"""Processes folded into the pods that they belong to."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from exporter.attribution import fold
from exporter.snapshot import Gpu, GpuProcess, MigInstance, PodShare

ONE, TWO = ("ml", "train-0"), ("lab", "notebook")
OWNERS = {1: ONE, 2: ONE, 3: TWO}


def test_the_processes_of_a_pod_are_added_up() -> None:
    gpu = Gpu(
        0,
        "GPU-a",
        processes=(GpuProcess(1, 10, 0.25), GpuProcess(2, 5, 0.5), GpuProcess(3, 7, 0.0)),
    )
    found = fold([gpu], OWNERS)
    assert found.shares == (
        PodShare("GPU-a", *TWO, 7, 0.0),
        PodShare("GPU-a", *ONE, 15, 0.75),
    )
    assert found.outside == 0


def test_a_sum_is_of_what_is_known() -> None:
    gpu = Gpu(0, "GPU-a", processes=(GpuProcess(1, None, None), GpuProcess(2, 5), GpuProcess(3)))
    assert fold([gpu], OWNERS).shares == (
        PodShare("GPU-a", *TWO, None, None),
        PodShare("GPU-a", *ONE, 5, None),
    )


def test_rounded_ratios_never_pass_the_whole() -> None:
    gpu = Gpu(0, "GPU-a", processes=(GpuProcess(1, 1, 0.6), GpuProcess(2, 1, 0.5)))
    assert fold([gpu], OWNERS).shares[0].sm_ratio == 1.0


def test_processes_of_nobody_are_counted_once() -> None:
    stranger = GpuProcess(99, 1, 0.1)
    found = fold(
        [Gpu(0, "GPU-a", processes=(stranger,)), Gpu(1, "GPU-b", processes=(stranger,))], {}
    )
    assert (found.shares, found.outside) == ((), 1)


def test_under_mig_a_share_is_of_the_instance() -> None:
    instances = (
        MigInstance("MIG-1", gpu_instance=1),
        MigInstance("MIG-2", gpu_instance=2, compute_instance=0),
        MigInstance("MIG-2b", gpu_instance=2, compute_instance=1),
    )
    processes = (
        GpuProcess(1, 10, None, 1),
        GpuProcess(2, 5, None, 2),
        GpuProcess(3, 7, None, 9),
    )
    found = fold([Gpu(0, "GPU-a", instances=instances, processes=processes)], OWNERS)
    assert {share.uuid: share.memory_used for share in found.shares} == {
        "MIG-1": 10,
        "MIG-2": 5,
        "GPU-a": 7,
    }


processes = st.lists(
    st.builds(GpuProcess, st.integers(1, 5), st.integers(0, 10**12)), unique_by=lambda p: p.pid
)


@given(processes, st.dictionaries(st.integers(1, 5), st.sampled_from([ONE, TWO])))
def test_no_byte_is_lost_or_counted_twice(
    processes: list[GpuProcess], owners: dict[int, tuple[str, str]]
) -> None:
    found = fold([Gpu(0, "GPU-a", processes=tuple(processes))], owners)
    owned = [p for p in processes if p.pid in owners]
    assert sum(s.memory_used or 0 for s in found.shares) == sum(p.memory_used or 0 for p in owned)
    assert found.outside == len(processes) - len(owned)
