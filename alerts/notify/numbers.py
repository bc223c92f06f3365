"""Numbers and times as people read them."""

from __future__ import annotations

import math
from datetime import UTC, datetime


def number(value: float, digits: int = 4) -> str:
    """Return `value` with that many significant digits; NaN, +Inf and -Inf by name."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return f"{value:.{digits}g}"


def quantity(value: float, unit: str) -> str:
    """Return `value` with its unit: `%`, `s` (as a duration), `h`, or none."""
    if unit == "s":
        return duration(value)
    return f"{number(value)} {unit}" if unit else number(value)


def duration(seconds: float) -> str:
    """Return seconds in the two largest of days, hours and minutes that say something."""
    if not 0 <= seconds < 1e10:
        return f"{number(seconds)} s"
    if seconds < 60:
        return f"{number(seconds, 2)} s"
    minutes = round(seconds / 60)
    days, hours = divmod(minutes // 60, 24)
    parts = ((days, "d"), (hours, "h"), (0 if days else minutes % 60, "min"))
    return " ".join(f"{count} {unit}" for count, unit in parts if count)


def perplexity(loss: float) -> float:
    """Return exp(loss), the perplexity of a mean token loss in nats; overflow is +Inf."""
    try:
        return math.exp(loss)
    except OverflowError:
        return math.inf


def utc(at: float) -> str:
    """Return Unix seconds as a UTC date and time, empty when no calendar has it."""
    try:
        return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    except (OverflowError, ValueError, OSError):
        return ""
