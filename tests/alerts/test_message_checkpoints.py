"""Which checkpoint the Trainer's params promise for the best evaluation."""

from __future__ import annotations

import pytest

from alerts.notify.checkpoints import checkpoint_hint

STEPS = {"save_strategy": "steps", "save_steps": "100", "save_total_limit": "None"}
LIMITED = {**STEPS, "save_total_limit": "2"}
BEST_KEPT = {**LIMITED, "load_best_model_at_end": "True", "metric_for_best_model": "loss"}


@pytest.mark.parametrize(
    ("params", "best", "last", "hint"),
    [
        ({}, 72, 144, ""),
        ({"lr": "0.1"}, 72, 144, ""),
        ({"save_strategy": "no", "save_steps": "500"}, 72, 144, "this run saves no checkpoints"),
        ({"save_strategy": "SaveStrategy.NO"}, 72, 144, "this run saves no checkpoints"),
        (STEPS, 200, 350, "checkpoint-200"),
        (STEPS, 150, 350, "none was saved there; nearest checkpoint-100 and checkpoint-200"),
        (STEPS, 320, 350, "none was saved there; nearest checkpoint-300"),
        (STEPS, 50, 350, "none was saved there; nearest checkpoint-100"),
        (STEPS, 50, 60, "no checkpoint yet, the first is saved at step 100"),
        ({"save_strategy": "steps"}, 500, 600, "checkpoint-500"),
        (
            LIMITED,
            200,
            350,
            "checkpoint-200, until checkpoint-400 replaces it (save_total_limit 2): copy it",
        ),
        (LIMITED, 200, 400, "checkpoint-200, may be rotated away (save_total_limit 2)"),
        (
            LIMITED,
            150,
            350,
            "none was saved there; nearest checkpoint-100 and checkpoint-200; may be rotated away",
        ),
        (BEST_KEPT, 200, 900, "checkpoint-200, kept by load_best_model_at_end"),
        (
            {**BEST_KEPT, "metric_for_best_model": "eval_accuracy"},
            200,
            900,
            "checkpoint-200, may be rotated away (save_total_limit 2)",
        ),
        ({**STEPS, "max_steps": "350"}, 350, 350, "checkpoint-350"),
        (
            {**STEPS, "max_steps": "350"},
            330,
            350,
            "none was saved there; nearest checkpoint-300 and checkpoint-350",
        ),
        ({**STEPS, "save_steps": "0.1", "max_steps": "1005"}, 101, 350, "checkpoint-101"),
        (
            {**STEPS, "save_steps": "0.1", "max_steps": "-1"},
            101,
            350,
            "saved after every 10 % of the run; the steps are not known",
        ),
        ({**STEPS, "save_steps": "nonsense"}, 500, 600, "checkpoint-500"),
        (
            {"save_strategy": "epoch"},
            72,
            144,
            "saved at the end of each epoch; the steps are not known",
        ),
        ({"save_strategy": "epoch", "eval_strategy": "epoch"}, 72, 144, "checkpoint-72"),
        (
            {"save_strategy": "epoch", "eval_strategy": "epoch", "save_total_limit": "1"},
            72,
            144,
            "checkpoint-72, may be rotated away",
        ),
        (
            {"save_strategy": "epoch", "load_best_model_at_end": "True"},
            72,
            144,
            "checkpoint-72, kept by load_best_model_at_end",
        ),
        ({"save_strategy": "best"}, 72, 144, "checkpoint-72, saved at each new best"),
        (
            {"save_strategy": "best", "metric_for_best_model": "eval_f1"},
            72,
            144,
            "saved at each new best eval_f1, which may be another step",
        ),
        ({"save_strategy": "sometimes"}, 72, 144, ""),
    ],
)
def test_hint(params: dict[str, str], best: int, last: int, hint: str) -> None:
    assert checkpoint_hint(params, best, last) == hint


def test_a_long_run_that_saves_each_step_costs_nothing() -> None:
    params = {"save_strategy": "steps", "save_steps": "1"}
    assert checkpoint_hint(params, 10**9, 10**12) == f"checkpoint-{10**9}"
