"""The arguments that LLaMA-Factory takes, and its answer to one that it does not know.

`arguments.csv` was collected from the dataclasses of LLaMA-Factory 0.9.1, 0.9.3, 0.9.4 and 0.9.5
(model, data, training, fine-tuning and generating arguments) and from those of the Trainer
(`Seq2SeqTrainingArguments`) in Transformers 4.46.3, 4.57.1, 5.6.0 and 5.23.0; see
`tests/support/llamafactory_arguments.py`. Its column `until` names the last of these releases that
had an argument, where the newest do not.
"""

from __future__ import annotations

import csv
import difflib
from functools import cache
from importlib import resources
from typing import NamedTuple


class Argument(NamedTuple):
    """An argument: what it takes (`switch`, `number` or `any`), and the last release with it."""

    kind: str
    until: str


@cache
def known() -> dict[str, Argument]:
    """Return all arguments by name."""
    text = resources.files("exporter.doctor").joinpath("arguments.csv").read_text("utf-8")
    return {
        row["argument"]: Argument(row["kind"], row["until"])
        for row in csv.DictReader(text.splitlines())
    }


def nearest(key: str) -> str | None:
    """Return the known argument that is most like a mistaken one, None where none is."""
    near = difflib.get_close_matches(key, list(known()), n=1, cutoff=0.6)
    return near[0] if near else None
