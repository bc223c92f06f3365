"""YAML documents with line numbers: every mistake is told at once, with file, line and remedy."""

from __future__ import annotations

import typing
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

Location = tuple[str | int, ...]
Model = TypeVar("Model", bound=BaseModel)
Loaded = TypeVar("Loaded")

MOST_PLACES = 10_000
"""Keys and items that a file may have, aliases written out."""
SHOWN = 60
"""Characters of a wrong value that a message repeats."""
_KEY_TAGS = {"tag:yaml.org,2002:str", "tag:yaml.org,2002:merge"}
_PLAIN_WORDS = {
    "model_type": "should be a mapping of keys to values",
    "dict_type": "should be a mapping of keys to values",
    "tuple_type": "should be a list",
    "float_type": "should be a number",
    "int_type": "should be a whole number",
    "string_type": "should be text",
    "bool_type": "should be true or false",
}


class Problem(NamedTuple):
    """One mistake in a file; `line` counts from 1, 0 means the file as a whole."""

    file: str
    line: int
    message: str

    def __str__(self) -> str:
        """Return `file:line: message`, the form that editors jump to."""
        place = f"{self.file}:{self.line}" if self.line else self.file
        return printable(f"{place}: {self.message}")


def printable(text: str) -> str:
    """Return a text on one line, with what a file could smuggle into a terminal spelt out."""
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)


class DocumentError(Exception):
    """A file cannot be used; `problems` holds everything that is wrong with it."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


class Section(BaseModel):
    """A mapping of the file: unknown keys are refused, values never change afterwards."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    @model_validator(mode="before")
    @classmethod
    def _empty_is_default(cls, data: object) -> object:
        """Take a section whose lines are all commented out (YAML null) for an empty one."""
        return {} if data is None else data


@dataclass(frozen=True)
class Document:
    """Plain data read from a file, the line of every key and item, and duplicate keys."""

    file: str
    data: Any
    lines: Mapping[Location, int] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()

    def line(self, location: Location) -> int:
        """Return the line of `location` or of its nearest ancestor that has one."""
        while location and location not in self.lines:
            location = location[:-1]
        return self.lines.get(location, 1)


def read(path: Path) -> Document:
    """Read a YAML file; raises DocumentError naming the file when it cannot be read."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise DocumentError([Problem(str(path), 0, f"cannot read the file: {reason}")]) from error
    return parse(text, str(path))


def parse(text: str, file: str) -> Document:
    """Parse YAML text; raises DocumentError where it is not YAML.

    Duplicate keys, which YAML itself lets pass, are left to `validate` to tell with the rest.
    """
    return _loaded(text, file, lambda loader: _document(loader, loader.get_single_node(), file))


def parse_all(text: str, file: str) -> Sequence[Document]:
    """Parse the documents of a YAML stream, empty ones left out; raises as `parse` does."""
    return _loaded(text, file, lambda loader: [d for d in _documents(loader, file) if d.data])


def _documents(loader: yaml.SafeLoader, file: str) -> Iterator[Document]:
    while loader.check_node():
        yield _document(loader, loader.get_node(), file)


def _document(loader: yaml.SafeLoader, root: yaml.Node | None, file: str) -> Document:
    if root is None:
        return Document(file, {})
    lines: dict[Location, int] = {}
    problems = tuple(_walk(root, (), lines, file))
    data = loader.construct_document(root)
    return Document(file, {} if data is None else data, lines, problems)


def _loaded(text: str, file: str, load: Callable[[yaml.SafeLoader], Loaded]) -> Loaded:
    """Turn everything that YAML can raise into a DocumentError."""
    try:
        # The constructor wants the characters checked, so all works on one loader.
        return load(yaml.SafeLoader(text))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 0
        raise DocumentError([Problem(file, line, f"not valid YAML: {error.problem}")]) from error
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        message = f"not valid YAML: the character #x{ord(text[error.position]):04x} is not allowed"
        raise DocumentError([Problem(file, line, message)]) from error
    except RecursionError as error:
        message = "nested too deeply, or an alias that holds itself; write it out flat"
        raise DocumentError([Problem(file, 0, message)]) from error
    except (yaml.YAMLError, ValueError) as error:
        first_line = str(error).partition(";")[0].splitlines()[0]
        raise DocumentError([Problem(file, 0, f"not valid YAML: {first_line}")]) from error
    except (LookupError, AttributeError, TypeError) as error:
        # What a tag promises (`!!int`, `!!bool`, `!!timestamp`) its text does not hold.
        message = "not valid YAML: a value is not what its tag says; leave out the tag"
        raise DocumentError([Problem(file, 0, message)]) from error


def _walk(
    node: yaml.Node, at: Location, lines: dict[Location, int], file: str
) -> Iterator[Problem]:
    """Note the line of everything below `node`; yield a problem for each duplicate key."""
    if len(lines) > MOST_PLACES:
        # Aliases of aliases: a few lines can stand for billions.
        message = "too large once its aliases are written out; use fewer aliases"
        raise DocumentError([Problem(file, node.start_mark.line + 1, message)])
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            here = (*at, _key(key, file))
            line = key.start_mark.line + 1
            if here in lines:
                yield Problem(
                    file,
                    line,
                    f"duplicate key '{_dotted(here)}': first given on line {lines[here]}; "
                    "keep one of the two",
                )
                continue
            lines[here] = line
            yield from _walk(value, here, lines, file)
    elif isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            lines[(*at, index)] = item.start_mark.line + 1
            yield from _walk(item, (*at, index), lines, file)


def _key(node: yaml.Node, file: str) -> str:
    """Return a key's text; YAML reads some words (`on`, `1`, `null`) as something else."""
    if isinstance(node, yaml.ScalarNode) and node.tag in _KEY_TAGS:
        return str(node.value)
    shown = f" '{node.value}'" if isinstance(node, yaml.ScalarNode) else ""
    message = f"the key{shown} is not text; put it in quotes if it is meant"
    raise DocumentError([Problem(file, node.start_mark.line + 1, message)])


