"""The composition root: the only place that knows every concrete class."""

from exporter.app.errors import StartError
from exporter.app.process import Process

__all__ = ["Process", "StartError"]
