"""The list of what LLaMA-Factory takes, and how it is collected."""

from __future__ import annotations

from pathlib import Path

import pytest

from exporter.doctor.arguments import known, nearest
from exporter.doctor.training import DEFAULTS
from tests.support.doctoring import GOOD
from tests.support.llamafactory_arguments import table

HPARAMS = """\
from dataclasses import dataclass, field

@dataclass
class LoraArguments:
    lora_rank: int = field(default=8)
    lora_alpha: int | None = field(default=None)

@dataclass
class FinetuningArguments(LoraArguments, Elsewhere):
    stage: Literal["pt", "sft"] = field(default="sft")
    computed: str = field(init=False)

@dataclass
class ModelArguments:
    old_name: bool = False
    def __post_init__(self): ...
"""
TRAINING_ARGS = """\
class TrainingArguments:
    framework = "pt"
    eval_steps: Optional[float] = None
    report_to: Union[None, str, list[str]] = None
    gone: bool = False
"""
SEQ2SEQ = "class Seq2SeqTrainingArguments(TrainingArguments):\n    generate: bool = False\n"


def release(folder: Path, name: str, version: str, files: dict[str, str]) -> str:
    """Write what an installed release looks like; return its folder."""
    home = folder / f"{name}-{version}"
    for path, text in files.items():
        (home / name / path).parent.mkdir(parents=True, exist_ok=True)
        (home / name / path).write_text(text)
    (home / f"{name}-{version}.dist-info").mkdir()
    return str(home)


def test_arguments_are_collected_from_the_dataclasses_of_releases(tmp_path: Path) -> None:
    trainer = {"training_args.py": TRAINING_ARGS, "training_args_seq2seq.py": SEQ2SEQ}
    later = {**trainer, "training_args.py": TRAINING_ARGS.replace("gone", "added")}
    last = {"training_args.py": later["training_args.py"].replace("eval_steps", "eval_every")}
    factory = {"hparams/all_args.py": HPARAMS}
    newer = {"hparams/all_args.py": HPARAMS.replace("old_name", "new_name")}
    folders = [
        release(tmp_path, "transformers", "4.57.1", trainer),
        release(tmp_path, "transformers", "5.6.0", later),
        f"+{release(tmp_path, 'transformers', '5.9.0', {**trainer, **last})}",
        release(tmp_path, "llamafactory", "0.9.4", factory),
        release(tmp_path, "llamafactory", "0.9.5", newer),
    ]
    assert table(folders) == [
        "argument,kind,until",
        "added,switch,",
        "eval_every,number,",
        "eval_steps,number,",
        "generate,switch,",
        "gone,switch,Transformers 4.57",
        "lora_alpha,number,",
        "lora_rank,number,",
        "new_name,switch,",
        "old_name,switch,LLaMA-Factory 0.9.4",
        "report_to,any,",
        "stage,any,",
    ]


def test_a_folder_with_neither_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="holds neither llamafactory nor transformers"):
        table([str(tmp_path)])


def test_what_checks_ask_for_is_known_and_taken_today() -> None:
    asked = {*GOOD, *DEFAULTS, "early_stopping_steps", "eval_dataset", "max_samples", "eval_delay"}
    assert asked <= known().keys()
    assert not [name for name in asked if known()[name].until]
    # What people write from habit and no release of today takes.
    assert known()["evaluation_strategy"].until == "Transformers 4.46"
    assert "early_stopping_patience" not in known()


@pytest.mark.parametrize(
    ("mistaken", "meant"),
    [("lora_rnk", "lora_rank"), ("eval_step", "eval_steps"), ("learning-rate", "learning_rate")],
)
def test_the_nearest_argument_is_what_was_meant(mistaken: str, meant: str) -> None:
    assert nearest(mistaken) == meant


def test_nothing_is_near_to_nonsense() -> None:
    assert nearest("qqqqqqqq") is None
