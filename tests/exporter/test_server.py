"""The HTTP server answers its paths, refuses the rest, and says why it cannot listen."""

from __future__ import annotations

import contextlib
import gzip
import json
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from exporter.metrics.health import SourceState
from exporter.metrics.page import Rendered
from exporter.server import THREADS, Address, Application, ListenError, Routes, Server
from exporter.server.app import accepts_gzip
from exporter.server.landing import Landing
from exporter.snapshot import Health
from tests.support.http import request, serving

NASTY = '<script>alert("x")</script>&'


@dataclass
class House:
    """What the routes show; tests change it while the server runs."""

    problems: list[str] = field(default_factory=list)
    not_ready: list[str] = field(default_factory=list)
    reload_problem: str = ""
    reloads: int = 0
    sources: list[SourceState] = field(default_factory=list)
    asked: list[tuple[str, bool]] = field(default_factory=list)

    def metrics(self, accept: str, compressed: bool) -> Rendered:  # noqa: FBT001 - the route's signature
        self.asked.append((accept, compressed))
        body = b"up 1\n"
        if compressed:
            return Rendered("text/plain", "gzip", gzip.compress(body))
        return Rendered("text/plain", "", body)

    def reload(self) -> str:
        self.reloads += 1
        return self.reload_problem

    def routes(self) -> Routes:
        return Routes(
            metrics=self.metrics,
            problems=lambda: self.problems,
            not_ready=lambda: self.not_ready,
            landing=lambda: Landing(f"0.1.0 {NASTY}", self.sources, now=1000.0),
            alerts=lambda: [{"rule": "nonfinite", "run": NASTY, "value": None}],
            node=dict,
            reload=self.reload,
        )


@pytest.fixture
def house() -> House:
    return House()


@pytest.fixture
def address(house: House) -> Iterator[Address]:
    with serving(Application(house.routes())) as address:
        yield address


def test_metrics_are_served_with_their_type_and_length(address: Address, house: House) -> None:
    answer = request(address, "/metrics", headers={"Accept": "text/plain", "X": "y"})
    assert (answer.status, answer.body) == (200, b"up 1\n")
    assert answer.headers["Content-Type"] == "text/plain"
    assert answer.headers["Content-Length"] == "5"
    assert answer.headers["Vary"] == "Accept, Accept-Encoding"
    assert "Content-Encoding" not in answer.headers
    assert house.asked == [("text/plain", False)]


def test_gzip_is_negotiated(address: Address) -> None:
    answer = request(address, "/metrics", headers={"Accept-Encoding": "deflate, gzip;q=0.8"})
    assert answer.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(answer.body) == b"up 1\n"


@pytest.mark.parametrize(
    ("header", "accepted"),
    [
        ("", False),
        ("identity", False),
        ("gzip", True),
        ("GZIP", True),
        ("br, gzip ; q=1.0", True),
        ("gzip;q=0.001", True),
        ("gzip;q=0", False),
        ("gzip;q=0.000, *", False),
        ("gzipped", False),
    ],
)
def test_the_accept_encoding_header_is_read_with_its_weights(header: str, accepted: bool) -> None:  # noqa: FBT001 - a column of the table
    assert accepts_gzip(header) is accepted


@pytest.mark.parametrize(
    "path", ["/", "/metrics", "/-/healthy", "/-/ready", "/api/v1/alerts", "/api/v1/node"]
)
def test_head_gives_the_headers_of_get_without_a_body(address: Address, path: str) -> None:
    head = request(address, path, method="HEAD")
    assert (head.status, head.body) == (200, b"")
    assert head.headers["Content-Length"] == str(len(request(address, path).body))


@pytest.mark.parametrize("path", ["/-/healthy", "/-/ready"])
def test_probes_say_what_is_wrong(address: Address, house: House, path: str) -> None:
    assert request(address, path).status == 200
    house.problems.append("worker nvml is 99 s late")
    house.not_ready.append("worker nvml is 99 s late")
    answer = request(address, path)
    assert (answer.status, answer.text) == (503, "worker nvml is 99 s late\n")


def test_alerts_are_json(address: Address) -> None:
    answer = request(address, "/api/v1/alerts")
    assert answer.headers["Content-Type"] == "application/json"
    assert json.loads(answer.body) == [{"rule": "nonfinite", "run": NASTY, "value": None}]


def test_reload_answers_with_the_result(address: Address, house: House) -> None:
    assert request(address, "/-/reload", method="POST").status == 200
    house.reload_problem = "tunewatch.yaml:3: unknown key"
    answer = request(address, "/-/reload", method="POST")
    assert (answer.status, answer.text) == (500, "tunewatch.yaml:3: unknown key\n")
    assert house.reloads == 2


def test_a_web_page_cannot_reload(address: Address, house: House) -> None:
    headers = {"Origin": "http://elsewhere.example"}
    assert request(address, "/-/reload", method="POST", headers=headers).status == 403
    assert house.reloads == 0


