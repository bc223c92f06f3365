"""The study of false alarms and of what is found runs, and keeps what it promises."""

from __future__ import annotations

import pytest

from tests.bench import study_corpus
from tests.bench.study import QUICK, Outcome, cases, judge
from tests.bench.study_corpus import Judged
from tests.bench.study_curves import FAULTS

pytestmark = pytest.mark.timeout(300)
"""Some twenty seconds of judging, on a machine that may have other things to do."""


@pytest.fixture(scope="module")
def outcomes() -> list[Outcome]:
    return [judge(case) for case in cases(QUICK, seed=1)]


def test_hardly_any_healthy_run_is_warned_of(outcomes: list[Outcome]) -> None:
    healthy = [outcome for outcome in outcomes if not outcome.case.fault]
    wrong = [outcome.case for outcome in healthy if outcome.false_rules]
    assert len(wrong) <= 0.02 * len(healthy)


@pytest.mark.parametrize(("fault", "within"), [("x2", 5), ("NaN", 1), ("spike x4", 2)])
def test_what_cannot_be_overlooked_is_told_within_a_few_points(
    outcomes: list[Outcome], fault: str, within: int
) -> None:
    some = [o for o in outcomes if o.case.fault == fault and o.case.noise.sigma < 0.1]
    late = [o for o in some if (o.delay(warned=False) or 999) > within]
    assert some
    assert not late


def test_every_kind_of_fault_is_found_under_little_noise(outcomes: list[Outcome]) -> None:
    calm = [o for o in outcomes if o.case.fault and o.case.noise.sigma < 0.05]
    assert {o.case.fault for o in calm if o.delay(warned=False) is not None} == FAULTS.keys()


@pytest.fixture(scope="module")
def judged() -> list[Judged]:
    labels, seen = study_corpus.labels(), dict[str, int]()
    some = []
    for name, run in study_corpus.runs():
        kind = labels[name]["class"]
        seen[kind] = seen.get(kind, 0) + 1
        if seen[kind] <= 2:
            some.append(study_corpus.judge(run, labels[name]))
    return some


def test_of_real_runs_every_failure_is_found_and_no_healthy_one_warned_of(
    judged: list[Judged],
) -> None:
    assert [run.name for run in judged if run.kind in study_corpus.FINDS and not run.found] == []
    assert [run.name for run in judged if run.kind == "healthy" and run.warnings] == []
