"""Putting a training configuration together: its text, who runs it, and what is replaced in it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from alerts.documents import Document, DocumentError, Problem, parse
from exporter.doctor import script
from exporter.doctor.environment import Environment
from exporter.doctor.finding import Place
from exporter.doctor.inputs import Text, mapping
from exporter.doctor.manifests import Workload
from exporter.doctor.stores import Store
from exporter.doctor.training import Setting, Training

TELLING = {"stage", "do_train", "report_to", "output_dir", "num_train_epochs", "max_steps"}
"""Keys that a training configuration has, and one for export or inference has not."""
SUBSTITUTE = "envsubst"
"""The command by which a job fills in the variables of a file."""
FLAG_LINES = 20
"""Lines below a flag within which the next one stands."""


@dataclass(frozen=True, eq=False)
class Source:
    """A configuration before anybody runs it; `holder` is the ConfigMap that has it."""

    name: str
    document: Document
    text: Text
    holder: Store | None = None

    @property
    def is_telling(self) -> bool:
        """Whether it is plainly one to train with."""
        return bool(TELLING & mapping(self.document.data).keys())


class Run(NamedTuple):
    """Who runs a configuration; `fills` says whether it replaces variables in it.

    `overrides` are `key=value` from the command line, with where they stand.
    """

    environment: Environment
    workload: Workload | None = None
    fills: bool = False
    overrides: tuple[tuple[str, Place], ...] = ()


def may_tell(text: Text) -> bool:
    """Whether a text may be a training configuration; others need not even be YAML."""
    return any(f"{key}:" in text.value for key in TELLING)


def source(name: str, text: Text, holder: Store | None = None) -> Source:
    """Parse a text; raises DocumentError with lines of the file that it is in."""
    try:
        return Source(name, parse(text.value, text.file), text, holder)
    except DocumentError as error:
        # Its lines are counted from where the text begins.
        raise DocumentError(
            Problem(*text.place(max(0, problem.line - 1)), f"{name}: {problem.message}")
            for problem in error.problems
        ) from error


def training(given: Source, run: Run) -> Training:
    """Return the configuration as a run has it."""
    document, text = given.document, given.text
    settings: dict[str, Setting] = {}
    literal: list[Setting] = []
    for key, value in mapping(document.data).items():
        place = text.place(document.line((key,)) - 1)
        names = script.unexpanded(value) if isinstance(value, str) else ()
        if names and run.fills:
            value = scalar(script.expanded(value, run.environment))  # noqa: PLW2901 - the same value, filled in
        else:
            literal += (Setting(name, place) for name in names)
        settings[key] = Setting(value, place)
    settings |= _overridden(run.overrides)
    duplicates = (Setting(p.message, text.place(p.line - 1)) for p in document.problems)
    begin = run.overrides[0][1] if run.overrides and not document.data else text.place(0)
    return Training(
        begin, settings, run.environment, run.workload, tuple(literal), tuple(duplicates)
    )


def _overridden(overrides: Iterable[tuple[str, Place]]) -> Mapping[str, Setting]:
    parts = ((one.partition("="), place) for one, place in overrides)
    return {key: Setting(scalar(value), place) for (key, _, value), place in parts}


def scalar(text: str) -> Any:  # noqa: ANN401 - whatever YAML holds
    """Read a value as YAML does; what is none stays text."""
    try:
        found = parse(text, "").data
    except DocumentError:
        return text
    return None if found == {} else found


def called(workload: Workload, environment: Environment) -> Iterator[tuple[str, Place, Run]]:
    """Yield what a container trains from, where it says so, and how it runs it."""
    lines = workload.script.value.split("\n")
    fills = SUBSTITUTE in workload.script.value
    for call in script.trainings(workload.script):
        overrides, last = [], call.line
        for one in call.overrides:
            key = one.partition("=")[0]
            # A call may go over many lines, each with a flag.
            near = range(last, min(last + FLAG_LINES, len(lines)))
            last = next((number for number in near if key in lines[number]), last)
            place = workload.script.place(last)
            overrides.append((script.expanded(one, environment), place))
        run = Run(environment, workload, fills, tuple(overrides))
        yield script.expanded(call.path, environment), workload.script.place(call.line), run
