"""What keeps a process from starting."""

from __future__ import annotations


class StartError(Exception):
    """The process cannot start; the message says what is wrong and what to do about it."""
