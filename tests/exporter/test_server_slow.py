"""Clients that are slow, or say nothing at all, keep nobody from a scrape."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator

import pytest

from exporter import server as server_module
from exporter.metrics.page import Rendered
from exporter.server import THREADS, Address, Application, Routes
from exporter.server.landing import Landing
from tests.support.http import request, serving


@pytest.fixture
def address(monkeypatch: pytest.MonkeyPatch) -> Iterator[Address]:
    monkeypatch.setattr(server_module, "IDLE_SECONDS", 1)
    routes = Routes(
        metrics=lambda _accept, _gzip: Rendered("text/plain", "", b"up 1\n"),
        problems=list,
        not_ready=list,
        landing=lambda: Landing("0.1.0", [], now=0.0),
        alerts=dict,
        node=dict,
        reload=str,
    )
    with serving(Application(routes)) as address:
        yield address


def test_silent_clients_hold_no_thread(address: Address) -> None:
    """They are heard when they speak at last, and closed when they never do."""
    with contextlib.ExitStack() as stack:
        clients = [
            stack.enter_context(socket.create_connection(address)) for _ in range(5 * THREADS)
        ]
        for _ in range(20):
            assert request(address, "/metrics").body == b"up 1\n"
        late, silent = clients[0], clients[-1]
        late.sendall(b"GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n")
        assert late.recv(12) == b"HTTP/1.1 200"
        silent.settimeout(30)
        assert silent.recv(1) == b""


def test_who_speaks_a_letter_at_a_time_is_cut_off(
    address: Address, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_module, "HEADER_SECONDS", 0.5)
    over = threading.Event()

    def drip(client: socket.socket) -> None:
        with contextlib.suppress(OSError):
            client.sendall(b"GET /-/healthy HTTP/1.1\r\nX: ")
            while not over.wait(0.05):
                client.sendall(b"x")

    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(socket.create_connection(address)) for _ in range(THREADS)]
        drips = [threading.Thread(target=drip, args=(client,)) for client in clients]
        for thread in drips:
            thread.start()
        try:
            assert request(address, "/metrics").body == b"up 1\n"
        finally:
            over.set()
            for thread in drips:
                thread.join()
