"""The files that the doctor is given: YAML documents, with the line of everything in them."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alerts.documents import Document, DocumentError, Location, Problem, parse_all
from exporter.doctor.finding import Place

STDIN = "-"
LARGEST = 2_000_000
"""Characters of a file beyond which it is no manifest."""
SUFFIXES = (".yaml", ".yml")
TOLD_ELSEWHERE = ("kustomization.yaml", "kustomization.yml", "Kustomization")


@dataclass(frozen=True)
class Text:
    """A text inside a file, such as a script, and the file's line of each of its lines."""

    value: str
    file: str
    lines: tuple[int, ...]

    def place(self, line: int) -> Place:
        """Return where a line of the text (from 0) is in the file."""
        return Place(self.file, self.lines[min(line, len(self.lines) - 1)])


@dataclass(frozen=True)
class Part:
    """One document of a file, and the file's own lines."""

    document: Document
    lines: tuple[str, ...]

    @property
    def file(self) -> str:
        """The file as the user named it."""
        return self.document.file

    def place(self, at: Location) -> Place:
        """Return where something is, or what is around it."""
        return Place(self.file, self.document.line(at))

    def text(self, value: str, at: Location) -> Text:
        """Return a text with its lines.

        A literal block has a line of the file for each of its own, below its key. What was folded
        or quoted is told by the line where it begins.
        """
        first = self.document.line(at)
        own = value.removesuffix("\n").split("\n")
        block = self.lines[first : first + len(own)]
        is_literal = all(a.strip() == b.strip() for a, b in zip(own, block, strict=False))
        if not is_literal or "\n" not in value:
            return Text(value, self.file, (first,))
        return Text(value, self.file, tuple(range(first + 1, first + 1 + len(own))))


def read(files: Sequence[str]) -> list[Part]:
    """Read files, the YAML of folders, and the standard input (`-`).

    Raises alerts.documents.DocumentError with what is wrong with every one of them.
    """
    parts: list[Part] = []
    problems: list[Problem] = []
    for name in files:
        try:
            for file, text in _texts(name):
                parts += _parts(file, text)
        except DocumentError as error:
            problems += error.problems
    if problems:
        raise DocumentError(problems)
    return parts


def _texts(name: str) -> Iterator[tuple[str, str]]:
    if name == STDIN:
        yield "<stdin>", _decoded(name, sys.stdin.buffer.read(LARGEST + 1))
        return
    path = Path(name)
    paths = list(_manifests(path)) if path.is_dir() else [path]
    if not paths:
        raise DocumentError([Problem(name, 0, "holds no YAML: name a file")])
    for one in paths:
        try:
            with one.open("rb") as file:
                content = file.read(LARGEST + 1)
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else error
            message = f"cannot read the file: {reason}"
            raise DocumentError([Problem(str(one), 0, message)]) from error
        yield str(one), _decoded(str(one), content)


def _manifests(folder: Path) -> Iterable[Path]:
    found = (path for path in folder.iterdir() if path.suffix in SUFFIXES)
    return sorted(path for path in found if path.name not in TOLD_ELSEWHERE)


def _decoded(name: str, content: bytes) -> str:
    if len(content) > LARGEST:
        message = f"is larger than {LARGEST // 1_000_000} MB: give the manifest alone"
        raise DocumentError([Problem(name, 0, message)])
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        message = "cannot read the file: it is not UTF-8 text"
        raise DocumentError([Problem(name, 0, message)]) from error


def _parts(file: str, text: str) -> list[Part]:
    lines = tuple(text.split("\n"))
    found = [Part(document, lines) for document in parse_all(text, file)]
    if not found:
        raise DocumentError([Problem(file, 0, "is empty: give a train.yaml or a manifest")])
    for part in found:
        if not isinstance(part.document.data, dict):
            message = "expected a mapping: a train.yaml, or an object of Kubernetes"
            raise DocumentError([Problem(file, 1, message)])
    return found


def mapping(value: Any) -> dict[str, Any]:  # noqa: ANN401 - whatever YAML holds
    """Return a mapping, an empty one for anything else: a manifest may hold what it likes."""
    return value if isinstance(value, dict) else {}


def items(value: Any) -> list[Any]:  # noqa: ANN401 - whatever YAML holds
    """Return a list, an empty one for anything else."""
    return value if isinstance(value, list) else []


def word(value: Any) -> str:  # noqa: ANN401 - whatever YAML holds
    """Return a text, an empty one for anything else."""
    return value if isinstance(value, str) else ""
