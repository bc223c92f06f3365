"""What pods use of GPUs, from control groups and log directories as nodes have them."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

from exporter.simulation import SimulatedGpus, SimulatedLibrary, installed
from exporter.simulation.processes import SimulatedProcess
from exporter.snapshot import Gpu, GpuProcess, Gpus, PodShare
from exporter.sources import SourceDown
from exporter.sources.nvml import NvmlSource
from exporter.sources.processes import ProcessesSource
from exporter.sources.processes.cgroups import pod_uid, uid_of_process
from tests.support.nobody import as_nobody

NOW = 1_760_000_000.0
UID = "5d9f3a52-0c4e-4f3c-9a0e-7a3f0c1d2e4b"
STATIC = "0123456789abcdef0123456789abcdef"
CONTAINER = "9a" * 32
SYSTEMD = UID.replace("-", "_")

CGROUPS = {
    "v2, systemd, containerd": f"0::/kubepods.slice/kubepods-burstable.slice/"
    f"kubepods-burstable-pod{SYSTEMD}.slice/cri-containerd-{CONTAINER}.scope\n",
    "v2, systemd, guaranteed, crio": f"0::/kubepods.slice/kubepods-pod{SYSTEMD}.slice/"
    f"crio-{CONTAINER}.scope/container\n",
    "v2, cgroupfs": f"0::/kubepods/besteffort/pod{UID}/{CONTAINER}\n",
    "v2, seen from a namespace": f"0::/../../kubepods-besteffort-pod{SYSTEMD}.slice/"
    f"cri-containerd-{CONTAINER}.scope\n",
    "v2, kind": f"0::/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-pod{SYSTEMD}.slice/x\n",
    "v2, escaped by systemd": r"0::/kubepods.slice/kubepods-pod" + UID.replace("-", r"\x2d"),
    "v1": "12:pids:/user.slice\n"
    f"4:memory:/kubepods/burstable/pod{UID}/{CONTAINER}\n"
    f"1:name=systemd:/kubepods/burstable/pod{UID}/{CONTAINER}\n",
    "v1, containerd without systemd": f"4:cpu:/system.slice/containerd.service/"
    f"kubepods-burstable-pod{SYSTEMD}.slice:cri-containerd:{CONTAINER}\n",
}


@pytest.mark.parametrize("cgroups", CGROUPS.values(), ids=CGROUPS.keys())
def test_a_control_group_has_the_uid_of_its_pod(cgroups: str) -> None:
    assert pod_uid(cgroups) == UID


def test_a_static_pod_has_a_uid_of_another_form() -> None:
    assert pod_uid(f"0::/kubepods.slice/kubepods-pod{STATIC}.slice/x") == STATIC


@pytest.mark.parametrize(
    "cgroups",
    [
        "",
        "0::/\n",
        "0::/user.slice/user-1000.slice/session-2.scope\n",
        f"0::/system.slice/docker-{CONTAINER}.scope\n",
        f"0::/user.slice/pod{UID}/x\n",
        "0::/kubepods.slice/kubepods-podnot_a_uid.slice\n",
    ],
)
def test_what_is_in_no_pod_has_none(cgroups: str) -> None:
    assert pod_uid(cgroups) is None


def test_a_container_cannot_pass_for_another_pod() -> None:
    forged = f"kubepods-pod{STATIC}.slice"
    assert pod_uid(f"0::/kubepods.slice/kubepods-pod{SYSTEMD}.slice/cri-x.scope/{forged}") == UID


class Node:
    """A host's `/proc` and `/var/log/pods` in a temporary directory, and a source that reads it."""

    def __init__(self, root: Path) -> None:
        self.proc, self.logs = root / "proc", root / "pods"
        self.processes: tuple[GpuProcess, ...] = ()
        self.source = ProcessesSource(self._gpus, proc=self.proc, logs=self.logs)
        self.logs.mkdir()
        self.add_process(2, "0::/\n", "kthreadd")

    def _gpus(self) -> Gpus:
        gpu = Gpu(0, "GPU-a", processes=self.processes)
        return Gpus((gpu,), 1, "", "", "")

    def add_process(self, pid: int, cgroups: str, name: str = "python") -> None:
        directory = self.proc / str(pid)
        directory.mkdir(parents=True)
        (directory / "cgroup").write_text(cgroups)
        (directory / "comm").write_text(f"{name}\n")


