"""Every check, on a configuration with one thing wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from exporter.doctor.checks import CHECKS
from tests.support.doctoring import ABSENT, examined, told, training

ALONE = ("tracking-uri", "note", "model_name_or_path: models/llama")
"""What is said of every configuration without the job that runs it."""
FIRST = "model_name_or_path: models/llama"

CASES: list[tuple[dict[str, object], str, str, str, str]] = [
    ({"do_train": False}, "task", "error", "do_train: false", "trains nothing"),
    ({"do_train": ABSENT}, "task", "error", FIRST, "set 'do_train: true'"),
    ({"stage": "sfft"}, "task", "error", "stage: sfft", "use one of pt, sft, rm"),
    (
        {"early_stopping_patience": 3},
        "unknown-key",
        "error",
        "early_stopping_patience: 3",
        "write 'early_stopping_steps: 3'",
    ),
    ({"lora_rnk": 8}, "unknown-key", "error", "lora_rnk: 8", "did you mean 'lora_rank'?"),
    ({"qqqqqqqq": 8}, "unknown-key", "error", "qqqqqqqq: 8", "leave it out"),
    (
        {"no_cuda": True},
        "gone-key",
        "warning",
        "no_cuda: true",
        "last taken by Transformers 4.57",
    ),
    ({"val_size": "0.1"}, "type", "error", "val_size: '0.1'", "not the text '0.1': write it with"),
    ({"bf16": "true"}, "type", "error", "bf16: 'true'", "write 'bf16: true' or 'bf16: false'"),
    ({"seed": [1]}, "type", "error", "seed:", "should be a number, not a list"),
    ({"dataset": "${DATA}"}, "variable", "error", "dataset: ${DATA}", "takes it literally"),
    ({"report_to": ABSENT}, "report-to", "error", FIRST, "set 'report_to: mlflow'"),
    ({"report_to": "none"}, "report-to", "error", "report_to: none", "nothing reaches MLflow"),
    ({"report_to": ["wandb"]}, "report-to", "error", "report_to:", "is 'wandb', so nothing"),
    ({"report_to": "all"}, "report-to", "warning", "report_to: all", "only where the image"),
    ({"logging_steps": ABSENT}, "logging-steps", "warning", FIRST, "one record in 500 steps"),
    ({"logging_steps": 0}, "logging-steps", "error", "logging_steps: 0", "must be above 0"),
    (
        {"logging_steps": 200, "eval_steps": 200, "save_steps": 200},
        "logging-steps",
        "warning",
        "logging_steps: 200",
        "hundreds of steps late",
    ),
    ({"logging_strategy": "no"}, "logging-steps", "error", "logging_steps: 10", "no loss is"),
    ({"logging_strategy": "epoch"}, "logging-steps", "warning", "logging_steps: 10", "per epoch"),
    ({"logging_strategy": "x"}, "logging-steps", "error", "logging_steps: 10", "has no logging_s"),
    (
        {"logging_first_step": False},
        "logging-first-step",
        "warning",
        "logging_first_step: false",
        "before any learning",
    ),
    (
        {"logging_steps": 100},
        "logging-and-eval",
        "warning",
        "logging_steps: 100",
        "set 'logging_steps: 5'",
    ),
    ({"logging_nan_inf_filter": ABSENT}, "nan-filter", "note", FIRST, "'nonfinite' tells by grad"),
    (
        {"logging_nan_inf_filter": True, "max_grad_norm": 0},
        "nan-filter",
        "warning",
        "logging_nan_inf_filter: true",
        "set 'max_grad_norm: 1.0'",
    ),
    ({"val_size": ABSENT}, "validation-set", "error", FIRST, "val_size is missing"),
    ({"val_size": 0}, "validation-set", "error", "val_size: 0", "val_size is 0"),
    ({"val_size": 0.7}, "validation-set", "warning", "val_size: 0.7", "takes 70% of the data"),
    ({"eval_dataset": "x"}, "validation-set", "error", "val_size: 0.1", "refuses val_size beside"),
    ({"streaming": True}, "validation-set", "error", "val_size: 0.1", "a number of examples"),
    ({"eval_strategy": "epoch"}, "eval-strategy", "warning", "eval_strategy: epoch", "as many"),
    ({"eval_strategy": "sometimes"}, "eval-strategy", "error", "eval_strategy: sometimes", "use"),
    ({"eval_strategy": ABSENT}, "eval-strategy", "error", FIRST, "eval_strategy is missing"),
    # YAML reads this bare word as false.
    ({"eval_strategy": False}, "eval-strategy", "error", "eval_strategy: false", "is 'no'"),
    (
        {"eval_strategy": ABSENT, "evaluation_strategy": "steps"},
        "eval-strategy",
        "error",
        "evaluation_strategy: steps",
        "write 'eval_strategy: steps'",
    ),
    ({"eval_steps": ABSENT}, "eval-steps", "warning", "eval_strategy: steps", "every logging_st"),
    ({"eval_steps": 0}, "eval-steps", "error", "eval_steps: 0", "set 'eval_steps: 100'"),
    ({"eval_strategy": "epoch"}, "eval-steps", "warning", "eval_steps: 50", "has no effect"),
    (
        {"per_device_eval_batch_size": ABSENT},
        "eval-batch-size",
        "warning",
        "per_device_train_batch_size: 2",
        "the default is 8, 4 times that of training: set 'per_device_eval_batch_size: 2'",
    ),
    ({"compute_accuracy": True}, "eval-metrics", "note", "compute_accuracy: true", "every token"),
    (
        {"predict_with_generate": True},
        "eval-metrics",
        "error",
        "predict_with_generate: true",
        "no validation loss is computed",
    ),
    (
        {"predict_with_generate": True, "compute_accuracy": True},
        "eval-metrics",
        "error",
        "predict_with_generate: true",
        "refuses predict_with_generate beside",
    ),
    ({"save_strategy": "no"}, "checkpoints", "warning", "save_strategy: 'no'", "no checkpoint"),
    ({"save_strategy": ABSENT}, "checkpoints", "note", FIRST, "the default is 'steps'"),
    ({"save_strategy": "x"}, "checkpoints", "error", "save_strategy: x", "use one of no, steps"),
    ({"save_steps": ABSENT}, "checkpoints", "warning", "save_strategy: steps", "every 500 steps"),
    ({"save_total_limit": ABSENT}, "checkpoints", "warning", "save_steps: 100", "disk is full"),
    ({"save_strategy": "epoch"}, "best-model", "error", "save_strategy: epoch", "both to 'steps'"),
    ({"save_steps": 75}, "best-model", "error", "save_steps: 75", "a multiple of eval_steps (50)"),
    (
        {"stage": "rm"},
        "best-model",
        "error",
        "load_best_model_at_end: true",
        "in stage rm LLaMA-Factory refuses",
    ),
    (
        {"greater_is_better": True},
        "best-metric",
        "error",
        "greater_is_better: true",
        "the worst model would be the best",
    ),
    (
        {"metric_for_best_model": "eval_accuracy", "greater_is_better": True},
        "best-metric",
        "error",
        "metric_for_best_model: eval_accuracy",
        "nothing logs eval_accuracy without compute_accuracy",
    ),
    (
        {"metric_for_best_model": "rouge-l", "greater_is_better": False},
        "best-metric",
        "error",
        "greater_is_better: false",
        "set 'greater_is_better: true'",
    ),
    (
        {
            "save_strategy": "best",
            "metric_for_best_model": ABSENT,
            "load_best_model_at_end": ABSENT,
        },
        "best-metric",
        "error",
        "save_strategy: best",
        "needs to know what is best",
    ),
    (
        {"load_best_model_at_end": ABSENT},
        "best-metric",
        "note",
        "metric_for_best_model: eval_loss",
        "has no effect without",
    ),
    (
        {"early_stopping_steps": 3, "eval_strategy": "no", "load_best_model_at_end": ABSENT},
        "early-stopping",
        "error",
        "early_stopping_steps: 3",
        "refuses to start without evaluations",
    ),
    (
        {"early_stopping_steps": 3, "load_best_model_at_end": False},
        "early-stopping",
        "warning",
        "early_stopping_steps: 3",
        "keeps the last model",
    ),
    (
        {
            "early_stopping_steps": 3,
            "load_best_model_at_end": False,
            "metric_for_best_model": ABSENT,
            "greater_is_better": ABSENT,
        },
        "early-stopping",
        "error",
        "early_stopping_steps: 3",
        "without metric_for_best_model",
    ),
    (
        {"early_stopping_steps": 100},
        "early-stopping",
        "warning",
        "early_stopping_steps: 100",
        "counts evaluations, not steps",
    ),
    (
        {"early_stopping_steps": 4, "max_steps": 200},
        "early-stopping",
        "warning",
        "early_stopping_steps: 4",
        "evaluates at most 4 times",
    ),
    ({"fp16": True, "bf16": ABSENT}, "precision", "warning", "fp16: true", "set 'bf16: true'"),
    ({"fp16": True}, "precision", "error", "fp16: true", "exclude each other"),
    ({"bf16": ABSENT}, "precision", "warning", FIRST, "twice the memory"),
    ({"seed": ABSENT}, "seeds", "note", FIRST, "draws the validation set"),
    ({"data_seed": ABSENT}, "seeds", "note", "seed: 42", "the order of the data"),
]


def test_nothing_is_wrong_with_a_good_configuration(tmp_path: Path) -> None:
    text = training()
    assert told(examined(text, tmp_path), text) == [ALONE]


@pytest.mark.parametrize(
    ("changes", "check", "level", "line", "words"),
    CASES,
    ids=[f"{case[1]}-{'-'.join(case[0])}" for case in CASES],
)
def test_what_is_wrong_is_told_at_its_line(
    tmp_path: Path, changes: dict[str, object], check: str, level: str, line: str, words: str
) -> None:
    text = training(**changes)
    findings = examined(text, tmp_path)
    assert (check, level, line) in told(findings, text)
    assert words in "\n".join(str(one) for one in findings if one.check == check)


def test_a_key_that_is_given_twice_is_told_with_both_lines(tmp_path: Path) -> None:
    text = training() + "seed: 7\n"
    (finding,) = (one for one in examined(text, tmp_path) if one.check == "duplicate-key")
    assert str(finding) == (
        f"{tmp_path / 'train.yaml'}:29: error: duplicate key 'seed': first given on line 13: "
        "keep one of the two"
    )


@pytest.mark.parametrize("rate", ["1e-4", "1.0e-4", "0.0001", "5E-5"])
def test_a_learning_rate_without_a_point_is_a_number_to_llama_factory(
    tmp_path: Path, rate: str
) -> None:
    text = training(learning_rate=ABSENT) + f"learning_rate: {rate}\n"
    assert told(examined(text, tmp_path), text) == [ALONE]


@pytest.mark.parametrize(
    "changes",
    [
        {"report_to": ["tensorboard", "mlflow"]},
        {"val_size": 500},
        {"val_size": ABSENT, "eval_dataset": "held_out"},
        {"eval_steps": 0.1, "save_steps": 0.3},
        {"save_strategy": "best"},
        {"bf16": ABSENT, "pure_bf16": True},
        {"early_stopping_steps": 3},
        {"metric_for_best_model": "loss", "greater_is_better": ABSENT},
        {"logging_steps": 0.01},
    ],
    ids=str,
)
def test_other_ways_to_do_it_right_are_left_alone(
    tmp_path: Path, changes: dict[str, object]
) -> None:
    text = training(**changes)
    assert told(examined(text, tmp_path), text) == [ALONE]


def test_the_table_names_each_check_once_and_how_grave_it_can_be() -> None:
    names = [check.name for check in CHECKS]
    assert len(set(names)) == len(names)
    worst = {check.name: check.level.name.lower() for check in CHECKS}
    seen = {(case[1], case[2]) for case in CASES}
    by_itself = {check for check, _ in seen}
    of_jobs = {"tracking-uri", "experiment", "secrets", "pod-tags", "param-tags", "gpu"}
    assert by_itself == set(names) - of_jobs - {"duplicate-key"}
    assert all((check, worst[check]) in seen for check in by_itself)
