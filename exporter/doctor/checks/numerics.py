"""Whether numbers stay numbers, and whether two runs can be compared."""

from __future__ import annotations

from collections.abc import Iterator

from exporter.config import Config
from exporter.doctor.checks.check import error, note, warning
from exporter.doctor.finding import Remark
from exporter.doctor.training import Training


def precision(training: Training, _config: Config) -> Iterator[Remark]:
    """bf16 has the range of fp32; fp16 overflows, and needs a loss scaler against it."""
    half, brain, pure = map(training.is_on, ("fp16", "bf16", "pure_bf16"))
    place = training.at("fp16", "bf16", "pure_bf16")
    if half and (brain or pure):
        yield error(place, "fp16 and bf16 exclude each other", "leave out 'fp16'")
    elif half:
        what = (
            "fp16 overflows in fine-tuning, and its loss scaler makes grad_norm infinite now and "
            "then even in healthy runs"
        )
        yield warning(place, what, "set 'bf16: true' instead (Ampere GPUs and newer have it)")
    elif not (brain or pure) and not any(map(training.is_unknown, ("fp16", "bf16", "pure_bf16"))):
        what = "neither bf16 nor fp16 is set, so training takes twice the memory"
        yield warning(place, what, "set 'bf16: true'")


def seeds(training: Training, _config: Config) -> Iterator[Remark]:
    """Runs with other seeds have other data, so their losses cannot be compared."""
    if not training.has("seed"):
        what = "seed is missing; it also draws the validation set, and the default is 42"
        yield note(training.at("seed"), what, "set 'seed: 42', and keep it")
    if not training.has("data_seed"):
        what = "data_seed is missing, so the order of the data follows 'seed'"
        yield note(training.at("data_seed", "seed"), what, "set 'data_seed' to keep it")