@pytest.mark.parametrize(
    ("method", "path", "status", "allow"),
    [
        ("GET", "/nothing", 404, None),
        ("GET", "/metrics/", 404, None),
        ("GET", "/-/reload", 405, "POST"),
        ("POST", "/metrics", 405, "GET, HEAD"),
        ("DELETE", "/", 405, "GET, HEAD"),
    ],
)
def test_other_requests_are_refused(
    address: Address, method: str, path: str, status: int, allow: str | None
) -> None:
    answer = request(address, path, method=method)
    assert (answer.status, answer.headers.get("Allow")) == (status, allow)


@pytest.mark.parametrize("path", ["/", "/metrics", "/nothing"])
def test_every_answer_guards_the_browser(address: Address, path: str) -> None:
    headers = request(address, path).headers
    assert headers["Content-Security-Policy"].startswith("default-src 'none'; style-src 'sha256-")
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cache-Control"] == "no-store"
    assert "Cheroot" not in headers["Server"]


def test_the_landing_page_shows_the_sources_and_escapes_what_they_say(
    address: Address, house: House
) -> None:
    up = Health(up=True, attempted_at=990.0, duration=0.1)
    down = Health(up=False, attempted_at=990.0, duration=0.1, problem=NASTY)
    house.sources += [
        SourceState("nvml", up, stuck=False, expired=False),
        SourceState(f"mlflow{NASTY}", down, stuck=False, expired=False),
        SourceState("pods", None, stuck=True, expired=False),
        SourceState("nodes", None, stuck=False, expired=False),
    ]
    page = request(address, "/").text
    assert '<td>nvml</td><td class="up">up</td><td>read 10 s ago</td>' in page
    assert '<td class="down">down</td><td>a collection is under way and does not return' in page
    assert '<td>nodes</td><td class="starting">starting</td>' in page
    assert page.count("&lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt;&amp;") == 3
    assert "<script" not in page
    assert "http" not in page.lower()


def test_requests_that_cost_too_much_are_refused(address: Address) -> None:
    answer = request(address, "/metrics", headers={"X-Long": "x" * 20_000})
    assert answer.status == 413


def test_silent_clients_leave_room_for_a_scrape(address: Address) -> None:
    with contextlib.ExitStack() as silent:
        for _ in range(THREADS - 1):
            client = silent.enter_context(socket.create_connection(address))
            client.sendall(b"GET /metrics HTTP/1.1\r\n")
        assert request(address, "/metrics").status == 200


def test_a_taken_port_is_one_clear_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        server = Server(Address("127.0.0.1", port), Application(House().routes()), print)
        with pytest.raises(ListenError) as caught:
            server.start()
    assert str(caught.value) == (
        f"cannot listen on 127.0.0.1:{port}: Address already in use: stop the program that listens "
        "there, or choose another port with --web.listen-address"
    )


def test_an_address_of_elsewhere_is_one_clear_error() -> None:
    server = Server(Address("192.0.2.1", 0), Application(House().routes()), print)
    with pytest.raises(ListenError, match="choose an address of this machine"):
        server.start()


def test_two_servers_side_by_side_have_their_own_ports() -> None:
    application = Application(House().routes())
    with serving(application) as one, serving(application) as other:
        assert one.port != other.port
        assert request(one, "/-/healthy").status == request(other, "/-/healthy").status == 200


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("127.0.0.1:10390", ("127.0.0.1", 10390)),
        ("localhost:0", ("localhost", 0)),
        ("[::1]:9", ("::1", 9)),
        ("[fe80::1%eth0]:9", ("fe80::1%eth0", 9)),
    ],
)
def test_listen_addresses_are_read_and_written_alike(text: str, expected: tuple[str, int]) -> None:
    assert Address.parse(text) == expected
    assert str(Address.parse(text)) == text


def test_a_port_alone_listens_everywhere() -> None:
    assert Address.parse(":10390").host in {"::", "0.0.0.0"}


@pytest.mark.parametrize("text", ["", "10390", "host", "host:", "::1:9", "host:70000", "a:b:c"])
def test_other_listen_addresses_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a listen address"):
        Address.parse(text)


def test_stopping_waits_for_nobody_and_is_no_death(house: House) -> None:
    release = threading.Event()
    entered = threading.Event()
    deaths: list[str] = []
    routes = house.routes()

    def hang(_accept: str, _gzip: bool) -> Rendered:  # noqa: FBT001 - the route's signature
        entered.set()
        release.wait()
        return Rendered("text/plain", "", b"late")

    application = Application(
        Routes(
            hang,
            routes.problems,
            routes.not_ready,
            routes.landing,
            routes.alerts,
            routes.node,
            routes.reload,
        )
    )
    server = Server(Address("127.0.0.1", 0), application, deaths.append)
    address = server.start()
    with socket.create_connection(address) as client:
        client.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
        assert entered.wait(10)
        server.stop()
        release.set()
    assert deaths == []
