"""Who uses which GPU: device names, pods and runs joined, without asking anybody."""

from exporter.attribution.devices import DeviceNames
from exporter.attribution.join import GPUS_TAG, JOIN_TAGS, Joined, Place, join
from exporter.attribution.shares import fold

__all__ = ["GPUS_TAG", "JOIN_TAGS", "DeviceNames", "Joined", "Place", "fold", "join"]
