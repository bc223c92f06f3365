"""Writes the reference page of the flags."""

import sys

from exporter.options.reference import reference

sys.stdout.write(reference())
