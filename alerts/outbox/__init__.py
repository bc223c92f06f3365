"""Deliveries: one row per episode and destination, stored before it is sent."""

from alerts.outbox.course import Standing
from alerts.outbox.digest import Bundle
from alerts.outbox.pace import Pace
from alerts.outbox.queue import Outbox
from alerts.outbox.row import Row

__all__ = ["Bundle", "Outbox", "Pace", "Row", "Standing"]
