"""What is remembered of a run: bounded series, running minima, epoch means, silence."""

from alerts.history.roles import Roles
from alerts.history.run import RunHistory
from alerts.history.series import Series

__all__ = ["Roles", "RunHistory", "Series"]
