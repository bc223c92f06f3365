"""What a scraper sees tick by tick, as input for `promtool test rules`, and what it says."""

from __future__ import annotations

import json
import math
import re
import shutil
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from prometheus_client.samples import Sample

Labels = frozenset[tuple[str, str]]
"""The labels of one series or alert, its name among them; empty ones are none."""

FIRING = 'ALERTS{alertstate="firing",rule!=""}'


class Judgement(NamedTuple):
    """Whether promtool found a test to hold; `differences` is where not, each as one line."""

    holds: bool
    differences: list[str]


class Case(NamedTuple):
    """The text of a rule file, and a test of it."""

    rules: str
    test: Mapping[str, Any]


class Scrapes:
    """All series by tick, as Prometheus keeps them: what a page lacks is stale from then on."""

    def __init__(self, interval: float) -> None:
        self.interval = interval
        self.ticks = 0
        self._series: dict[Labels, dict[int, float]] = {}

    def add(self, page: Iterable[Sample], **target: str) -> None:
        """Take in one page, with the labels that a scrape stamps on all of its series."""
        for sample in page:
            series = labels_of({**sample.labels, **target, "__name__": sample.name})
            self._series.setdefault(series, {})[self.ticks] = sample.value
        self.ticks += 1

    def input_series(self, rules: str) -> list[Mapping[str, str]]:
        """Return the series that rules may look at, in promtool's notation."""
        return [
            {"series": spelt(series), "values": " ".join(self._values(found))}
            for series, found in self._series.items()
            if dict(series)["__name__"] in rules
        ]

    def _values(self, found: Mapping[int, float]) -> Iterable[str]:
        for tick in range(self.ticks):
            if tick in found:
                yield value_of(found[tick])
            else:
                yield "stale" if tick - 1 in found else "_"


def labels_of(labels: Mapping[str, str]) -> Labels:
    return frozenset((name, value) for name, value in labels.items() if value)


def spelt(labels: Labels) -> str:
    """Write a series as PromQL does; JSON's escapes are Prometheus's too."""
    named = dict(labels)
    name = named.pop("__name__", "")
    inside = ",".join(f"{key}={json.dumps(value)}" for key, value in sorted(named.items()))
    return f"{name}{{{inside}}}"


def value_of(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    return repr(value) if math.isfinite(value) else ("Inf" if value > 0 else "-Inf")


def case(rules: str, scrapes: Scrapes, firing: Sequence[Iterable[Labels]]) -> Case:
    """Return a test that at each tick exactly the alerts of `firing` fire, and no others."""
    seconds = scrapes.interval
    return Case(
        rules,
        {
            "interval": f"{seconds:g}s",
            "input_series": scrapes.input_series(rules),
            "promql_expr_test": [
                {
                    "expr": FIRING,
                    "eval_time": f"{tick * seconds:g}s",
                    "exp_samples": [{"labels": label, "value": 1} for label in map(spelt, alerts)],
                }
                for tick, alerts in enumerate(firing)
            ],
        },
    )


def judge(folder: Path, cases: Mapping[str, Case]) -> Mapping[str, Judgement]:
    """Let promtool judge every case by its name, in one go."""
    for name, case in cases.items():
        (folder / f"{name}.rules.yml").write_text(case.rules, encoding="utf-8")
        document = {
            "rule_files": [f"{name}.rules.yml"],
            "evaluation_interval": case.test["interval"],
            "tests": [case.test],
        }
        # JSON is YAML, and quicker to write.
        (folder / f"{name}.test.yml").write_text(json.dumps(document), encoding="utf-8")
    command = [promtool(), "test", "rules", *(f"{name}.test.yml" for name in cases)]
    done = subprocess.run(
        command,
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=120,
    )
    told = done.stdout
    parts = re.split(r"^Unit Testing:  ", told, flags=re.MULTILINE)[1:]
    found = {part.partition(".test.yml")[0]: part for part in parts}
    assert found.keys() == cases.keys(), told
    return {
        name: Judgement("SUCCESS" in text, list(_differences(text))) for name, text in found.items()
    }


def _differences(told: str) -> Iterator[str]:
    """Yield what fires too much or too little when; promtool repeats all that is right as well."""
    failed = re.findall(r"time: (\S+),\s*exp: *(.*)\s*got: *(.*)", told)
    for time, expected, got in failed:
        wanted, found = (set(re.findall(r"\{[^}]*\}", alerts)) for alerts in (expected, got))
        yield from (f"{time} missing: {alert}" for alert in sorted(wanted - found))
        yield from (f"{time} too much: {alert}" for alert in sorted(found - wanted))
    if not failed and "SUCCESS" not in told:
        yield told


def check_metrics(page: bytes) -> None:
    """Assert that promtool finds nothing to say of a page."""
    command = [promtool(), "check", "metrics"]
    done = subprocess.run(command, input=page, capture_output=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def lint_metrics(page: bytes) -> list[str]:
    """Return what promtool has to say of a page that it can read, line by line."""
    command = [promtool(), "check", "metrics"]
    done = subprocess.run(command, input=page, capture_output=True, check=False)
    said = (done.stdout + done.stderr).decode()
    assert "error while parsing" not in said
    return said.splitlines()


def promtool() -> str:
    """Return the program, or skip the test and say what brings it."""
    return program("promtool", "prometheus")


def program(name: str, package: str) -> str:
    """Return a program of Debian's `package`, or skip the test naming it."""
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"no {name}: Debian's package {package} brings it")
    return found
