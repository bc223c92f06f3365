"""Captures: what a real library answered, recorded on one machine and replayed on any other."""

from exporter.simulation.capture.document import (
    Capture,
    CaptureError,
    Collection,
    from_json,
    to_json,
)
from exporter.simulation.capture.masking import Mask
from exporter.simulation.capture.recording import Recorder
from exporter.simulation.capture.replay import ReplayedLibrary

__all__ = [
    "Capture",
    "CaptureError",
    "Collection",
    "Mask",
    "Recorder",
    "ReplayedLibrary",
    "from_json",
    "to_json",
]
