"""A training configuration and a job with which nothing is wrong, to be spoilt line by line."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from pathlib import Path

import yaml

from exporter.config import DEFAULT_CONFIG, Config
from exporter.doctor import Examination, Finding, examine
from tests.support.project import ROOT

EXAMPLES = ROOT / "k8s" / "examples"
JOB, CONFIG_MAP, SECRET = (
    EXAMPLES / name for name in ("job.yaml", "config.yaml", "mlflow-secret.example.yaml")
)
GOOD: Mapping[str, object] = {
    "model_name_or_path": "models/llama",
    "stage": "sft",
    "do_train": True,
    "finetuning_type": "lora",
    "lora_rank": 16,
    "dataset": "support",
    "template": "llama3",
    "output_dir": "saves/one",
    "per_device_train_batch_size": 2,
    "learning_rate": 1e-4,
    "num_train_epochs": 3,
    "bf16": True,
    "seed": 42,
    "data_seed": 42,
    "report_to": "mlflow",
    "logging_steps": 10,
    "logging_first_step": True,
    "logging_nan_inf_filter": False,
    "val_size": 0.1,
    "eval_strategy": "steps",
    "eval_steps": 50,
    "per_device_eval_batch_size": 2,
    "save_strategy": "steps",
    "save_steps": 100,
    "save_total_limit": 3,
    "load_best_model_at_end": True,
    "metric_for_best_model": "eval_loss",
    "greater_is_better": False,
}


class Absent(Enum):
    """What marks a key to leave out; its name is the same in every worker."""

    ABSENT = "absent"


ABSENT = Absent.ABSENT
"""Leaves a key out."""


def training(**changes: object) -> str:
    """Return the good configuration as YAML, with these keys changed or `ABSENT`."""
    settings = {k: v for k, v in {**GOOD, **changes}.items() if v is not ABSENT}
    return yaml.safe_dump(settings, sort_keys=False)


def job(*edits: tuple[str, str]) -> str:
    """Return the example job, its ConfigMap and its Secret as one file, with texts replaced."""
    text = "---\n".join(path.read_text(encoding="utf-8") for path in (CONFIG_MAP, SECRET, JOB))
    for old, new in edits:
        assert old in text, old
        text = text.replace(old, new)
    return text


def examined(text: str, folder: Path, config: Config = DEFAULT_CONFIG) -> list[Finding]:
    """Return what is found in a file with this text; no server is asked."""
    file = folder / "train.yaml"
    file.write_text(text, encoding="utf-8")
    return examine([str(file)], Examination(config))


def told(findings: list[Finding], text: str) -> list[tuple[str, str, str]]:
    """Return check, severity and the line of `text` that is blamed, without blanks around it."""
    lines = ["", *text.split("\n")]
    return [
        (one.check, one.remark.level.name.lower(), lines[one.remark.place.line].strip())
        for one in findings
    ]
