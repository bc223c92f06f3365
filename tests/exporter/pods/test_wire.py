"""Our reader of protocol buffers beside the official writer."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.sources.pods.protobuf import Malformed, fields
from exporter.sources.pods.resources import Assignment, assignments
from tests.support.kubelet import Container, Pod, encode

texts = st.text(max_size=20)
names = st.lists(texts, max_size=4)
containers = st.builds(
    Container,
    name=texts,
    devices=st.dictionaries(texts, names, max_size=3),
    claims=st.lists(st.tuples(texts, texts, names), max_size=2),
    cpus=st.lists(st.integers(0, 2**63 - 1), max_size=5),
)
pods = st.builds(Pod, texts, texts, st.lists(containers, max_size=3))


def expected(pod: Pod) -> list[Assignment]:
    found = []
    for container in pod.containers:
        for resource, ids in container.devices.items():
            found += [_given(pod, container, resource, (device,)) for device in ids]
        for driver, device, cdi in container.claims:
            found.append(_given(pod, container, driver, (device, *cdi)))
    return found


def _given(pod: Pod, container: Container, resource: str, names: tuple[str, ...]) -> Assignment:
    return Assignment(pod.namespace, pod.name, container.name, resource, names)


@given(st.lists(pods, max_size=4))
def test_what_the_official_library_writes_is_read_as_it_was_meant(listed: list[Pod]) -> None:
    read = list(assignments(memoryview(encode(listed))))
    assert read == [one for pod in listed for one in expected(pod)]


@given(st.binary(max_size=300))
def test_bytes_are_read_or_refused(data: bytes) -> None:
    with suppress(Malformed):
        list(assignments(memoryview(data)))


@given(st.lists(pods, min_size=1, max_size=2), st.data())
def test_an_answer_that_was_cut_short_gives_nothing_new(
    listed: list[Pod], data: st.DataObject
) -> None:
    whole = encode(listed)
    cut = whole[: data.draw(st.integers(0, len(whole)))]
    with suppress(Malformed):
        assert set(assignments(memoryview(cut))) <= set(assignments(memoryview(whole)))


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"\x0a\x05abc", "goes on after the end"),
        (b"\x0a" + b"\xff" * 11, "has no end"),
        (b"\x80", "has no end"),
        (b"\x0b", "wire type 3"),
        (b"\x02\x00", "field number 0"),
        (b"\x0d\x00\x00", "goes on after the end"),
    ],
)
def test_what_is_no_message_is_refused(data: bytes, problem: str) -> None:
    with pytest.raises(Malformed, match=problem):
        list(fields(memoryview(data)))


def test_fields_of_a_newer_kubelet_are_passed_over() -> None:
    newer = b"\x08\x2a" + b"\x11" + bytes(8) + b"\x1d" + bytes(4) + b"\xfa\x3f\x02hi"
    assert [field.number for field in fields(memoryview(newer))] == [1, 2, 3, 1023]
    assert list(assignments(memoryview(newer[2:]))) == []
