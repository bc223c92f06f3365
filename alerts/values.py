"""The kinds of values that the configuration holds: durations, severities, names, numbers."""

from __future__ import annotations

import re
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field

from alerts.model import Severity

_UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_DURATION = re.compile(r"(?:\d+(?:ms|[smhdw]))+")


def parse_duration(value: object) -> object:
    """Turn a Prometheus duration such as `5m` or `1h30m` into seconds; leave anything else."""
    if isinstance(value, bool) or not isinstance(value, str):
        return value
    if not _DURATION.fullmatch(value):
        raise ValueError("should be a duration such as 30s, 5m or 1h30m")
    return sum(float(n) * _UNITS[unit] for n, unit in re.findall(r"(\d+)(ms|[smhdw])", value))


def as_tuple(value: object) -> object:
    """Turn the list that YAML gives into a tuple; leave anything else to the type check."""
    return tuple(value) if isinstance(value, list) else value


def parse_severity(value: object) -> object:
    """Turn the text of a severity into one; leave anything else to the type check."""
    if isinstance(value, str) and value in {severity.value for severity in Severity}:
        return Severity(value)
    raise ValueError("should be info, warning or critical")


def dashboard_template(url: str) -> str:
    """Accept a web address without credentials; `{run_id}` is the only placeholder."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(
            "should be a web address such as https://grafana.example/d/run?id={run_id}"
        )
    if parts.username or parts.password:
        raise ValueError("must not hold a user or password: everybody who is told sees it")
    if set("{}") & set(url.replace("{run_id}", "")):
        raise ValueError("knows one placeholder, {run_id}")
    return url


Seconds = Annotated[float, BeforeValidator(parse_duration), Field(ge=0, allow_inf_nan=False)]
SeverityName = Annotated[Severity, BeforeValidator(parse_severity)]
Names = Annotated[tuple[str, ...], BeforeValidator(as_tuple)]
Codes = Annotated[tuple[Annotated[int, Field(ge=0, lt=2**32)], ...], BeforeValidator(as_tuple)]
Number = Annotated[float, Field(allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
