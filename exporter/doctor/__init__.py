"""Looking over training configurations before they run: what tunewatch could not see, and why."""

from exporter.doctor.examine import Examination, examine
from exporter.doctor.finding import Finding, Level, Place, Remark, summary

__all__ = ["Examination", "Finding", "Level", "Place", "Remark", "examine", "summary"]
