"""What a way to reach people must offer, and how a delivery can end."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Protocol

from alerts.model import Severity
from alerts.notify.notice import Message


class Result(StrEnum):
    """How one attempt to deliver ended.

    *Failed* may work later, *rate limited* works after a pause, *rejected* will not work until a
    person changes something (HTTP 401, 403, 404, 410).
    """

    DELIVERED = "delivered"
    FAILED = "failed"
    RATE_LIMITED = "rate_limited"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class Delivery:
    """The end of one attempt; `detail` is for the log and holds no secret.

    `uncertain`: nothing was answered, so the message may have arrived and a retry may repeat it.
    """

    result: Result
    detail: str = ""
    uncertain: bool = False


@dataclass(frozen=True, slots=True)
class Match:
    """Which alerts a channel wants, by globs of which one must fit.

    An alert that is not about a run has no experiment, which only a glob such as `*` fits.
    """

    experiments: tuple[str, ...] = ("*",)
    rules: tuple[str, ...] = ("*",)

    def takes(self, rule: str, experiment: str) -> bool:
        """Whether the channel wants alerts of this rule and experiment."""
        return _fits(rule, self.rules) and _fits(experiment, self.experiments)


EVERYTHING = Match()


def _fits(name: str, globs: tuple[str, ...]) -> bool:
    return any(fnmatchcase(name, glob) for glob in globs)


class Destination(Protocol):
    """A channel as the outbox knows it; `name` labels metrics and log lines."""

    @property
    def name(self) -> str:
        """The channel's unique name."""

    @property
    def min_severity(self) -> Severity:
        """The least urgent alert that the channel wants."""

    @property
    def match(self) -> Match:
        """Which alerts the channel wants."""


class Channel(Destination, Protocol):
    """A way to reach people."""

    def prepare(self) -> None:
        """Get ready to send, which may take seconds; whether one still may is asked after it."""

    def send(self, message: Message) -> Delivery:
        """Hand the message over, in bounded time; answers instead of raising."""
