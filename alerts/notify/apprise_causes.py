"""Why a delivery failed: Apprise tells that at DEBUG alone, where it also prints secrets.

A service is given a logger of ours that listens in before it hands on. Only words of our own leave
this module.
"""

from __future__ import annotations

import logging
import re
from typing import NamedTuple

_MARK = "Exception"
_ANSWER = re.compile(r"Exception: \(([45]\d\d), ")
"""How a mail server's answer to a greeting or a login reads, when it is no."""
_LOGIN_REFUSED = ("530", "534", "535", "538")
_NOTHING_SENT = (
    "Connection refused",
    "No route to host",
    "Network is unreachable",
    "Name or service not known",
    "No address associated with hostname",
    "Temporary failure in name resolution",
    "certificate verify failed",
)
_PERHAPS_SENT = ("timed out", "Connection reset by peer", "Connection aborted")


class Cause(NamedTuple):
    """What was wrong, in words; `sent` is whether the message may have arrived all the same."""

    words: str
    rejected: bool = False
    sent: bool = False


class CauseLogger:
    """Takes the place of a service's logger, and remembers the cause that it told last."""

    def __init__(self, logger: logging.Logger) -> None:
        self._logger = logger
        self.cause: Cause | None = None

    def debug(self, message: object, *arguments: object, **options: object) -> None:
        """Listen in, and hand on."""
        text = str(message)
        if _MARK in text:
            self.cause = cause(text % arguments if arguments else text) or self.cause
        self._logger.debug(message, *arguments, **options)  # type: ignore[arg-type]  # as logging has it

    def __getattr__(self, name: str) -> object:
        """Be the logger itself in all else."""
        return getattr(self._logger, name)


def cause(text: str) -> Cause | None:
    """Return what a line that quotes an exception says, None where it says nothing we know."""
    if answer := _ANSWER.search(text):
        code = answer[1]
        if code in _LOGIN_REFUSED:
            return Cause(f"the mail server refuses the login (SMTP {code})", rejected=True)
        return Cause(f"the mail server answers SMTP {code}")
    for phrase in _NOTHING_SENT:
        if phrase in text:
            return Cause(phrase[:1].lower() + phrase[1:])
    if "ConnectTimeout" in text:
        return Cause("connecting took too long")
    known = next((phrase for phrase in _PERHAPS_SENT if phrase in text), None)
    return Cause(known[:1].lower() + known[1:], sent=True) if known else None
