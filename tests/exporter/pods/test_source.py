"""Who holds which GPU, read from a real gRPC server with the kubelet's API."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from exporter.snapshot import Gpu, Gpus, MigInstance, PodUse
from exporter.sources.pods import PodsSource
from tests.exporter.pods.conftest import MakeSource
from tests.support.kubelet import Container, Kubelet, Pod, encode, serving

NOW = 1_760_000_000.0
A, B = "GPU-aaaaaaaa-0000-0000-0000-000000000000", "GPU-bbbbbbbb-0000-0000-0000-000000000000"
MIG = "MIG-cccccccc-0000-0000-0000-000000000000"
GPUS = Gpus(
    gpus=(
        Gpu(0, A, minor=1),
        Gpu(1, B, minor=0, instances=(MigInstance(MIG, gpu_instance=3, compute_instance=0),)),
    ),
    seen=2,
    driver_version="",
    cuda_version="",
    nvml_version="",
)
"""Minor numbers do not follow the order of the bus here, as on some machines."""


def holding(*containers: Container) -> tuple[Pod, ...]:
    return (Pod("ml", "train-0", containers),)


def test_a_container_holds_what_it_was_given(kubelet: Kubelet, make_source: MakeSource) -> None:
    kubelet.pods = (
        Pod("ml", "train-0", [Container("trainer", {"nvidia.com/gpu": [B, A]}, cpus=range(64))]),
        Pod("web", "server-7f", [Container("app", {"hugepages-2Mi": ["1"]}), Container("sidecar")]),
        Pod("lab", "notebook", [Container("jupyter", {"nvidia.com/mig-1g.10gb": [MIG]})]),
    )
    pods = make_source(GPUS).collect(NOW)
    assert pods.uses == (
        PodUse(A, "ml", "train-0", "trainer"),
        PodUse(B, "ml", "train-0", "trainer"),
        PodUse(MIG, "lab", "notebook", "jupyter"),
    )
    assert pods.unresolved == 0


def test_a_node_without_pods_has_no_uses(kubelet: Kubelet, make_source: MakeSource) -> None:
    assert make_source(GPUS).collect(NOW).uses == ()
    assert kubelet.calls == 1


@pytest.mark.parametrize(
    ("resource", "device", "uuid"),
    [
        ("nvidia.com/gpu", A, A),
        ("nvidia.com/gpu.shared", f"{A}::7", A),
        ("team.example/big-gpu", f"{A}::0", A),
        ("nvidia.com/mig-1g.10gb", f"{MIG}::0", MIG),
        ("nvidia.com/gpu", "1", B),
        ("nvidia.com/gpu", "1::3", B),
        ("nvidia.com/gpu", "nvidia0", B),
        ("nvidia.com/gpu", "nvidia1/vgpu4", A),
        ("nvidia.com/gpu", "nvidia0/gi3", MIG),
        ("nvidia.com/gpu", "nvidia0/gi3/vgpu1", MIG),
        ("nvidia.com/gpu", "nvidia0/gi4", None),
        ("nvidia.com/gpu", "9", None),
        ("nvidia.com/gpu", "", None),
    ],
)
def test_a_device_has_many_names(
    resource: str, device: str, uuid: str | None, kubelet: Kubelet, make_source: MakeSource
) -> None:
    kubelet.pods = holding(Container("c", {resource: [device]}))
    pods = make_source(GPUS).collect(NOW)
    assert [use.uuid for use in pods.uses] == ([uuid] if uuid else [])
    assert pods.unresolved == (0 if uuid else 1)


@pytest.mark.parametrize(
    ("driver", "device", "names", "uuid"),
    [
        ("gpu.nvidia.com", "gpu-0", ["k8s.gpu.nvidia.com/claim=5b1e-gpu-0"], B),
        ("gpu.nvidia.com", "gpu-1-mig-9-0-1", ["k8s.gpu.nvidia.com/claim=5b1e"], None),
        ("", "", [f"nvidia.com/gpu={A}"], A),
        ("gpu.nvidia.com", "gpu-0-mig-9-0-1", [f"k8s.gpu.nvidia.com/device={MIG}"], MIG),
    ],
)
def test_a_device_of_a_claim_is_found_by_its_name_or_its_names_in_cdi(
    driver: str,
    device: str,
    names: list[str],
    uuid: str | None,
    kubelet: Kubelet,
    make_source: MakeSource,
) -> None:
    kubelet.pods = holding(Container("c", claims=[(driver, device, names)]))
    pods = make_source(GPUS).collect(NOW)
    assert [use.uuid for use in pods.uses] == ([uuid] if uuid else [])
    assert pods.unresolved == (0 if uuid else 1)


def test_what_is_no_gpu_is_passed_over(kubelet: Kubelet, make_source: MakeSource) -> None:
    claims = [("dra.example", "gpu-0", ["dra.example/nic=0"])]
    devices = {"rdma/hca": ["0", "nvidia0"], "nvidia.com/hostdev": ["0000:3b:00.2"]}
    kubelet.pods = holding(Container("c", devices, claims))
    pods = make_source(GPUS).collect(NOW)
    assert (pods.uses, pods.unresolved) == ((), 0)


def test_two_replicas_of_one_gpu_are_one_use(kubelet: Kubelet, make_source: MakeSource) -> None:
    kubelet.pods = holding(Container("c", {"nvidia.com/gpu": [f"{A}::0", f"{A}::1"]}))
    assert make_source(GPUS).collect(NOW).uses == (PodUse(A, "ml", "train-0", "c"),)


def test_uuids_need_no_reading_of_the_gpus(kubelet: Kubelet, make_source: MakeSource) -> None:
    kubelet.pods = holding(Container("c", {"nvidia.com/gpu": [A, "nvidia0"]}))
    pods = make_source(None).collect(NOW)
    assert [use.uuid for use in pods.uses] == [A]
    assert pods.unresolved == 1


def test_what_cannot_be_joined_is_told_once(
    kubelet: Kubelet, make_source: MakeSource, caplog: pytest.LogCaptureFixture
) -> None:
    kubelet.pods = holding(Container("c", {"nvidia.com/gpu": ["nvidia77"]}))
    source = make_source(GPUS)
    with caplog.at_level(logging.WARNING, "tunewatch.pods"):
        source.collect(NOW)
        source.collect(NOW + 10)
    assert [record.getMessage() for record in caplog.records] == [
        "pod ml/train-0 holds nvidia.com/gpu nvidia77, which names no GPU that is read here"
    ]


def test_a_long_answer_is_read_whole(kubelet: Kubelet, make_source: MakeSource) -> None:
    ids = [f"port-{number:04}-{'x' * 50}" for number in range(70)]
    kubelet.pods = [
        Pod("ns", f"pod-{n}", [Container("c" * 50, {"rdma/hca": ids, "nvidia.com/gpu": [A]})])
        for n in range(1000)
    ]
    assert len(encode(kubelet.pods)) > 4 * 1024 * 1024
    assert len(make_source(GPUS).collect(NOW).uses) == 1000


def test_a_kubelet_that_restarts_is_found_again(socket_path: Path, make_source: MakeSource) -> None:
    source, kubelet = make_source(GPUS), Kubelet()
    for uuid in (A, B):
        kubelet.pods = holding(Container("c", {"nvidia.com/gpu": [uuid]}))
        with serving(kubelet, socket_path):
            assert [use.uuid for use in source.collect(NOW).uses] == [uuid]


def test_pods_stay_what_they_were_while_the_kubelet_is_down() -> None:
    assert PodsSource.lifetime is None
