"""Keys and values that LLaMA-Factory would refuse, or take for something else than was meant."""

from __future__ import annotations

from collections.abc import Iterator

from exporter.config import Config
from exporter.doctor.arguments import known, nearest
from exporter.doctor.checks.check import error, note, warning
from exporter.doctor.environment import Marks
from exporter.doctor.finding import Place, Remark, shown
from exporter.doctor.training import DEFAULTS, Training, is_number

_STOPPING = "write 'early_stopping_steps: 3', which counts evaluations without an improvement"
_CALLBACK_ONLY = {
    "early_stopping_patience": _STOPPING,
    "early_stopping_threshold": "its early stopping has no threshold: leave it out",
    "early_stopping": _STOPPING,
    "patience": _STOPPING,
    "callbacks": "callbacks belong to the Trainer's Python code: leave it out",
    "compute_metrics": "LLaMA-Factory has 'compute_accuracy: true' in its place",
    "mlflow_tracking_uri": "set MLFLOW_TRACKING_URI in the environment",
    "mlflow_experiment_name": "set MLFLOW_EXPERIMENT_NAME in the environment",
    "num_epochs": "the Trainer calls it 'num_train_epochs'",
    "epochs": "the Trainer calls it 'num_train_epochs'",
    "batch_size": "the Trainer calls it 'per_device_train_batch_size'",
    "lora_r": "LLaMA-Factory calls it 'lora_rank'",
    "max_seq_length": "LLaMA-Factory calls it 'cutoff_len'",
}
"""What people take from other tools, and what LLaMA-Factory has for it."""
NAMES = ("report_to", "metric_for_best_model")
STAGES = ("pt", "sft", "rm", "ppo", "dpo", "kto")


def unknown_keys(training: Training, _config: Config) -> Iterator[Remark]:
    """LLaMA-Factory refuses a file with a key that none of its arguments has."""
    lenient = training.environment.value("ALLOW_EXTRA_ARGS") in ("1", "true", "True", "y")
    say = warning if lenient else error
    verb = "ignores" if lenient else "refuses"
    for key, setting in training.settings.items():
        if key in known():
            continue
        near = nearest(key)
        remedy = _CALLBACK_ONLY.get(key) or (
            f"did you mean '{near}'?" if near else "leave it out, or look at its documentation"
        )
        yield say(setting.place, f"LLaMA-Factory {verb} the unknown key '{shown(key)}'", remedy)


def gone_keys(training: Training, _config: Config) -> Iterator[Remark]:
    """An argument that the newest releases no longer have ends the next upgrade."""
    for key, setting in training.settings.items():
        argument = known().get(key)
        # The old name of the evaluation strategy has a check of its own.
        if argument is None or not argument.until or key == "evaluation_strategy":
            continue
        what = f"'{key}' was last taken by {argument.until}, and later releases refuse it"
        yield warning(setting.place, what, "leave it out before you upgrade")


def types(training: Training, _config: Config) -> Iterator[Remark]:
    """LLaMA-Factory converts nothing, so a quoted number or switch is text to it."""
    for key, setting in training.settings.items():
        argument, value = known().get(key), setting.value
        if argument is None or value is None or Marks.names(str(value)):
            continue
        if argument.kind == "switch" and not isinstance(value, bool):
            remedy = f"write '{key}: true' or '{key}: false', without quotes"
            yield error(
                setting.place, f"{key} should be true or false, not {_found(value)}", remedy
            )
        if argument.kind == "number" and not is_number(value):
            remedy = "write it without quotes" if isinstance(value, str) else "write a number"
            yield error(setting.place, f"{key} should be a number, not {_found(value)}", remedy)


def _found(value: object) -> str:
    if isinstance(value, str):
        return f"the text '{shown(value)}'"
    return (
        "a list"
        if isinstance(value, list)
        else "a mapping"
        if isinstance(value, dict)
        else (f"'{shown(value)}'")
    )


def duplicates(training: Training, _config: Config) -> Iterator[Remark]:
    """LLaMA-Factory's reader refuses a key that is given twice."""
    for setting in training.duplicates:
        what, _, remedy = str(setting.value).partition("; ")
        yield error(setting.place, what, remedy)


def variables(training: Training, _config: Config) -> Iterator[Remark]:
    """A variable that nothing replaces is taken literally; one that is not set leaves a hole."""
    for setting in training.literal:
        what = f"nothing replaces ${{{setting.value}}} here: LLaMA-Factory takes it literally"
        remedy = "let the job write the file from a here-document without quotes, or use envsubst"
        yield error(setting.place, what, remedy)
    unknown: dict[str, dict[str, Place]] = {}
    for key, setting in training.settings.items():
        for name in dict.fromkeys(Marks.names(str(setting.value))):
            why = training.environment.why_unknown(name)
            is_seen = training.environment.get(name) or training.environment.unseen
            if not name.isidentifier() or is_seen:
                if _is_looked_at(key):
                    unknown.setdefault(why, {})[key] = setting.place
                continue
            what = f"{key}: ${{{shown(name)}}} has no value: {why}"
            remedy = "add it to the ConfigMap or to env, unless the image sets it"
            yield warning(setting.place, what, remedy)
    for why, keys in unknown.items():
        place = next(iter(keys.values()))
        what = f"not checked, since the value {why}: {', '.join(keys)}"
        is_elsewhere = "not among the files" in why
        remedy = "give that file too" if is_elsewhere else "see that they are right"
        yield note(place, what, remedy)


def _is_looked_at(key: str) -> bool:
    """Whether any check cares about the value: paths and names can be anything."""
    argument = known().get(key)
    return key in DEFAULTS or key in NAMES or (argument is not None and argument.kind != "any")


def task(training: Training, _config: Config) -> Iterator[Remark]:
    """Without `do_train` nothing is trained; the stage must be one that there is."""
    if not training.is_on("do_train") and not training.is_unknown("do_train"):
        what = "do_train is not true, so LLaMA-Factory trains nothing"
        yield error(training.at("do_train"), what, "set 'do_train: true'")
    stage = training.text("stage")
    if stage and stage not in STAGES:
        what = f"LLaMA-Factory has no stage '{shown(stage)}'"
        yield error(training.at("stage"), what, f"use one of {', '.join(STAGES)}")
