"""One examination: files in, findings out, in the order of the files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from alerts.documents import DocumentError, Problem
from exporter.config import Config
from exporter.doctor import coverage, inputs, reach
from exporter.doctor.checks import CHECKS
from exporter.doctor.discovery import Found, find
from exporter.doctor.finding import Finding, Level, Remark, shown
from exporter.doctor.training import Training

ELSEWHERE = "not-among-the-files"


@dataclass(frozen=True)
class Examination:
    """What is looked at beside the files; `environ` is None where nobody may be asked."""

    config: Config
    environ: Mapping[str, str] | None = field(default=None)


def examine(files: Sequence[str], how: Examination) -> list[Finding]:
    """Look over the files, and return what is wrong with them, sorted by place.

    Raises alerts.documents.DocumentError for what is no YAML, or holds no training configuration.
    """
    parts = inputs.read(files)
    found = find(parts)
    if not found.trainings and not found.elsewhere:
        message = (
            "holds neither a train.yaml nor a job that writes one: give the file that "
            "'llamafactory-cli train' reads, or the manifest of the job"
        )
        raise DocumentError(Problem(file, 0, message) for file in files)
    findings = [*_elsewhere(found)]
    for training in found.trainings:
        findings += _findings(training, how)
    if how.environ is not None:
        findings += (Finding(reach.NAME, one) for one in reach.reach(found.trainings, how.environ))
    order = {file: number for number, file in enumerate(dict.fromkeys(p.file for p in parts))}
    # One container may run several configurations: what is true of it is said once.
    return sorted(
        dict.fromkeys(findings),
        key=lambda one: (order.get(one.remark.place.file, -1), one.remark.place.line),
    )


def _findings(training: Training, how: Examination) -> Iterator[Finding]:
    if training.is_on("do_predict") and not training.is_on("do_train"):
        what = "this generates answers and trains nothing, so tunewatch has nothing to watch"
        remark = Remark(training.at("do_predict"), Level.NOTE, what, "look over what trains")
        yield Finding("task", remark)
        return
    for check in CHECKS:
        yield from (Finding(check.name, remark) for remark in check.judge(training, how.config))
    yield from (Finding(coverage.NAME, one) for one in coverage.never(training, how.config))


def _elsewhere(found: Found) -> Iterator[Finding]:
    for path, place in found.elsewhere:
        what = f"the job trains from {shown(path)}, which is not among the files"
        remedy = "give that file too, to have it checked"
        level = Level.NOTE if found.trainings else Level.WARNING
        yield Finding(ELSEWHERE, Remark(place, level, what, remedy))
