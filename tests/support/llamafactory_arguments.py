"""Collecting what LLaMA-Factory takes from the dataclasses of its releases, without importing them.

    pip install --no-deps --target FOLDER llamafactory==0.9.4    (one folder for each release)
    pip install --no-deps --target FOLDER transformers==4.57.1
    python -m tests.support.llamafactory_arguments FOLDER... > exporter/doctor/arguments.csv

Of each package the folders are given from the oldest release to the newest; transformers beyond
what the newest LLaMA-Factory allows adds arguments and takes none away, so it comes with `+`.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

SECTIONS = ("Model", "Data", "Training", "Finetuning", "Generating")
TRAINER = "Seq2SeqTrainingArguments"
SOURCES = {
    "LLaMA-Factory": ("llamafactory", "llamafactory/hparams/*.py"),
    "Transformers": ("transformers", "transformers/training_args*.py"),
}


class Class(NamedTuple):
    """A dataclass: its bases, and the fields that its constructor takes, with their types."""

    bases: tuple[str, ...]
    fields: Mapping[str, str]


def classes(path: Path) -> Iterator[tuple[str, Class]]:
    """Yield the classes of a file by name."""
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if not isinstance(node, ast.ClassDef):
            continue
        fields = {
            statement.target.id: ast.unparse(statement.annotation)
            for statement in node.body
            if isinstance(statement, ast.AnnAssign)
            and isinstance(statement.target, ast.Name)
            and "init=False" not in (ast.unparse(statement.value) if statement.value else "")
        }
        yield node.name, Class(tuple(ast.unparse(base) for base in node.bases), fields)


def flat(name: str, known: Mapping[str, Class]) -> dict[str, str]:
    """Return all fields of a dataclass, those of its bases included."""
    if name not in known:
        return {}
    inherited: dict[str, str] = {}
    for base in reversed(known[name].bases):
        inherited |= flat(base, known)
    return {**inherited, **known[name].fields}


def kind(annotation: str) -> str:
    """Return what an argument takes: a switch, a number, or anything."""
    inner = re.sub(r"^(?:Optional|Union)\[(.*)\]$", r"\1", annotation)
    parts = {part.strip() for part in re.split(r"[|,]", inner)} - {"None"}
    if parts == {"bool"}:
        return "switch"
    return "number" if parts and parts <= {"int", "float"} else "any"


def arguments(folder: Path) -> tuple[str, str, dict[str, str]]:
    """Return the product in a folder, its version, and the type of each of its arguments."""
    for product, (package, pattern) in SOURCES.items():
        known = dict(one for path in sorted(folder.glob(pattern)) for one in classes(path))
        if not known:
            continue
        (info,) = folder.glob(f"{package}-*.dist-info")
        version = info.name.removeprefix(f"{package}-").removesuffix(".dist-info")
        tops = [TRAINER] if package == "transformers" else [f"{one}Arguments" for one in SECTIONS]
        return product, version, {k: v for top in tops for k, v in flat(top, known).items()}
    raise SystemExit(f"{folder} holds neither llamafactory nor transformers")


def table(folders: Iterable[str]) -> list[str]:
    """Return the lines of `arguments.csv`; the last release of a product has what holds now."""
    rows: dict[str, tuple[str, str]] = {}
    current: dict[str, set[str]] = {}
    added: set[str] = set()
    for folder in folders:
        product, version, found = arguments(Path(folder.removeprefix("+")))
        if folder.startswith("+"):
            added |= found.keys()
        else:
            current[product] = set(found)
        short = version.rpartition(".")[0] if product == "Transformers" else version
        for name, annotation in found.items():
            rows[name] = (kind(annotation), f"{product} {short}")
    now = added.union(*current.values())
    lines = (f"{n},{k},{'' if n in now else until}" for n, (k, until) in sorted(rows.items()))
    return ["argument,kind,until", *lines]


if __name__ == "__main__":
    sys.stdout.write("\n".join(table(sys.argv[1:])) + "\n")
