"""Listen addresses as exporters write them, and what is said when one cannot be had."""

from __future__ import annotations

import re
import socket
from typing import NamedTuple

_FORM = re.compile(r"(?:\[(?P<ipv6>[0-9A-Fa-f:.%\w]+)\]|(?P<host>[^\[\]:]*)):(?P<port>\d{1,5})")


class Address(NamedTuple):
    """A host (name, IPv4 or IPv6 without brackets) and a TCP port; port 0 takes any free one."""

    host: str
    port: int

    def __str__(self) -> str:
        """Write the address as `parse` reads it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    @classmethod
    def parse(cls, text: str) -> Address:
        """Read `:10390` (all interfaces), `127.0.0.1:10390`, `name:10390` or `[::1]:10390`.

        Raises ValueError that says what is expected.
        """
        match = _FORM.fullmatch(text.strip())
        if match is None or int(match["port"]) > 65535:
            raise ValueError(
                f"not a listen address: {text!r}; write HOST:PORT, [IPv6]:PORT or :PORT"
            )
        return cls(match["ipv6"] or match["host"] or _every_interface(), int(match["port"]))


class ListenError(Exception):
    """The server cannot listen; says where, why, and what to do about it."""

    def __init__(self, address: Address, reason: str, remedy: str) -> None:
        super().__init__(f"cannot listen on {address}: {reason}: {remedy}")
        self.address = address


def _every_interface() -> str:
    return "::" if socket.has_dualstack_ipv6() else "0.0.0.0"  # noqa: S104 - what `:PORT` asks for
