"""Whether the numbers of a run are still numbers: NaN, infinities, and losses of exactly zero."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

from alerts.history.records import Record


@dataclass
class Finiteness:
    """The latest non-finite sighting, and how many finite points came after it.

    The Trainer's default `logging_nan_inf_filter` replaces NaN losses, so the loss alone is blind:
    grad_norm, and a loss of exactly 0.0 beside a missing grad_norm, tell as well.
    """

    metric: str = ""
    step: int | None = None
    finite_since: int = 0
    grad_streak: int = 0
    grad_joined: bool = False

    def look(self, record: Record, *, loss_scaler: bool) -> bool:
        """Take in one record; tell whether something in it is not finite.

        With a loss scaler (fp16) grad_norm overflows in healthy runs: beside a finite, non-zero
        loss it counts only from the third point in a row.
        """
        found = self._sighting(record, loss_scaler=loss_scaler)
        if found:
            self.metric, self.step, self.finite_since = found, record.step, 0
        elif record.loss is not None:
            self.finite_since += 1
        if record.loss is not None and record.grad_norm is not None:
            self.grad_joined = True
        return bool(found)

    def _sighting(self, record: Record, *, loss_scaler: bool) -> str:
        if record.loss is not None and not math.isfinite(record.loss):
            return "loss"
        bad_set = next((s for s, v in record.evals.items() if not math.isfinite(v)), None)
        if bad_set is not None:
            return f"eval_{bad_set}_loss" if bad_set else "eval_loss"
        grad = record.grad_norm
        if grad is not None:
            self.grad_streak = 0 if math.isfinite(grad) else self.grad_streak + 1
            needed = 3 if loss_scaler and record.loss != 0.0 else 1
            return "grad_norm" if self.grad_streak >= needed else ""
        vanished = record.loss == 0.0 and self.grad_joined
        return "loss 0.0 without grad_norm" if vanished else ""

    def to_document(self) -> dict[str, Any]:
        """Return plain data for the state document."""
        return asdict(self)
