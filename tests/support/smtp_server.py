"""A real SMTP server on loopback that keeps the mail it gets."""

from __future__ import annotations

import asyncio
import email
import email.policy
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope


class Mailbox:
    """The server's handler: `messages` in order of arrival, `refusal` to send mail back."""

    def __init__(self) -> None:
        self.messages: list[EmailMessage] = []
        self.refusal = ""
        self.password = ""
        """The only one that is let in; any where it is empty."""
        self.port = 0

    async def handle_DATA(self, _server: object, _session: object, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's name
        if self.refusal:
            return self.refusal
        content = envelope.original_content or b""
        self.messages.append(email.message_from_bytes(content, policy=email.policy.default))
        return "250 accepted"

    def login(self, *presented: Any) -> AuthResult:  # noqa: ANN401 - what aiosmtpd passes
        """Let in who knows the password."""
        given = presented[-1].password.decode()
        return AuthResult(success=self.password in ("", given), handled=False)


async def _shut(server: asyncio.Server) -> None:
    """Close the server and what is left of its connections, on its own loop."""
    server.close()
    connections = asyncio.all_tasks() - {asyncio.current_task()}
    for connection in connections:
        connection.cancel()
    await asyncio.gather(*connections, return_exceptions=True)


@contextmanager
def smtp_server() -> Iterator[Mailbox]:
    """Serve on a free loopback port for the length of the block; any login is accepted at first."""
    mailbox = Mailbox()
    loop = asyncio.new_event_loop()

    def protocol() -> SMTP:
        return SMTP(
            mailbox,
            hostname="mail.test",
            auth_require_tls=False,
            authenticator=mailbox.login,
            loop=loop,
        )

    server = loop.run_until_complete(loop.create_server(protocol, "127.0.0.1", 0))
    mailbox.port = server.sockets[0].getsockname()[1]
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield mailbox
    finally:
        asyncio.run_coroutine_threadsafe(_shut(server), loop).result(5)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(5)
        loop.close()
