"""A run as the tracking server kept it, read from a file."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from alerts.model import MetricPoint, RunFacts, RunStatus


@dataclass(frozen=True, slots=True)
class Recording:
    """The final facts of a run and all of its points, in any order."""

    facts: RunFacts
    points: tuple[MetricPoint, ...]


class RecordingError(Exception):
    """A file is no recording; the message names the file, what is wrong and the remedy."""


Integer = Annotated[int, Field(ge=-(2**63), lt=2**63)]
"""What MLflow can store as a step or a time."""


class _File(BaseModel):
    """The file format: times in milliseconds, `[step, time, value]` per point, NaN as text."""

    model_config = ConfigDict(extra="ignore")

    run_id: str
    run_name: str
    status: RunStatus
    start_time: Integer
    end_time: Integer | None = None
    experiment_name: str = ""
    tags: dict[str, str] = Field(default_factory=dict)
    params: dict[str, str] = Field(default_factory=dict)
    metrics: dict[str, list[tuple[Integer, Integer, Annotated[float, Field(allow_inf_nan=True)]]]]


def read_recording(path: Path) -> Recording:
    """Read a recording; raises RecordingError."""
    try:
        document = json.loads(path.read_bytes())
    except OSError as error:
        raise RecordingError(f"{path}: cannot read the file: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise RecordingError(
            f"{path}: not a JSON file ({error}); give a recording or an MLflow run id"
        ) from error
    try:
        return _recording(_File.model_validate(document))
    except ValidationError as error:
        first: Any = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "the whole file"
        raise RecordingError(f"{path}: not a recording: {where}: {first['msg']}") from error


def _recording(file: _File) -> Recording:
    facts = RunFacts(
        run_id=file.run_id,
        name=file.run_name,
        experiment=file.experiment_name,
        status=file.status,
        started_at=file.start_time / 1000,
        ended_at=None if file.end_time is None else file.end_time / 1000,
        params=file.params,
        has_params=bool(file.params),
        tags=file.tags,
    )
    points = tuple(
        MetricPoint(metric, step, time / 1000, value)
        for metric, logged in file.metrics.items()
        for step, time, value in logged
    )
    return Recording(facts, points)
