"""The flags of `tunewatch run`, and what they say."""

from exporter.options.flag import Flag
from exporter.options.options import HOMELESS_STATE_FILE, RunOptions
from exporter.options.parser import add_flags
from exporter.options.reading import OptionError, run_options
from exporter.options.reference import reference
from exporter.options.table import FLAGS, SIMULATED_PROFILES
from exporter.options.values import parse_switch

__all__ = [
    "FLAGS",
    "HOMELESS_STATE_FILE",
    "SIMULATED_PROFILES",
    "Flag",
    "OptionError",
    "RunOptions",
    "add_flags",
    "parse_switch",
    "reference",
    "run_options",
]
