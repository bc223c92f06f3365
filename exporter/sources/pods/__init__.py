"""Pods as a source: the kubelet's pod-resources API, which knows who holds which device."""

from exporter.sources.pods.source import PodsSource

__all__ = ["PodsSource"]
