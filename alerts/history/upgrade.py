"""Histories as state documents of version 1 have them: with all points of their windows."""

from __future__ import annotations

from typing import Any

from alerts.history.steps import Packed, pack

History = dict[str, Any]
"""Plain data of one run, as `RunHistory.to_document` returns it or once did."""


def upgraded(document: History) -> History:
    """Return a history as it is written today; the windows in an old one are read again."""
    if "points" not in document["loss"]:
        return document
    return {
        **document,
        **{name: _series(document[name]) for name in ("loss", "grad_norm", "epoch_series")},
        **{name: _packed(document[name]) for name in ("levels", "grad_levels", "curve")},
        "evals": {name: _evaluations(evals) for name, evals in document["evals"].items()},
    }


def _series(document: History) -> History:
    points = document["points"]
    steps: Packed = pack([step for step, _, _ in points])
    return {**document, "steps": steps, "last": points[-1][1:] if points else None}


def _packed(document: History) -> History:
    return {**document, "steps": pack(document["steps"])}


def _evaluations(document: History) -> History:
    means = [[step, mean] for step, _, mean in document["train_means"]["points"]]
    return {**document, "losses": _series(document["losses"]), "train_means": means}
