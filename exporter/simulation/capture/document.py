"""A capture: what a driver's library answered, call by call, as a JSON file."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from exporter.simulation.capture.layout import Layout, Row, Scalar

FORMAT = 1
ABOUT = (
    "What NVIDIA's management library (NVML) answered to tunewatch on one machine. Serial numbers"
    " and uuids are masked; names of hosts, users and processes are not asked for."
)


class CaptureError(Exception):
    """A file is no capture, or of a format that is newer than this program."""


class Number(NamedTuple):
    """An argument by value, and its C type as a code of `struct`."""

    value: int
    code: str


class Handle(NamedTuple):
    """A pointer that only the library understands; `name` stands for it, None is a null."""

    name: str | None
    is_answer: bool = False
    """Whether the caller gave the address of a place for it."""


class Text(NamedTuple):
    """A buffer of the caller for a text; None where the call left it as it was."""

    answer: str | None


class Memory(NamedTuple):
    """Memory of the caller: rows of the C type `kind`, as they were and as they became.

    `answer` is None where the call failed and changed nothing. An array is told from a single
    structure.
    """

    kind: str
    is_array: bool
    given: tuple[Row, ...]
    answer: tuple[Row, ...] | None


Argument = Number | Handle | Text | Memory | None
"""None is a null pointer."""


class Call(NamedTuple):
    """One call: its return code, and how long it took."""

    symbol: str
    arguments: tuple[Argument, ...]
    code: int
    microseconds: int = 0


class Collection(NamedTuple):
    """The calls of one reading of all GPUs, which began `at` seconds after the first."""

    at: float
    calls: tuple[Call, ...]


@dataclass(frozen=True, slots=True)
class Capture:
    """All that is in a file; `begun` is Unix seconds, `missing` are symbols that were not found.

    `versions` are those of driver, CUDA, NVML, tunewatch and the binding, by name; `layouts` the C
    types that occur.
    """

    simulated: bool
    begun: float
    versions: Mapping[str, str]
    layouts: Mapping[str, Layout]
    missing: tuple[str, ...]
    collections: tuple[Collection, ...]

    @property
    def calls(self) -> Iterator[Call]:
        """All calls in order."""
        return (call for collection in self.collections for call in collection.calls)

    def named(self, argument: Argument) -> Iterator[Mapping[str, Scalar]]:
        """Yield the rows of memory as a call left it, by names; raises CaptureError for others."""
        if not isinstance(argument, Memory):
            raise CaptureError(f"{argument} should be memory of the caller")
        names = self.layouts[argument.kind].names
        for row in argument.given if argument.answer is None else argument.answer:
            yield dict(zip(names, row, strict=True))


def to_json(capture: Capture) -> str:
    """Write a capture, with a line for each call."""
    types = {name: [layout.codes, *layout.names] for name, layout in capture.layouts.items()}
    head = {
        "about": ABOUT,
        "format": FORMAT,
        "simulated": capture.simulated,
        "begun": capture.begun,
        "versions": dict(capture.versions),
        "missing": list(capture.missing),
    }
    lines = [f" {json.dumps(name)}: {json.dumps(value)}," for name, value in head.items()]
    kinds = ",\n".join(f"  {json.dumps(name)}: {json.dumps(row)}" for name, row in types.items())
    collections = ",\n".join(_collection_text(each) for each in capture.collections)
    return "\n".join(
        (
            "{",
            *lines,
            f' "types": {{\n{kinds}\n }},',
            f' "collections": [\n{collections}\n ]',
            "}\n",
        )
    )


def _collection_text(collection: Collection) -> str:
    calls = ",\n".join(f"   {json.dumps(_call_out(call))}" for call in collection.calls)
    return f'  {{"at": {json.dumps(collection.at)}, "calls": [\n{calls}\n  ]}}'


def _call_out(call: Call) -> list[Any]:
    arguments = [_argument_out(argument) for argument in call.arguments]
    return [call.symbol, arguments, call.code, call.microseconds]


def _argument_out(argument: Argument) -> dict[str, Any] | None:
    match argument:
        case Number(value, code):
            return {code: value}
        case Handle(name, is_answer):
            return {"gives" if is_answer else "handle": name}
        case Text(answer):
            return {"text": answer}
        case Memory(kind, is_array, given, answer):
            rows = {"given": given} if any(any(row) for row in given) or is_array else {}
            if answer is not None:
                rows["answer"] = answer
            return {"array" if is_array else "memory": kind, **rows}
    return None


def from_json(text: str) -> Capture:
    """Read a capture; raises CaptureError for anything else."""
    try:
        found = json.loads(text)
        if found["format"] != FORMAT:
            raise CaptureError(
                f"this capture has format {found['format']}, and not {FORMAT}: read it with the"
                " tunewatch that made it"
            )
        layouts = {
            name: Layout(codes, tuple(names)) for name, (codes, *names) in found["types"].items()
        }
        return Capture(
            found["simulated"],
            found["begun"],
            found["versions"],
            layouts,
            tuple(found["missing"]),
            tuple(_collection(each, layouts) for each in found["collections"]),
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise CaptureError(f"this is no capture of tunewatch gpu-capture: {error!r}") from error


def _collection(found: Mapping[str, Any], layouts: Mapping[str, Layout]) -> Collection:
    calls = (
        Call(symbol, tuple(_argument(each, layouts) for each in arguments), code, microseconds)
        for symbol, arguments, code, microseconds in found["calls"]
    )
    return Collection(found["at"], tuple(calls))


def _argument(found: Mapping[str, Any] | None, layouts: Mapping[str, Layout]) -> Argument:
    if found is None:
        return None
    (key, value), *_ = found.items()
    match key:
        case "handle" | "gives":
            return Handle(value, key == "gives")
        case "text":
            return Text(value)
        case "memory" | "array":
            blank = (_blank(layouts[value]),)
            answer = _rows(found["answer"]) if "answer" in found else None
            return Memory(value, key == "array", _rows(found.get("given", blank)), answer)
    return Number(value, key)


def _rows(found: Any) -> tuple[Row, ...]:  # noqa: ANN401 - JSON
    return tuple(tuple(row) for row in found)


def _blank(layout: Layout) -> Row:
    return tuple("" if kind == "s" else 0 for kind in layout.kinds)