def validate(model: type[Model], document: Document) -> Model:
    """Build `model` from the document; raises DocumentError with every mistake at once."""
    if not isinstance(document.data, dict):
        message = f"expected a mapping such as 'thresholds:', found {_kind(document.data)}"
        raise DocumentError([Problem(document.file, 1, message)])
    problems = list(document.problems)
    try:
        built = model.model_validate(document.data)
    except ValidationError as error:
        problems += [
            Problem(document.file, document.line(e["loc"]), _explain(model, e))
            for e in error.errors(include_url=False)
        ]
        raise DocumentError(sorted(problems, key=lambda problem: problem.line)) from error
    if problems:
        raise DocumentError(problems)
    return built


def _explain(model: type[BaseModel], error: Any) -> str:  # noqa: ANN401 - pydantic's TypedDict varies
    """Say in words what is wrong at one place and what to do about it."""
    loc, kind = error["loc"], error["type"]
    path = _dotted(loc)
    if kind == "extra_forbidden":
        return _unknown_key(model, loc, path)
    if kind == "missing":
        return f"{path}: is required"
    message = error["msg"].removeprefix("Value error, ")
    message = message.removeprefix("Input ").removeprefix("String ")
    if kind.startswith(("greater_than", "less_than")) and isinstance(error["input"], str):
        # Only durations are numbers that may be written as text, and their limits are in seconds.
        message += " seconds"
    found = "" if kind in {"model_type", "dict_type", "tuple_type"} else _found(error["input"])
    return f"{path}: {_PLAIN_WORDS.get(kind, message)}{found}"


def _found(value: object) -> str:
    """Return a single value as it was given, unless it may hold a secret, as addresses do."""
    if isinstance(value, dict | list | tuple) or "://" in str(value) or "@" in str(value):
        return ""
    shown = repr(value)
    return f" (found {shown if len(shown) <= SHOWN else shown[:SHOWN] + '...'})"


def _dotted(location: Location) -> str:
    """Return a path as people write it, with what cannot be printed spelt out."""
    return ".".join(printable(str(part)) for part in location)


def _unknown_key(model: type[BaseModel], loc: Location, path: str) -> str:
    import difflib  # noqa: PLC0415 - memory that only a mistake needs

    known = _keys(_descend(model, loc[:-1]))
    near = difflib.get_close_matches(str(loc[-1]), known, n=1, cutoff=0.5)
    hint = f"did you mean '{near[0]}'?" if near else f"known keys: {', '.join(sorted(known))}"
    return f"unknown key '{path}'; {hint}"


def _keys(model: type[BaseModel] | None) -> list[str]:
    if model is None:
        return []
    return [info.alias or name for name, info in model.model_fields.items()]


def _descend(model: type[BaseModel], loc: Location) -> type[BaseModel] | None:
    """Return the model that describes the mapping at `loc` below `model`."""
    current: type[BaseModel] | None = model
    for part in loc:
        if current is None or isinstance(part, int):
            continue
        fields = {info.alias or name: info for name, info in current.model_fields.items()}
        current = _model_in(fields[part].annotation) if part in fields else None
    return current


def _model_in(annotation: Any) -> type[BaseModel] | None:  # noqa: ANN401 - any type annotation
    """Return the model inside an annotation such as `tuple[Channel, ...]` or `Rules | None`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    inner = (_model_in(argument) for argument in typing.get_args(annotation))
    return next((found for found in inner if found), None)


def _kind(value: object) -> str:
    names = {list: "a list", str: "text", int: "a number", float: "a number", bool: "a boolean"}
    return names.get(type(value), type(value).__name__)
