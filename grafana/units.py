"""Which unit of Grafana a metric has, as its name tells."""

from __future__ import annotations

from grafana_foundation_sdk.models import units

from exporter.metrics.catalog import CATALOG

NONE = units.NoUnit
TEXT = "string"
"""Numbers as they are, for columns in which each row is of another kind."""
RATIO = units.PercentUnit
PERCENT = units.Percent
SECONDS = units.Seconds
DATE = "dateTimeAsIso"
AGO = "dateTimeFromNow"
SINCE = units.DateTimeFromNow
CELSIUS = units.Celsius
WATTS = units.Watt
WATT_HOURS = units.WattHour
HERTZ = units.Hertz
BYTES = units.BytesIEC
BYTES_PER_SECOND = units.BytesPerSecondIEC

_BY_ENDING = {
    "_bytes_per_second": BYTES_PER_SECOND,
    "_timestamp_seconds": DATE,
    "_time_seconds": DATE,
    "_bytes": BYTES,
    "_seconds": SECONDS,
    "_ratio": RATIO,
    "_pct": PERCENT,
    "_celsius": CELSIUS,
    "_watts": WATTS,
    "_hertz": HERTZ,
    "_joules": units.Joule,
}


def unit_of(name: str) -> str:
    """Return the unit of a metric of the catalog, of a counter that of what it counts.

    Dates are in milliseconds for Grafana, so their queries multiply by 1000.
    """
    base = CATALOG[name].name.removesuffix("_total")
    return next((unit for end, unit in _BY_ENDING.items() if base.endswith(end)), NONE)
