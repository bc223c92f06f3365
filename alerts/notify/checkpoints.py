"""Which checkpoint of a Trainer run is nearest to its best evaluation, by the run's params.

Follows transformers: `TrainingArguments.save_*`, `Trainer._rotate_checkpoints`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

_DEFAULT_SAVE_STEPS = 500


def checkpoint_hint(params: Mapping[str, str], best_step: int, last_step: int) -> str:
    """Say which checkpoint has, or is nearest to, the model of the evaluation at `best_step`.

    `params` are the run's MLflow params, `last_step` is the run's latest step. Empty when the
    params tell nothing, as of a run that was not made by the Trainer.
    """
    strategy = _word(params, "save_strategy").rpartition(".")[2].lower()
    if strategy == "no":
        return "this run saves no checkpoints"
    if strategy == "steps":
        return _by_steps(params, best_step, last_step)
    if strategy == "epoch":
        return _by_epoch(params, best_step)
    if strategy == "best":
        return _by_best(params, best_step)
    return ""


def _by_steps(params: Mapping[str, str], best_step: int, last_step: int) -> str:
    every = _save_steps(params)
    if every is None:
        share = 100 * float(_word(params, "save_steps"))
        return f"saved after every {share:g} % of the run; the steps are not known"
    if _saved(params, best_step, every, last_step):
        return f"checkpoint-{best_step}{_fate(params, best_step, every, last_step)}"
    before = best_step // every * every
    after = min(before + every, _end(params) or before + every)
    near = [step for step in (before, after) if _saved(params, step, every, last_step)]
    if not near:
        return f"no checkpoint yet, the first is saved at step {every}"
    names = " and ".join(f"checkpoint-{step}" for step in near)
    rotated = "; may be rotated away" if _limit(params) else ""
    return f"none was saved there; nearest {names}{rotated}"


def _saved(params: Mapping[str, str], step: int, every: int, last_step: int) -> bool:
    """Whether the Trainer saved at `step`; it also does when `max_steps` is reached."""
    return 0 < step <= last_step and (step % every == 0 or step == _end(params))


def _fate(params: Mapping[str, str], step: int, every: int, last_step: int) -> str:
    """Say how long the checkpoint at `step` exists."""
    if _keeps_best(params):
        return ", kept by load_best_model_at_end"
    limit = _limit(params)
    if not limit:
        return ""
    gone_at = step + limit * every
    if last_step < gone_at:
        return f", until checkpoint-{gone_at} replaces it (save_total_limit {limit}): copy it"
    return f", may be rotated away (save_total_limit {limit})"


def _by_epoch(params: Mapping[str, str], best_step: int) -> str:
    rotated = ", may be rotated away" if _limit(params) else ""
    if _keeps_best(params):
        return f"checkpoint-{best_step}, kept by load_best_model_at_end"
    evaluated = _word(params, "eval_strategy") or _word(params, "evaluation_strategy")
    if evaluated.rpartition(".")[2].lower() == "epoch":
        return f"checkpoint-{best_step}{rotated}"
    return f"saved at the end of each epoch; the steps are not known{rotated}"


def _by_best(params: Mapping[str, str], best_step: int) -> str:
    if _judges_by_loss(params):
        return f"checkpoint-{best_step}, saved at each new best"
    metric = _word(params, "metric_for_best_model")
    return f"saved at each new best {metric}, which may be another step"


def _keeps_best(params: Mapping[str, str]) -> bool:
    """Whether rotation spares the checkpoint of the lowest evaluation loss."""
    return _word(params, "load_best_model_at_end").lower() == "true" and _judges_by_loss(params)


def _judges_by_loss(params: Mapping[str, str]) -> bool:
    return _word(params, "metric_for_best_model") in ("", "loss", "eval_loss")


def _save_steps(params: Mapping[str, str]) -> int | None:
    """Return the steps between two saves; None for a share of a run whose length is not known."""
    every = _positive(params, "save_steps") or _DEFAULT_SAVE_STEPS
    if every >= 1:
        return int(every)
    end = _end(params)
    return math.ceil(end * every) if end else None


def _end(params: Mapping[str, str]) -> int:
    """Return `max_steps`, 0 when the run's length is given in epochs."""
    return _integer(params, "max_steps") or 0


def _limit(params: Mapping[str, str]) -> int:
    """Return `save_total_limit`, 0 when there is none."""
    return _integer(params, "save_total_limit") or 0


def _word(params: Mapping[str, str], name: str) -> str:
    """Return the param, empty when absent or logged as Python's None."""
    value = params.get(name, "").strip()
    return "" if value == "None" else value


def _positive(params: Mapping[str, str], name: str) -> float | None:
    try:
        value = float(_word(params, name))
    except ValueError:
        return None
    return value if math.isfinite(value) and value > 0 else None


def _integer(params: Mapping[str, str], name: str) -> int | None:
    value = _positive(params, name)
    return None if value is None else int(value)
