"""The channel that needs no configuration: a stream that somebody reads."""

from __future__ import annotations

from typing import TextIO

from alerts.model import Severity
from alerts.notify.channel import EVERYTHING, Delivery, Result
from alerts.notify.notice import Message

_RESET = "\x1b[0m"
_GREEN = "\x1b[1;32m"
_COLOURS = {
    Severity.INFO: "\x1b[1;36m",
    Severity.WARNING: "\x1b[1;33m",
    Severity.CRITICAL: "\x1b[1;31m",
}


class ConsoleChannel:
    """Writes messages to `stream`, the title in colour when a terminal shows it."""

    def __init__(
        self, stream: TextIO, name: str = "console", min_severity: Severity = Severity.INFO
    ) -> None:
        self.name = name
        self.min_severity = min_severity
        self.match = EVERYTHING
        self._stream = stream

    def prepare(self) -> None:
        """Be ready at once."""

    def send(self, message: Message) -> Delivery:
        """Write title, indented text and a blank line in one piece."""
        lines = [self._title(message), *message.text.splitlines()]
        block = "\n".join([lines[0], *(f"  {line}".rstrip() for line in lines[1:]), "", ""])
        try:
            self._stream.write(self._encodable(block))
            self._stream.flush()
        except (OSError, ValueError) as error:  # ValueError: the stream was closed
            return Delivery(Result.FAILED, f"cannot write to the console: {error}")
        return Delivery(Result.DELIVERED)

    def _title(self, message: Message) -> str:
        if not self._is_terminal():
            return message.title
        colour = _GREEN if message.kind.resolves else _COLOURS[message.severity]
        return f"{colour}{message.title}{_RESET}"

    def _is_terminal(self) -> bool:
        return not self._stream.closed and self._stream.isatty()

    def _encodable(self, text: str) -> str:
        """Return `text` with question marks for what the stream's encoding lacks."""
        encoding = self._stream.encoding or "utf-8"
        return text.encode(encoding, errors="replace").decode(encoding)
