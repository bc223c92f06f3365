"""Finding training configurations: in a job's script, in a ConfigMap, or as files of their own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath
from typing import NamedTuple

from alerts.documents import Document
from exporter.doctor import script
from exporter.doctor.assembly import SUBSTITUTE, Run, Source, called, may_tell, source, training
from exporter.doctor.environment import Environment, Marks
from exporter.doctor.finding import Place
from exporter.doctor.inputs import SUFFIXES, Part, Text
from exporter.doctor.manifests import Workload, is_object, stores, workloads
from exporter.doctor.stores import Store
from exporter.doctor.training import Training


class Found(NamedTuple):
    """Configurations, and files that a job trains from and nobody has given, with where."""

    trainings: tuple[Training, ...]
    elsewhere: tuple[tuple[str, Place], ...]


class _Waiting(NamedTuple):
    """A call of LLaMA-Factory whose file was not found by its name."""

    path: str
    place: Place
    run: Run


def find(parts: Sequence[Part]) -> Found:
    """Find every training configuration; raises DocumentError where one is not valid YAML."""
    known = stores(parts)
    containers = tuple(workloads(parts, known))
    search = _Search([*_plain(parts), *_kept(known)])
    for workload in containers:
        search.look_into(workload)
    search.take_the_rest(containers)
    elsewhere = ((Marks.shown(one.path), one.place) for one in search.waiting)
    return Found(tuple(search.trainings), tuple(dict.fromkeys(elsewhere)))


class _Search:
    """Brings configurations and those who run them together."""

    def __init__(self, shelf: Sequence[Source]) -> None:
        self.trainings: list[Training] = []
        self.waiting: list[_Waiting] = []
        self._shelf = shelf
        self._taken: set[Source] = set()

    def look_into(self, workload: Workload) -> None:
        """Take what the script of a container writes, and what it trains from."""
        environment = _with_own(workload)
        written = dict(_written(workload, environment))
        for path, place, run in called(workload, environment):
            given = self._given(path, written, workload)
            if given is None:
                self.waiting.append(_Waiting(path, place, run))
            elif given not in self._taken:
                self._taken.add(given)
                self.trainings.append(training(given, run))
        run = Run(environment, workload, SUBSTITUTE in workload.script.value)
        rest = (one for one in written.values() if one not in self._taken and one.is_telling)
        self.trainings += (training(one, run) for one in rest)

    def _given(self, path: str, written: dict[str, Source], workload: Workload) -> Source | None:
        """Return what is at a path: written, in a mounted ConfigMap, or beside the manifest."""
        if not path:
            # All of it stands on the command line.
            return Source("", Document(workload.script.file, {}), workload.script)
        if path in written:
            return written[path]
        named = [one for one in self._shelf if one.name == PurePosixPath(path).name]
        mounted = [one for one in named if one.holder and one.holder.name in workload.mounted]
        return next(iter((*mounted, *(one for one in named if one.holder is None))), None)

    def take_the_rest(self, containers: Sequence[Workload]) -> None:
        """Take what nobody was seen to run; a file of its own is for the only job that waits."""
        for one in self._shelf:
            if one not in self._taken and (one.holder is None or one.is_telling):
                self.trainings.append(training(one, self._runner(one, containers)))

    def _runner(self, given: Source, containers: Sequence[Workload]) -> Run:
        if given.holder is None:
            return self.waiting.pop().run if len(self.waiting) == 1 else Run(Environment())
        for workload in containers:
            if given.holder.name in workload.mounted:
                return Run(_with_own(workload), workload, SUBSTITUTE in workload.script.value)
        return Run(Environment())


def _with_own(workload: Workload) -> Environment:
    """Return the environment of a container with what its script sets."""
    own = script.assigned(workload.script, workload.environment)
    place = workload.script.place(0)
    return workload.environment.with_values(own, "is set by the script", place)


def _written(workload: Workload, environment: Environment) -> Iterator[tuple[str, Source]]:
    """Yield what here-documents write, as the shell writes it, by path."""
    for one in script.written(workload.script):
        path = script.expanded(one.path, environment)
        text = one.text
        if not path.endswith(SUFFIXES) or not may_tell(text):
            continue
        if one.expands:
            value = script.expanded(text.value, environment)
            is_same_length = value.count("\n") == text.value.count("\n")
            lines = text.lines if is_same_length else (text.lines[0],)
            text = Text(value, text.file, lines)
        yield path, source(PurePosixPath(path).name, text)


def _plain(parts: Sequence[Part]) -> Iterator[Source]:
    for part in parts:
        if not is_object(part):
            text = Text("", part.file, tuple(range(1, len(part.lines) + 1)))
            yield Source(PurePosixPath(part.file).name, part.document, text)


def _kept(known: Sequence[Store]) -> Iterator[Source]:
    for store in known:
        for key, text in store.values.items():
            if text is not None and key.endswith(SUFFIXES) and may_tell(text):
                yield source(key, text, store)
