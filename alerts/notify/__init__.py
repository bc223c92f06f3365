"""Telling people: messages, and the channels that carry them."""

from alerts.notify.channel import Channel, Delivery, Destination, Match, Result
from alerts.notify.notice import Kind, Message, Notice

__all__ = ["Channel", "Delivery", "Destination", "Kind", "Match", "Message", "Notice", "Result"]
