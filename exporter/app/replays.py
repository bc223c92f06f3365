"""Replays of runs named on the command line: recordings, or runs of the tracking server."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from alerts.replay import Recording, read_recording, replay
from alerts.replay.recording import RecordingError
from alerts.replay.view import json_line, report
from alerts.thresholds import LimitBook
from exporter.config import Config, load_config
from exporter.sources import SourceDown

_RUN_ID = re.compile(r"[A-Za-z0-9][\w-]{15,63}")


class ReplayError(Exception):
    """A run cannot be replayed; the message says which, why, and what to do."""


def replays(runs: Sequence[str], config_file: Path | None, *, as_json: bool) -> Iterator[str]:
    """Yield one JSON line per transition of all runs in time order, or one report per run.

    Raises ReplayError for a run that cannot be read, SourceDown where the tracking server does not
    answer, and DocumentError for a bad configuration.
    """
    config = load_config(config_file)
    book = LimitBook(config)
    recordings = [_recording(name, config) for name in runs]
    if not as_json:
        for recording in recordings:
            yield report(recording, list(replay(recording, book)))
        return
    told = [(r.facts, transition) for r in recordings for transition in replay(r, book)]
    for facts, transition in sorted(told, key=lambda pair: pair[1].at):
        yield json_line(facts, transition)


def _recording(name: str, config: Config) -> Recording:
    path = Path(name)
    if not path.exists() and _RUN_ID.fullmatch(name):
        return _downloaded(name, config)
    try:
        return read_recording(path)
    except RecordingError as error:
        raise ReplayError(str(error)) from error


def _downloaded(run_id: str, config: Config) -> Recording:
    from exporter.app.runs import mlflow_settings, rule_inputs  # noqa: PLC0415 - files need none
    from exporter.sources.mlflow.download import download  # noqa: PLC0415 - as above

    try:
        found = download(mlflow_settings(config), rule_inputs(config), run_id)
    except SourceDown as error:
        raise SourceDown(f"{run_id}: {error.problem}", error.remedy) from error
    if found is None:
        raise ReplayError(
            f"{run_id}: the tracking server has no such run, nor is there such a file"
        )
    return Recording(found.facts, found.points)
