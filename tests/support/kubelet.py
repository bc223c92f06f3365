"""A kubelet's pod-resources API on a unix socket: a real gRPC server with the API's messages.

Messages are made by protobuf itself from descriptors that are written down here from the API's
definition, so that our reading of the wire is checked by another hand than ours.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

_STRING, _INT64, _UINT64, _MESSAGE = 9, 3, 4, 11
_ONE, _MANY = 1, 3

_API: Mapping[str, Sequence[tuple[str, int, int | str, int]]] = {
    "ListPodResourcesResponse": [("pod_resources", 1, "PodResources", _MANY)],
    "PodResources": [
        ("name", 1, _STRING, _ONE),
        ("namespace", 2, _STRING, _ONE),
        ("containers", 3, "ContainerResources", _MANY),
    ],
    "ContainerResources": [
        ("name", 1, _STRING, _ONE),
        ("devices", 2, "ContainerDevices", _MANY),
        ("cpu_ids", 3, _INT64, _MANY),
        ("memory", 4, "ContainerMemory", _MANY),
        ("dynamic_resources", 5, "DynamicResource", _MANY),
    ],
    "ContainerMemory": [
        ("memory_type", 1, _STRING, _ONE),
        ("size", 2, _UINT64, _ONE),
        ("topology", 3, "TopologyInfo", _ONE),
    ],
    "ContainerDevices": [
        ("resource_name", 1, _STRING, _ONE),
        ("device_ids", 2, _STRING, _MANY),
        ("topology", 3, "TopologyInfo", _ONE),
    ],
    "TopologyInfo": [("nodes", 1, "NUMANode", _MANY)],
    "NUMANode": [("ID", 1, _INT64, _ONE)],
    "DynamicResource": [
        ("claim_name", 2, _STRING, _ONE),
        ("claim_namespace", 3, _STRING, _ONE),
        ("claim_resources", 4, "ClaimResource", _MANY),
    ],
    "ClaimResource": [
        ("cdi_devices", 1, "CDIDevice", _MANY),
        ("driver_name", 2, _STRING, _ONE),
        ("pool_name", 3, _STRING, _ONE),
        ("device_name", 4, _STRING, _ONE),
    ],
    "CDIDevice": [("name", 1, _STRING, _ONE)],
}
"""Messages of `podresources/v1/api.proto`: fields with number, type and how many there are."""


def _answer_class() -> Any:  # noqa: ANN401 - a class that protobuf makes
    file = descriptor_pb2.FileDescriptorProto(
        name="podresources.proto", package="v1", syntax="proto3"
    )
    for name, listed in _API.items():
        message = file.message_type.add(name=name)
        for field, number, kind, label in listed:
            made = message.field.add(name=field, number=number, label=label)
            if isinstance(kind, str):
                made.type, made.type_name = _MESSAGE, f".v1.{kind}"
            else:
                made.type = kind
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    found = pool.FindMessageTypeByName("v1.ListPodResourcesResponse")
    return message_factory.GetMessageClass(found)


ListPodResourcesResponse = _answer_class()


class Container(NamedTuple):
    """A container: ids by resource name, and devices of claims as (driver, device, CDI names)."""

    name: str
    devices: Mapping[str, Sequence[str]] = {}
    claims: Sequence[tuple[str, str, Sequence[str]]] = ()
    cpus: Sequence[int] = ()


class Pod(NamedTuple):
    namespace: str
    name: str
    containers: Sequence[Container]


def encode(pods: Iterable[Pod]) -> bytes:
    """Write an answer of `List`."""
    answer = ListPodResourcesResponse()
    for pod in pods:
        told = answer.pod_resources.add(name=pod.name, namespace=pod.namespace)
        for container in pod.containers:
            _fill(told.containers.add(name=container.name, cpu_ids=container.cpus), container)
    return bytes(answer.SerializeToString())


def _fill(told: Any, container: Container) -> None:  # noqa: ANN401 - a message of protobuf
    for resource, ids in container.devices.items():
        given = told.devices.add(resource_name=resource, device_ids=ids)
        given.topology.nodes.add(ID=1)
    told.memory.add(memory_type="hugepages-1Gi", size=2**40).topology.nodes.add(ID=300)
    for driver, device, names in container.claims:
        claim = told.dynamic_resources.add(claim_name="claim", claim_namespace="ns")
        resource = claim.claim_resources.add(
            driver_name=driver, pool_name="node", device_name=device
        )
        for name in names:
            resource.cdi_devices.add(name=name)


class Kubelet:
    """What the server answers; change it at will while it runs."""

    def __init__(self) -> None:
        self.pods: Sequence[Pod] = ()
        self.answer: bytes | None = None
        """Sent instead of pods."""
        self.refusal: tuple[grpc.StatusCode, str] | None = None
        self.go_on = threading.Event()
        self.go_on.set()
        self.calls = 0

    def list(self, _request: bytes, context: grpc.ServicerContext) -> bytes:
        self.calls += 1
        self.go_on.wait()
        if self.refusal:
            context.abort(*self.refusal)
        return encode(self.pods) if self.answer is None else self.answer


@contextmanager
def serving(
    kubelet: Kubelet, socket: Path, service: str = "v1.PodResourcesLister"
) -> Iterator[None]:
    """Serve at `socket` with the official implementation of gRPC, and remove the socket after."""
    handler = grpc.method_handlers_generic_handler(
        service, {"List": grpc.unary_unary_rpc_method_handler(kubelet.list)}
    )
    limits = [("grpc.max_send_message_length", -1)]
    server = grpc.server(ThreadPoolExecutor(4), options=limits)
    server.add_generic_rpc_handlers((handler,))
    server.add_insecure_port(f"unix:{socket}")
    server.start()
    try:
        yield
    finally:
        kubelet.go_on.set()
        server.stop(None).wait()
        socket.unlink(missing_ok=True)
