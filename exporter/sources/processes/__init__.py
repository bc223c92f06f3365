"""Processes on GPUs as a source: which pod each belongs to, and what the pods use together."""

from exporter.sources.processes.source import ProcessesSource

__all__ = ["ProcessesSource"]
