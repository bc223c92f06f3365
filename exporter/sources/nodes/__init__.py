"""The other nodes of a cluster, as their own processes see them."""

from exporter.sources.nodes.addresses import Addresses
from exporter.sources.nodes.source import NodesSource

__all__ = ["Addresses", "NodesSource"]