@pytest.fixture
def node(tmp_path: Path) -> Node:
    return Node(tmp_path)


def test_memory_and_time_of_a_pod(node: Node) -> None:
    (node.logs / f"ml_train-0_{UID}").mkdir()
    (node.logs / "not a pod").mkdir()
    for pid, cgroups in enumerate(CGROUPS.values(), start=100):
        node.add_process(pid, cgroups)
    node.add_process(50, "0::/user.slice\n")
    node.processes = tuple(GpuProcess(pid, 10, 0.0625) for pid in (50, *range(100, 108), 999))
    found = node.source.collect(NOW)
    assert found.shares == (PodShare("GPU-a", "ml", "train-0", 80, 0.5),)
    assert found.outside == 2


def test_a_pod_without_a_log_directory_is_not_known(node: Node) -> None:
    node.add_process(100, CGROUPS["v2, cgroupfs"])
    node.processes = (GpuProcess(100, 10),)
    assert node.source.collect(NOW).outside == 1


def test_without_a_reading_of_gpus_there_is_nothing_to_fold(tmp_path: Path, node: Node) -> None:
    source = ProcessesSource(lambda: None, proc=node.proc, logs=tmp_path / "pods")
    assert source.collect(NOW).shares == ()


def test_numbers_of_processes_must_be_those_of_the_host(node: Node) -> None:
    (node.proc / "2" / "comm").write_text("tunewatch\n")
    with pytest.raises(SourceDown, match="hostPID: true"):
        node.source.collect(NOW)


def test_no_process_is_seen(tmp_path: Path) -> None:
    source = ProcessesSource(lambda: None, proc=tmp_path / "proc", logs=tmp_path)
    with pytest.raises(SourceDown, match="hostPID: true"):
        source.collect(NOW)


def test_the_log_directory_is_not_mounted(node: Node) -> None:
    node.logs.rmdir()
    with pytest.raises(SourceDown, match="mount the host's /var/log/pods there"):
        node.source.collect(NOW)


def test_control_groups_of_others_are_hidden() -> None:
    # Not below pytest's directories, which are closed to others altogether.
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        node = Node(Path(folder))
        node.add_process(100, CGROUPS["v1"])
        (node.proc / "100" / "cgroup").chmod(0)
        node.processes = (GpuProcess(100, 10),)

        def act() -> None:
            with pytest.raises(SourceDown, match="run the pod as user 0"):
                node.source.collect(NOW)

        as_nobody(act)


def test_the_real_proc_is_read_as_the_one_that_tests_make() -> None:
    assert uid_of_process(Path("/proc"), os.getpid()) is None
    assert uid_of_process(Path("/proc"), 2**22 + 1) is None


def test_from_the_driver_to_the_pod(node: Node) -> None:
    """The whole way: the binding's calls, control groups, names, sums."""
    now = [NOW]
    library = SimulatedLibrary(SimulatedGpus(1, clock=lambda: now[0]))
    library.processes.running[0] = (
        SimulatedProcess(100, memory=3 * 2**30, sm=40),
        SimulatedProcess(101, memory=2**30, sm=20),
    )
    (node.logs / f"ml_train-0_{UID}").mkdir()
    node.add_process(100, CGROUPS["v1"])
    node.add_process(101, CGROUPS["v2, cgroupfs"])
    with installed(library):
        nvml = NvmlSource(simulated=True, processes=True)
        source = ProcessesSource(lambda: nvml.collect(now[0]), proc=node.proc, logs=node.logs)
        (first,) = source.collect(now[0]).shares
        now[0] += 10
        (second,) = source.collect(now[0]).shares
    assert first[1:] == ("ml", "train-0", 4 * 2**30, None)
    assert second[1:4] == ("ml", "train-0", 4 * 2**30)
    assert second.sm_ratio == pytest.approx(0.6)
