"""How numbers, durations, labels and globs are written for Prometheus."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence


def alert_name(rule: str) -> str:
    """Return how Prometheus calls the alert of a rule, such as `TunewatchLossIncrease`."""
    return "Tunewatch" + "".join(word.capitalize() for word in rule.split("_"))


def max_by(labels: Sequence[str], vector: str) -> str:
    """Return the largest of a vector's values for each combination of these labels."""
    return f"max by ({', '.join(labels)}) ({vector})"


def number(value: float) -> str:
    """Write a number so that Prometheus reads the very same one."""
    whole = float(value).is_integer() and abs(value) < 1e15
    return str(int(value)) if whole else repr(float(value))


def duration(seconds: float) -> str:
    """Write seconds as a Prometheus duration, to the millisecond."""
    rest, parts = round(seconds * 1000), []
    for unit, size in (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)):
        count, rest = divmod(rest, size)
        parts += [f"{count}{unit}"] if count else []
    return "".join(parts) or "0s"


def selector(metric: str, *matchers: str) -> str:
    """Return a metric with these matchers; empty ones are none."""
    given = ",".join(matcher for matcher in matchers if matcher)
    return f"{metric}{{{given}}}" if given else metric


def one_of(label: str, values: Sequence[str]) -> str:
    """Return the matcher that a label has one of these values, none of which is a pattern."""
    return f"{label}{'=' if len(values) == 1 else '=~'}{json.dumps('|'.join(values))}"


def none_of(label: str, globs: Sequence[str]) -> str:
    """Return the matcher that a label fits none of these globs, empty where there are none."""
    if not globs:
        return ""
    return f"{label}!~{json.dumps('|'.join(_pattern(glob) for glob in globs))}"


def _pattern(glob: str) -> str:
    """Turn a glob into a regular expression of Prometheus, which must match the whole value.

    That of `fnmatch` has lookaheads, which Prometheus lacks.
    """
    return re.sub(r"\*|\?|\[(!?)([^]]+)\]|.", _part, glob, flags=re.DOTALL)


def _part(part: re.Match[str]) -> str:
    if part[2]:
        return f"[{'^' if part[1] else ''}{part[2]}]"
    return {"*": ".*", "?": "."}.get(part[0]) or re.escape(part[0])
