"""Versions of the driver: which symbols and which fields each of them has."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Driver:
    """One driver; `cuda` counts as NVML does, 13000 for 13.0.

    `newest_field` is the highest id that `nvmlDeviceGetFieldValues` knows, `missing` are symbols
    that came later.
    """

    version: str
    cuda: int
    newest_field: int
    missing: frozenset[str] = frozenset()

    @property
    def nvml_version(self) -> str:
        """The version of the library, which is that of CUDA before that of the driver."""
        return f"{self.cuda // 1000}.{self.version}"

    @property
    def release(self) -> tuple[int, int]:
        """The first two numbers of the version."""
        major, minor, *_ = self.version.split(".")
        return int(major), int(minor)


R450 = Driver(
    "450.248.02",
    11000,
    newest_field=163,
    missing=frozenset(
        {
            "nvmlDeviceGetMemoryInfo_v2",
            "nvmlDeviceGetNumFans",
            "nvmlDeviceGetTemperatureV",
            "nvmlDeviceGetMarginTemperature",
            "nvmlDeviceGetJpgUtilization",
            "nvmlDeviceGetOfaUtilization",
            "nvmlDeviceGetSupportedClocksEventReasons",
            "nvmlDeviceGetCurrentClocksEventReasons",
            "nvmlGpmQueryDeviceSupport",
            "nvmlGpmSampleAlloc",
            "nvmlGpmSampleFree",
            "nvmlGpmSampleGet",
            "nvmlGpmMigSampleGet",
            "nvmlGpmMetricsGet",
        }
    ),
)
R570 = Driver("570.172.08", 12080, newest_field=268)
R575 = Driver("575.57.08", 12090, newest_field=273)
R580 = Driver("580.95.05", 13000, newest_field=274)
R590 = Driver("590.48.01", 13010, newest_field=300)
R595 = Driver("595.45.04", 13020, newest_field=302)
