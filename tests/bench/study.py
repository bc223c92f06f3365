"""How often the rules cry wolf, what they find, and how late: `python -m tests.bench.study`."""

from __future__ import annotations

import argparse
import random
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from statistics import median, quantiles
from typing import NamedTuple

from alerts.model import Transition
from alerts.replay import replay
from tests.bench import study_corpus
from tests.bench.study_corpus import BOOK, Judged
from tests.bench.study_curves import (
    FAULT_AT,
    FAULTS,
    NOISES,
    PER_EPOCH_POINTS,
    SHAPES,
    Noise,
    Run,
    faulty,
    healthy,
    per_epoch,
)
from tests.bench.table import Row, machine, show


class Size(NamedTuple):
    """How much is drawn: healthy runs by length and noise, runs per fault and noise, real runs."""

    healthy: Mapping[int, int]
    per_epoch: int
    faulty: int
    corpus: int | None


FULL = Size({20: 80, 60: 60, 200: 40, 600: 12, 1500: 4}, 40, 40, None)
QUICK = Size({20: 4, 60: 4, 200: 4}, 4, 3, 8)


class Case(NamedTuple):
    """One synthetic run to draw: healthy where `fault` is empty, per epoch without a shape."""

    noise: Noise
    points: int
    shape: str
    fault: str
    seed: int


@dataclass(frozen=True)
class Outcome:
    """What fired in one synthetic run: rule, step and whether it was more than information."""

    case: Case
    fired: Sequence[tuple[str, int, bool]]

    @property
    def false_rules(self) -> set[str]:
        """The rules that warned of a healthy run, or of one whose fault had not begun."""
        healthy = not self.case.fault or FAULTS[self.case.fault].recovers
        return {rule for rule, step, warns in self.fired if warns and (healthy or step <= FAULT_AT)}

    def delay(self, *, warned: bool) -> int | None:
        """Points from the fault to the first alert that names it, both counted."""
        fault = FAULTS[self.case.fault]
        named = [
            step - FAULT_AT
            for rule, step, warns in self.fired
            if rule in fault.rules and step > FAULT_AT and (warns or not warned)
        ]
        return min(named, default=None)


def cases(size: Size, seed: int) -> list[Case]:
    """Return every synthetic run of the study; shapes take turns."""
    shapes = tuple(SHAPES)
    found = [
        Case(noise, count, shapes[turn % len(shapes)], "", seed + turn)
        for noise in NOISES
        for count, many in size.healthy.items()
        for turn in range(many)
    ]
    found += [
        Case(noise, PER_EPOCH_POINTS, "", "", seed + turn)
        for noise in NOISES
        for turn in range(size.per_epoch)
    ]
    return found + [
        Case(noise, 0, "", fault, seed + turn)
        for fault in FAULTS
        for noise in NOISES
        if not noise.rho
        for turn in range(size.faulty)
    ]


def judge(case: Case) -> Outcome:
    """Draw a run and replay it under the user's thresholds."""
    chance = random.Random(repr(case))  # noqa: S311 - noise, not secrets
    fired = (t for t in replay(_draw(chance, case).recording(), BOOK) if t.state == "firing")
    return Outcome(case, [_short(transition) for transition in fired])


def _draw(chance: random.Random, case: Case) -> Run:
    if case.fault:
        return faulty(chance, case.fault, case.noise)
    if not case.shape:
        return per_epoch(chance, case.noise)
    return healthy(chance, case.shape, case.points, case.noise)


def _short(transition: Transition) -> tuple[str, int, bool]:
    return transition.key.rule, transition.step or 0, transition.severity.rank > 0


def share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %" if whole else "-"


def false_alarms(outcomes: Iterable[Outcome], size: Size) -> None:
    """Show the share of healthy runs with any warning, and the rules that gave them."""
    calm = [outcome for outcome in outcomes if not outcome.case.fault]
    kinds = [(str(count), True, count) for count in size.healthy]
    kinds.append(("per epoch", False, PER_EPOCH_POINTS))
    rows: list[Row] = []
    for noise in NOISES:
        row = [noise.name]
        for _, shaped, count in kinds:
            some = [
                o for o in calm if o.case[:2] == (noise, count) and bool(o.case.shape) is shaped
            ]
            row.append(share(sum(1 for o in some if o.false_rules), len(some)))
        some = [o for o in calm if o.case.noise == noise]
        row.append(share(sum(1 for o in some if o.false_rules), len(some)))
        by_rule = Counter(rule for o in some for rule in o.false_rules)
        row.append(", ".join(f"{r} {share(n, len(some))}" for r, n in by_rule.most_common()) or "-")
        rows.append(row)
    show(
        f"Healthy runs with any alert at warning or above ({len(calm):,} runs)",
        [
            "noise",
            *(f"{name} points" if name[0] != "p" else name for name, _, _ in kinds),
            "all",
            "by rule",
        ],
        rows,
    )


