"""A folder of MLflow's file store (`mlruns`), read without MLflow and never written.

The layout is that of `mlflow.store.tracking.file_store`: `<experiment>/<run>/meta.yaml` beside
folders in which each metric, param and tag is a file. A metric's file has one line for each point,
`time value step`, in the order in which they were logged.
"""

from __future__ import annotations

import contextlib
import math
import os
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from alerts.model import RunStatus
from exporter.sources import SourceDown
from exporter.sources.mlflow.file_history import FileHistory, Latest, read_latest
from exporter.sources.mlflow.tracking import TrackedRun, Tracking, read_status

META = "meta.yaml"
STATUSES = {1: "RUNNING", 2: "SCHEDULED", 3: "FINISHED", 4: "FAILED", 5: "KILLED"}
"""The numbers of `mlflow.entities.RunStatus`."""

Meta = Mapping[str, Any]


def connect(folder: Path) -> Tracking:
    """Return the store in a folder; raises SourceDown when there is no such folder."""
    if not folder.is_dir():
        raise SourceDown(
            f"there is no MLflow file store at {folder}",
            "correct MLFLOW_TRACKING_URI, or wait until the first run creates it",
        )
    index = FileRunIndex(folder)
    return Tracking(link="", runs=index, history=FileHistory(index.metric_file))


class _Seen(NamedTuple):
    """What a meta file said when it had this signature."""

    signature: tuple[int, int]
    meta: Meta


class FileRunIndex:
    """Runs and experiments of a folder; a poll looks at the date of every run, and reads few."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._experiments: dict[str, _Seen] = {}
        self._runs: dict[Path, _Seen] = {}
        self._homes: dict[str, Path] = {}
        self._latest: dict[Path, Latest] = {}

    def metric_file(self, run_id: str, key: str) -> Path:
        """Return the file of a metric of a run that was listed."""
        return self._homes[run_id] / "metrics" / key

    def experiments(self) -> Mapping[str, str]:
        """Return the names of all active experiments by id."""
        with _told(self._root):
            folders = [entry for entry in self._root.iterdir() if not entry.name.startswith(".")]
            found = {f.name: seen for f in folders if (seen := _meta(f, self._experiments, f.name))}
        self._experiments = found
        return {
            str(seen.meta.get("experiment_id", name)): str(seen.meta.get("name", name))
            for name, seen in found.items()
            if seen.meta.get("lifecycle_stage") == "active"
        }

    def running(
        self, experiments: Collection[str], started_after: int | None = None
    ) -> list[TrackedRun]:
        """Return runs with status RUNNING, oldest first."""
        after = -math.inf if started_after is None else started_after

        def wanted(meta: Meta) -> bool:
            return _alive(meta) and _status(meta) == "RUNNING" and meta["start_time"] > after

        return self._select(experiments, wanted)

    def ended_since(self, experiments: Collection[str], since: int) -> list[TrackedRun]:
        """Return runs that do not run and whose end time is later than `since` (ms)."""

        def wanted(meta: Meta) -> bool:
            ended = _alive(meta) and _status(meta) != "RUNNING"
            return ended and (meta.get("end_time") or 0) > since

        return self._select(experiments, wanted)

    def by_ids(self, experiments: Collection[str], run_ids: Collection[str]) -> list[TrackedRun]:
        """Return those of the runs that still exist, deleted ones marked."""
        return self._select(experiments, lambda meta: meta["run_id"] in run_ids)

    def _select(
        self, experiments: Collection[str], wanted: Callable[[Meta], bool]
    ) -> list[TrackedRun]:
        with _told(self._root):
            self._root.stat()  # or all runs would seem deleted while a disk is away
            found = dict(self._scan(experiments))
            chosen = [(folder, meta) for folder, meta in found.items() if wanted(meta)]
            chosen.sort(key=lambda item: (item[1]["start_time"], item[1]["run_id"]))
            return [self._run(folder, meta) for folder, meta in chosen]

    def _scan(self, experiments: Collection[str]) -> Iterator[tuple[Path, Meta]]:
        for experiment in sorted(experiments):
            home = self._root / experiment
            folders = home.iterdir() if home.is_dir() else ()
            for folder in folders:
                seen = _meta(folder, self._runs, folder)
                if seen is None or "run_id" not in seen.meta:
                    self._runs.pop(folder, None)
                    continue
                self._runs[folder] = seen
                self._homes[seen.meta["run_id"]] = folder
                yield folder, seen.meta

    def _run(self, folder: Path, meta: Meta) -> TrackedRun:
        tags = _texts(folder / "tags")
        latest = {key: self._newest(path) for key, path in _files(folder / "metrics")}
        return TrackedRun(
            run_id=meta["run_id"],
            name=meta.get("run_name") or tags.get("mlflow.runName", ""),
            experiment_id=str(meta["experiment_id"]),
            user=tags.get("mlflow.user") or meta.get("user_id") or "",
            status=_status(meta),
            started=meta["start_time"],
            ended=meta.get("end_time"),
            deleted=not _alive(meta),
            latest={key: found.point for key, found in latest.items() if found.point},
            params=_texts(folder / "params"),
            tags=tags,
        )

    def _newest(self, path: Path) -> Latest:
        found = self._latest[path] = read_latest(path, self._latest.get(path))
        return found


def _meta(folder: Path, seen: Mapping[Any, _Seen], name: object) -> _Seen | None:
    """Return what the folder's meta file says, which is read again only when it has changed."""
    path = folder / META
    try:
        stat = path.stat()
        signature = (stat.st_mtime_ns, stat.st_size)
        known = seen.get(name)
        if known and known.signature == signature:
            return known
        meta = yaml.load(path.read_bytes(), Loader=_LOADER)  # noqa: S506 - a safe loader, in C
    except (FileNotFoundError, NotADirectoryError, yaml.YAMLError):
        return None
    return _Seen(signature, meta) if isinstance(meta, dict) else None


_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def _alive(meta: Meta) -> bool:
    return bool(meta.get("lifecycle_stage", "active") == "active")


def _status(meta: Meta) -> RunStatus:
    return read_status(STATUSES.get(meta.get("status", 1)))


def _files(folder: Path) -> Iterator[tuple[str, Path]]:
    """Yield names and paths; a name with slashes lies in folders within the folder."""
    for home, _, names in os.walk(folder):
        for name in names:
            path = Path(home, name)
            yield path.relative_to(folder).as_posix(), path


def _texts(folder: Path) -> dict[str, str]:
    return {name: path.read_text("utf-8", "replace") for name, path in _files(folder)}


@contextlib.contextmanager
def _told(root: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise SourceDown(
            f"the MLflow file store {root} cannot be read ({error.strerror})",
            "check that the folder exists and that we may read it",
        ) from error
    except (KeyError, TypeError, ValueError) as error:
        raise SourceDown(
            f"{root} is not an MLflow file store", "correct MLFLOW_TRACKING_URI"
        ) from error
