"""Answers of many parts: each is found again, whatever else is asked for beside it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from ctypes import c_int, c_uint, c_void_p, sizeof
from itertools import count
from typing import Any, NamedTuple

from exporter.simulation.capture.document import Argument, Call, Capture, Handle, Number
from exporter.simulation.codes import NvmlFailure, Return
from exporter.simulation.structures import FieldValue, GpmMetric, GpmQuestion

FIELD_VALUES = "nvmlDeviceGetFieldValues"
ALLOC, FREE, METRICS = "nvmlGpmSampleAlloc", "nvmlGpmSampleFree", "nvmlGpmMetricsGet"
TAKE, TAKE_OF_INSTANCE = "nvmlGpmSampleGet", "nvmlGpmMigSampleGet"

Function = tuple[tuple[type[Any], ...], Callable[..., None]]
"""The types of the arguments, and what a call does; it raises NvmlFailure."""
NameOf = Callable[[int | None], str | None]
"""Returns what the capture calls a handle."""
Key = tuple[object, ...]


class Parts:
    """What was answered, by what was asked and in which collection (counted from 0)."""

    def __init__(self) -> None:
        self._found: dict[Key, dict[int, Any]] = {}
        self.collection = 0

    def add(self, key: Key, collection: int, answer: Any) -> Any:  # noqa: ANN401 - gives back what is kept
        """Keep the first answer of a collection, and return the one that is kept."""
        return self._found.setdefault(key, {}).setdefault(collection, answer)

    def get(self, key: Key) -> Any | None:  # noqa: ANN401 - what was added
        """Return the answer of this collection, else of the last one before, else of the first."""
        found = self._found.get(key)
        if not found:
            return None
        return found[max((n for n in found if n <= self.collection), default=min(found))]


class FieldValues:
    """`nvmlDeviceGetFieldValues`, value by value."""

    def __init__(self, capture: Capture, name_of: NameOf, parts: Parts) -> None:
        self._name_of = name_of
        self._parts = parts
        for number, call in _calls(capture, FIELD_VALUES):
            device, _, values = call.arguments
            for named in capture.named(values):
                key = FIELD_VALUES, *_subject([device]), named["fieldId"], named["scopeId"]
                parts.add(key, number, (call.code, named))

    def functions(self) -> Mapping[str, Function]:
        """Return the C function by its symbol."""
        return {FIELD_VALUES: ((c_void_p, c_int, c_void_p), self._answer)}

    def _answer(self, handle: int | None, length: int, out: int) -> None:
        device = self._name_of(handle)
        for place in (FieldValue * length).from_address(out):
            key = FIELD_VALUES, device, place.field, place.scope
            code, named = self._parts.get(key) or (Return.SUCCESS, None)
            if code:
                raise NvmlFailure(code)
            place.code = named["nvmlReturn"] if named else Return.NOT_SUPPORTED
            if named:
                place.timestamp, place.latency = named["timestamp"], named["latencyUsec"]
                place.value_type, place.value = named["valueType"], named["value"]


class _Metric(NamedTuple):
    code: int
    value: float


class Performance:
    """The functions of performance metrics (GPM), metric by metric, whoever holds which sample."""

    def __init__(self, capture: Capture, name_of: NameOf, parts: Parts) -> None:
        self._name_of = name_of
        self._parts = parts
        self._numbers = count(1)
        self._subjects: dict[int, Key] = {}
        """Of what each sample in the caller's hands was taken."""
        taken: dict[Key, Key] = {}
        for number, collection in enumerate(capture.collections):
            for call in collection.calls:
                if call.symbol in (TAKE, TAKE_OF_INSTANCE):
                    *subject, sample = call.arguments
                    key = _subject(subject)
                    taken[_subject([sample])] = key
                    parts.add((TAKE, *key), number, call.code)
                elif call.symbol == METRICS:
                    for key, metric in _metrics(capture, call, taken):
                        parts.add(key, number, metric)

    def functions(self) -> Mapping[str, Function]:
        """Return the C functions by symbol."""
        return {
            ALLOC: ((c_void_p,), self._alloc),
            FREE: ((c_void_p,), self._free),
            TAKE: ((c_void_p, c_void_p), lambda device, sample: self._take(sample, device)),
            TAKE_OF_INSTANCE: (
                (c_void_p, c_uint, c_void_p),
                lambda device, instance, sample: self._take(sample, device, instance),
            ),
            METRICS: ((c_void_p,), self._answer),
        }

    def _alloc(self, out: int) -> None:
        c_void_p.from_address(out).value = next(self._numbers)

    def _free(self, sample: int) -> None:
        self._subjects.pop(sample, None)

    def _take(self, sample: int, device: int | None, *instance: int) -> None:
        subject = (self._name_of(device), *instance)
        code = self._parts.get((TAKE, *subject))
        if code != Return.SUCCESS:
            raise NvmlFailure(Return.NOT_SUPPORTED if code is None else code)
        self._subjects[sample] = subject

    def _answer(self, question_at: int) -> None:
        question = GpmQuestion.from_address(question_at)
        subject = self._subjects.get(question.later, ())
        for metric in (GpmMetric * question.count).from_address(question_at + sizeof(GpmQuestion)):
            found = self._parts.get((METRICS, *subject, metric.id))
            metric.code, metric.value = found or _Metric(Return.NOT_SUPPORTED, 0.0)


def _calls(capture: Capture, symbol: str) -> Iterator[tuple[int, Call]]:
    for number, collection in enumerate(capture.collections):
        for call in collection.calls:
            if call.symbol == symbol:
                yield number, call


def _subject(arguments: Iterable[Argument]) -> Key:
    """Return names of handles, and numbers such as that of a GPU instance."""
    return tuple(
        each.name if isinstance(each, Handle) else each.value if isinstance(each, Number) else None
        for each in arguments
    )


def _metrics(
    capture: Capture, call: Call, taken: Mapping[Key, Key]
) -> Iterator[tuple[Key, _Metric]]:
    (question,) = call.arguments
    (named,) = capture.named(question)
    subject = taken.get((named["sample2"],), ())
    for number in range(int(named["numMetrics"])):
        found = {
            key: named[f"metrics.{number}.{key}"] for key in ("metricId", "nvmlReturn", "value")
        }
        code = call.code or int(found["nvmlReturn"])
        yield (METRICS, *subject, found["metricId"]), _Metric(code, float(found["value"]))