def detections(outcomes: Iterable[Outcome]) -> None:
    """Show how many faults were named, and after how many points."""
    sick = [outcome for outcome in outcomes if outcome.case.fault]
    rows: list[Row] = []
    for fault, what in FAULTS.items():
        for noise in dict.fromkeys(o.case.noise for o in sick):
            some = [o for o in sick if o.case.fault == fault and o.case.noise == noise]
            told = [d for o in some if (d := o.delay(warned=False)) is not None]
            warned = [d for o in some if (d := o.delay(warned=True)) is not None]
            wrong = sum(1 for o in some if o.false_rules)
            rows.append(
                (
                    fault,
                    noise.name,
                    share(len(told), len(some)),
                    _delays(told),
                    "-" if what.recovers else share(len(warned), len(some)),
                    "-" if what.recovers else _delays(warned),
                    share(wrong, len(some)),
                )
            )
    columns = ["fault", "noise", "told", "after points", "warned", "after points", "false warning"]
    show(f"Faults put into runs of 200 points ({len(sick):,} runs)", columns, rows)


def _delays(delays: Sequence[int]) -> str:
    """Return the median and the 90th percentile."""
    if len(delays) < 2:
        return "-"
    return f"{median(delays):.0f} / {quantiles(delays, n=10, method='inclusive')[-1]:.0f}"


def corpus_table(judged: Sequence[Judged]) -> None:
    """Show, by class of the corpus, how many runs were found and how many warned of."""
    rows: list[Row] = []
    for kind in dict.fromkeys(run.kind for run in judged):
        some = [run for run in judged if run.kind == kind]
        found = sum(1 for run in some if run.found) if kind in study_corpus.FINDS else None
        delays = [run.delay for run in some if run.delay is not None]
        rows.append(
            (
                kind,
                len(some),
                "-" if found is None else share(found, len(some)),
                f"{median(delays):.0f} / {max(delays)}" if delays else "-",
                share(sum(1 for run in some if run.warnings), len(some)),
                ", ".join(f"{r} {n}" for r, n in _rules(some).most_common(6)) or "-",
            )
        )
    columns = ["class", "runs", "found", "delay, median / most", "warned of", "runs by rule"]
    show(f"Real runs of the corpus ({len(judged)})", columns, rows)
    silent = [run for run in judged if any(t.key.rule == study_corpus.SILENCE for t in run.fired)]
    print(f"\n{len(silent)} runs were silent for long and resumed later: run_stalled is right.")
    for run in judged:
        if run.kind == "healthy" and run.warnings:
            said = ", ".join(f"{t.key.rule} at {t.step}" for t in run.warnings)
            print(f"warned of though healthy: {run.name} ({run.recipe}): {said}")
        if run.kind in study_corpus.FINDS and not run.found:
            print(f"missed: {run.name} ({run.kind}: {run.recipe})")


def _rules(judged: Iterable[Judged]) -> Counter[str]:
    return Counter(rule for run in judged for rule in {t.key.rule for t in run.warnings})


def study(size: Size, seed: int) -> tuple[list[Outcome], list[Judged]]:
    """Judge everything, on every core."""
    labels = study_corpus.labels()
    named = study_corpus.runs(size.corpus)
    with ProcessPoolExecutor() as pool:
        real = pool.map(
            study_corpus.judge, [run for _, run in named], [labels[name] for name, _ in named]
        )
        drawn = pool.map(judge, cases(size, seed), chunksize=16)
        return list(drawn), list(real)


def main() -> None:
    """Run the study and print its tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a few runs of each kind")
    parser.add_argument("--seed", type=int, default=0, help="of the noise")
    options = parser.parse_args()
    size = QUICK if options.quick else FULL
    began = time.monotonic()
    outcomes, judged = study(size, options.seed)
    false_alarms(outcomes, size)
    detections(outcomes)
    corpus_table(judged)
    print(f"\n{machine()}: {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
