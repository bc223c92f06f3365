"""A demonstration on one machine: real training runs go wrong before a real MLflow server."""

from exporter.demo.stage import DemoOptions, run_demo

__all__ = ["DemoOptions", "run_demo"]
