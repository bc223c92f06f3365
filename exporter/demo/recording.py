"""The recorded training runs that the demonstration plays, shipped as package data."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, NamedTuple


class Record(NamedTuple):
    """What a trainer logged at one moment; `offset` is in seconds since the run began.

    Values are as MLflow's REST API writes them: numbers, or the text `NaN`.
    """

    offset: float
    step: int
    values: Mapping[str, float | str]


@dataclass(frozen=True, slots=True)
class Recording:
    """One run from its first record to its end; `seconds` is how long it took."""

    name: str
    experiment: str
    status: str
    seconds: float
    tags: Mapping[str, str]
    params: Mapping[str, str]
    records: tuple[Record, ...]


def load(name: str) -> Recording:
    """Return the recording of that name; raises FileNotFoundError when there is none."""
    text = files("exporter.demo").joinpath("recordings", f"{name}.json").read_text("utf-8")
    return from_document(json.loads(text))


def from_document(document: Mapping[str, Any]) -> Recording:
    """Turn the metrics of a run, kept by name, into records in the order of their logging."""
    begun = document["start_time"]
    moments: dict[tuple[int, int], dict[str, float | str]] = defaultdict(dict)
    for metric, points in document["metrics"].items():
        for step, timestamp, value in points:
            moments[timestamp, step][metric] = value
    return Recording(
        name=document["run_name"],
        experiment=document["experiment_name"],
        status=document["status"],
        seconds=(document["end_time"] - begun) / 1000,
        tags=document["tags"],
        params=document["params"],
        records=tuple(
            Record((timestamp - begun) / 1000, step, values)
            for (timestamp, step), values in sorted(moments.items())
        ),
    )
