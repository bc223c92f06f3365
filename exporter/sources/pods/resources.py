"""Who holds which device, from the kubelet's `ListPodResourcesResponse`.

Field numbers are those of `podresources/v1/api.proto` in `k8s.io/kubelet`; fields that are not read
are passed over, as are those that a newer kubelet adds.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from exporter.sources.pods.protobuf import Field, fields

LIST = "/v1.PodResourcesLister/List"
"""The call; its request is an empty message."""


class Assignment(NamedTuple):
    """One device that a container was given.

    `resource` is the resource's name, or the driver's for a device of a resource claim. `names` are
    what the device is called: the id of a device plugin, or the device of a claim with its CDI
    names.
    """

    namespace: str
    pod: str
    container: str
    resource: str
    names: tuple[str, ...]


def assignments(answer: memoryview) -> Iterator[Assignment]:
    """Yield every device of every container of every pod.

    Raises exporter.sources.pods.protobuf.Malformed where the answer is none.
    """
    for field in fields(answer):
        if field.number == 1:
            yield from _of_pod(field.data)


def _of_pod(message: memoryview) -> Iterator[Assignment]:
    name = namespace = ""
    containers: list[memoryview] = []
    for field in fields(message):
        if field.number == 1:
            name = field.text
        elif field.number == 2:
            namespace = field.text
        elif field.number == 3:
            containers.append(field.data)
    for container in containers:
        yield from _of_container(namespace, name, container)


def _of_container(namespace: str, pod: str, message: memoryview) -> Iterator[Assignment]:
    listed = tuple(fields(message))
    name = _text(listed, 1)
    for field in listed:
        if field.number == 2:
            given = _of_plugin(field.data)
        elif field.number == 5:
            given = _of_claim(field.data)
        else:
            continue
        for resource, names in given:
            yield Assignment(namespace, pod, name, resource, names)


def _of_plugin(message: memoryview) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield each id of `ContainerDevices`."""
    listed = tuple(fields(message))
    resource = _text(listed, 1)
    for field in listed:
        if field.number == 2:
            yield resource, (field.text,)


def _of_claim(message: memoryview) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield each `ClaimResource` of a `DynamicResource`."""
    for field in fields(message):
        if field.number == 4:
            listed = tuple(fields(field.data))
            cdi = (_text(tuple(fields(one.data)), 1) for one in listed if one.number == 1)
            yield _text(listed, 2), (_text(listed, 4), *cdi)


def _text(listed: tuple[Field, ...], number: int) -> str:
    """Return a string field, empty where it is absent; of several the last counts."""
    return next((field.text for field in reversed(listed) if field.number == number), "")
