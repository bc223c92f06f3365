"""What a shell script writes and starts, read as text: here-documents, variables, trainings."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from exporter.doctor.environment import Environment, Marks
from exporter.doctor.inputs import Text

_HEREDOC = re.compile(r"(?<!<)<<(-?)\s*(?:'(\w+)'|\"(\w+)\"|\\(\w+)|(\w+))")
_TARGET = re.compile(r"(?:>\s*|\btee\s+(?:-\w+\s+)*)(?!&)(\"[^\"]+\"|'[^']+'|[^\s\"'<>|;&]+)")
_ASSIGNMENT = re.compile(r"\s*(?:export\s+)?([A-Za-z_]\w*)=(.*)")
_PLAIN = re.compile(r"(\"(?:[^\"`\\]|\\.)*\"|'[^']*'|[^\s\"'`;&|]*)\s*;?")
_EXPANSION = re.compile(
    r"\\([$`\\])"
    r"|\$\{(?P<name>[A-Za-z_]\w*)(?:(?P<how>:?[-=])(?P<other>[^}$]*))?\}"
    r"|\$(?P<bare>[A-Za-z_]\w*)"
    r"|(?P<computed>\$\{[^}]*\}|\$\([^)]*\)|`[^`]*`)"
)
_TRAINERS = ("llamafactory-cli", "lmf")
_ENDS = re.compile(r"[;&|<>()]|\d>")


class Written(NamedTuple):
    """A file that a script writes from a here-document."""

    path: str
    text: Text
    expands: bool
    """Whether the shell replaces variables in it."""


class Training(NamedTuple):
    """A call of LLaMA-Factory: its file, and what is given beside it as `key=value`.

    Without a file all is given as `--key value`, and `path` is empty.
    """

    path: str
    overrides: tuple[str, ...]
    line: int


def written(script: Text) -> Iterator[Written]:
    """Yield the files that here-documents write."""
    lines = script.value.split("\n")
    for number, end, match in _heredocs(lines):
        target = _TARGET.search(_HEREDOC.sub("", lines[number]))
        body = lines[number + 1 : end]
        if match[1]:
            body = [line.lstrip("\t") for line in body]
        if target is None or not body:
            continue
        places = tuple(script.place(index).line for index in range(number + 1, end))
        text = Text("\n".join(body), script.file, places)
        yield Written(target[1].strip("\"'"), text, match[5] is not None)


def commands(script: Text) -> Iterator[tuple[int, str]]:
    """Yield the lines that are no here-document, continued ones as one, without comments."""
    lines = script.value.split("\n")
    inside = {n for number, end, _ in _heredocs(lines) for n in range(number + 1, end + 1)}
    begun, whole = 0, ""
    for number, line in enumerate(lines):
        if number in inside or line.lstrip().startswith("#"):
            continue
        begun = number if not whole else begun
        whole += line.removesuffix("\\")
        if not line.endswith("\\"):
            yield begun, whole
            whole = ""
    if whole:
        yield begun, whole


def _heredocs(lines: list[str]) -> Iterator[tuple[int, int, re.Match[str]]]:
    """Yield the line of each here-document, the line that ends it, and what was found."""
    number = 0
    while number < len(lines):
        match = _HEREDOC.search(lines[number])
        if match is None or lines[number].lstrip().startswith("#"):
            number += 1
            continue
        word = next(group for group in match.groups()[1:] if group)
        end = number + 1
        while end < len(lines) and (lines[end].lstrip("\t") if match[1] else lines[end]) != word:
            end += 1
        yield number, end, match
        number = end + 1


def assigned(script: Text, outside: Environment) -> dict[str, str]:
    """Return the variables that a script sets in so many words."""
    found: dict[str, str] = {}
    for number, line in commands(script):
        match = _ASSIGNMENT.match(line)
        if match is None:
            continue
        known = outside.with_values(found, "", script.place(number))
        found[match[1]] = _assigned(match[1], match[2], known)
    return found


def _assigned(name: str, text: str, known: Environment) -> str:
    plain = _PLAIN.fullmatch(text)
    if plain is None:
        return Marks.mark(name)
    value = plain[1]
    if value[:1] == "'":
        return value[1:-1]
    return expanded(value.removeprefix('"').removesuffix('"').replace('\\"', '"'), known)


def expanded(text: str, known: Environment) -> str:
    """Replace variables as a shell does; what is not known leaves a mark (see `Marks`)."""

    def replaced(match: re.Match[str]) -> str:
        if match[1]:
            return match[1]
        if match["computed"]:
            return Marks.mark(match["computed"])
        name = match["name"] or match["bare"]
        variable = known.get(name)
        if match["how"] and (variable is None or (match["how"][0] == ":" and variable.value == "")):
            return str(match["other"])
        if variable is None or variable.value is None:
            return Marks.mark(name)
        return variable.value

    return _EXPANSION.sub(replaced, text)


def unexpanded(text: str) -> Iterable[str]:
    """Return the variables that a text names."""
    found = (match["name"] or match["bare"] for match in _EXPANSION.finditer(text))
    return [name for name in found if name]


def trainings(script: Text) -> Iterator[Training]:
    """Yield the calls of `llamafactory-cli train`."""
    for number, line in commands(script):
        words = _words(line)
        for index, word in enumerate(words):
            if word.rpartition("/")[2] in _TRAINERS and words[index + 1 : index + 2] == ["train"]:
                rest = list(_until_end(words[index + 2 :]))
                if rest and rest[0].startswith("--"):
                    yield Training("", tuple(_flags(rest)), number)
                elif rest:
                    yield Training(rest[0], tuple(rest[1:]), number)


def _flags(words: Sequence[str]) -> Iterator[str]:
    """Yield `key=value` for each flag; one without a value is a switch."""
    for index, word in enumerate(words):
        if word.startswith("--"):
            key, is_joined, value = word.removeprefix("--").partition("=")
            after = words[index + 1 : index + 2]
            if not is_joined:
                value = after[0] if after and not after[0].startswith("--") else "true"
            yield f"{key}={value}"


def _words(line: str) -> list[str]:
    try:
        return shlex.split(line, comments=True)
    except ValueError:
        return line.split()


def _until_end(words: Iterable[str]) -> Iterator[str]:
    for word in words:
        if _ENDS.match(word):
            return
        yield word.rstrip(";")
        if word.endswith(";"):
            return
