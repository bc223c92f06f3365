"""One training configuration: its values, where each stands, and what runs it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from exporter.doctor.environment import Environment, Marks
from exporter.doctor.finding import Place
from exporter.doctor.manifests import Workload

DEFAULTS: Mapping[str, Any] = {
    "do_train": False,
    "eval_strategy": "no",
    "logging_strategy": "steps",
    "logging_steps": 500,
    "logging_first_step": False,
    "logging_nan_inf_filter": True,
    "load_best_model_at_end": False,
    "max_grad_norm": 1.0,
    "max_steps": -1,
    "num_train_epochs": 3.0,
    "per_device_eval_batch_size": 8,
    "per_device_train_batch_size": 8,
    "gradient_accumulation_steps": 1,
    "save_strategy": "steps",
    "save_steps": 500,
    "stage": "sft",
    "val_size": 0.0,
}
"""What holds where a file does not say, as far as a check asks for it."""
MOST = 1e15
_POINTLESS = re.compile(r"[-+]?\d[\d_]*(\.[\d_]*)?[eE][-+]?\d+")
"""A number that LLaMA-Factory's reader (OmegaConf) knows without a point or a sign."""


class Setting(NamedTuple):
    """A value as YAML has it, and where it stands."""

    value: Any
    place: Place


@dataclass(frozen=True)
class Training:
    """A training configuration, as a file has it or as a job writes it.

    `literal` are variables in it that nothing replaces, `duplicates` keys that are given twice.
    """

    place: Place
    settings: Mapping[str, Setting]
    environment: Environment
    workload: Workload | None = None
    literal: tuple[Setting, ...] = ()
    duplicates: tuple[Setting, ...] = ()

    def has(self, key: str) -> bool:
        """Whether a key is given a value, be it one that is not known here."""
        return key in self.settings and self.settings[key].value is not None

    def at(self, *keys: str) -> Place:
        """Return where the first of the keys that is given stands, else where all begins."""
        return next((self.settings[key].place for key in keys if key in self.settings), self.place)

    def is_unknown(self, key: str) -> bool:
        """Whether the value comes from where these files do not reach."""
        return self.has(key) and bool(Marks.names(str(self.settings[key].value)))

    def value(self, key: str) -> Any:  # noqa: ANN401 - whatever YAML holds
        """Return the value that holds, the default included; None where it is not known."""
        if self.is_unknown(key):
            return None
        return self.settings[key].value if self.has(key) else DEFAULTS.get(key)

    def text(self, key: str) -> str:
        """Return a value as text, lower case; empty for what is none or unknown."""
        value = self.value(key)
        # YAML reads the bare word `no` as false.
        return "no" if value is False else str(value).lower() if value is not None else ""

    def number(self, key: str) -> float | None:
        """Return a value as a number, be it in quotes; None for what no training can mean."""
        value = self.value(key)
        if isinstance(value, bool) or value is None:
            return None
        try:
            found = float(value)
        except (TypeError, ValueError, OverflowError):
            return None
        return found if abs(found) <= MOST else None

    def is_on(self, key: str) -> bool:
        """Whether a switch is on for sure, be it in quotes."""
        return self.text(key) == "true"


def is_number(value: object) -> bool:
    """Whether LLaMA-Factory reads a number, also where YAML reads text: `1e-4`."""
    if isinstance(value, str):
        return bool(_POINTLESS.fullmatch(value))
    return isinstance(value, int | float) and not isinstance(value, bool)
