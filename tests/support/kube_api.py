"""A small API server on loopback with the real semantics of Leases and ConfigMaps.

Reads and writes single objects (GET, POST, PUT, DELETE) as `tests.support.kube_objects` stores
them, knows users by bearer tokens, lets them do what RBAC rules say, and keeps a log of all writes.
It misbehaves towards one user at a time, as told. Left out, since tunewatch needs none of it: lists
and watches, patches, discovery, protobuf, admission, events, the limit on the size of requests.
"""

from __future__ import annotations

import json
import re
import socket
import ssl
import struct
import threading
import time
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Literal, NamedTuple

import yaml

from tests.support.kube_objects import RESOURCES, Manifest, Refusal, Resource, Storage

NAMESPACE = "monitoring"
_PATH = re.compile(
    r"/(?:api|apis/(?P<group>[^/]+))/v1/namespaces/(?P<namespace>[^/]+)/(?P<plural>[^/?]+)"
    r"(?:/(?P<name>[^/?]+))?"
)
_VERBS = {"GET": "get", "POST": "create", "PUT": "update", "DELETE": "delete"}
_REASONS = {
    409: ("Conflict", "the object has been modified; please apply your changes to the latest"),
    410: ("Expired", "the provided resource version is too old"),
    429: ("TooManyRequests", "the server has received too many requests and has asked us to wait"),
    500: ("InternalError", "Internal error occurred: etcdserver: leader changed"),
    503: ("ServiceUnavailable", "the server is currently unable to handle the request"),
    504: ("Timeout", "Timeout: request did not complete within the allotted timeout"),
}

Rule = Mapping[str, Any]
"""A rule as a Role has it: apiGroups, resources, resourceNames (may be absent), verbs."""


@dataclass(frozen=True)
class Fault:
    """How a user's requests go wrong.

    `status`: answered so, and not carried out. `hang`: no answer until healed, and not carried
    out. `late`: as `hang`, but carried out once healed, when the user has long gone. `cut`: the
    connection is reset at once. `drop`: carried out, and the connection reset instead of an answer.
    `page`: not carried out, and answered with the page of a proxy that wants people to sign in.
    `methods` are those that fail; `times` is for how many requests, None until healed.
    """

    how: Literal["status", "hang", "late", "cut", "drop", "page"]
    status: int = 0
    retry_after: int | None = None
    methods: Collection[str] = ("GET", "POST", "PUT", "DELETE")
    plural: str = ""
    times: int | None = None


class Request(NamedTuple):
    """One request and how it was answered, 0 if it was not; `at` is on the boot clock."""

    at: float
    user: str
    verb: str
    plural: str
    name: str
    status: int


class Write(NamedTuple):
    """One write that was carried out, in the order of versions; `at` is on the boot clock."""

    at: float
    user: str
    verb: str
    plural: str
    name: str
    stored: Manifest


class KubeApi(ThreadingHTTPServer):
    """The server; `tokens` are users by bearer token, `rules` all that any of them may do."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.tokens: dict[str, str] = {}
        self.rules: Collection[Rule] | None = None
        """None lets everybody do everything."""
        self.storage = Storage()
        self.requests: list[Request] = []
        self.writes: list[Write] = []
        self.scheme = "https" if tls else "http"
        self._faults: dict[str, Fault] = {}
        self._healings: Counter[str] = Counter()
        self._changed = threading.Condition()
        self._writing = threading.Lock()
        self._connections: set[socket.socket] = set()
        self._closed = False
        if tls:
            self.socket = tls.wrap_socket(
                self.socket, server_side=True, do_handshake_on_connect=False
            )

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.server_port}"

    def fail(self, user: str, fault: Fault) -> None:
        """Let a user's requests fail from now on, those of all users for the user `*`."""
        with self._changed:
            self._faults[user] = fault

    def heal(self, user: str) -> None:
        """Let a user's requests succeed again, and end those that hang."""
        with self._changed:
            self._faults.pop(user, None)
            self._healings[user] += 1
            self._changed.notify_all()

    def kubeconfig(self, folder: Path, user: str, namespace: str = NAMESPACE) -> Path:
        """Write a KUBECONFIG for a user, who is known by a new token from now on."""
        token = f"token-of-{user}-{len(self.tokens)}"
        self.tokens[token] = user
        file = folder / f"kubeconfig-{user.replace(':', '-')}.yaml"
        context = {"cluster": "loopback", "user": user, "namespace": namespace}
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "loopback", "cluster": {"server": self.url}}],
            "users": [{"name": user, "user": {"token": token}}],
            "contexts": [{"name": "here", "context": context}],
            "current-context": "here",
        }
        file.write_text(yaml.safe_dump(config))
        file.chmod(0o600)
        return file

    def hang_up(self) -> None:
        """End all connections, as a server or a balancer does with idle ones."""
        for connection in tuple(self._connections):
            connection.shutdown(socket.SHUT_RDWR)

    def process_request(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 - as the base class has it
        """Serve a connection on a thread of its own, and remember it."""
        self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:  # noqa: ANN401 - as the base class has it
        """End a connection that has been served."""
        self._connections.discard(request)
        super().shutdown_request(request)

    def close(self) -> None:
        """End requests that hang, and listen no more."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self.shutdown()
        self.server_close()

    def fault_of(self, user: str, method: str, plural: str) -> Fault | None:
        """Return the fault that this request meets, counting it."""
        with self._changed:
            for who in (user, "*"):
                fault = self._faults.get(who)
                if fault and method in fault.methods and fault.plural in ("", plural):
                    self._count(who, fault)
                    return fault
        return None

    def _count(self, who: str, fault: Fault) -> None:
        if fault.times == 1:
            del self._faults[who]
        elif fault.times is not None:
            self._faults[who] = replace(fault, times=fault.times - 1)

    def await_healing(self, user: str) -> None:
        """Return once the user has been healed after this was called."""
        with self._changed:
            before = self._healings[user], self._healings["*"]
            self._changed.wait_for(
                lambda: self._closed or (self._healings[user], self._healings["*"]) != before
            )

    def carry_out(self, user: str, method: str, asked: _Asked, body: Manifest) -> Manifest:
        """Do what is asked, and log it if it writes; one at a time, so the log is in order."""
        resource, namespace, name = asked
        with self._writing:
            written = True
            if method == "GET":
                return self.storage.get(resource, namespace, name)
            if method == "POST":
                stored = self.storage.create(resource, namespace, body)
            elif method == "PUT":
                stored, written = self.storage.update(resource, namespace, name, body)
            else:
                self.storage.delete(resource, namespace, name)
                stored = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"}
            if written:
                name = name or str(stored["metadata"]["name"])
                at = time.clock_gettime(time.CLOCK_BOOTTIME)
                self.writes.append(Write(at, user, _VERBS[method], resource.plural, name, stored))
            return stored

    def handle_error(self, *_: object) -> None:
        """Keep the test output clean of clients that hang up."""


class _Asked(NamedTuple):
    resource: Resource
    namespace: str
    name: str


class _Cut(Exception):  # noqa: N818 - what happens, not a mistake
    """The connection is to be reset instead of an answer."""


class _Page(Exception):  # noqa: N818 - as above
    """A proxy is to answer instead."""


class _Handler(BaseHTTPRequestHandler):
    server: KubeApi
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        self._handle("GET")

    def do_POST(self) -> None:
        self._handle("POST")

    def do_PUT(self) -> None:
        self._handle("PUT")

    def do_DELETE(self) -> None:
        self._handle("DELETE")

    def _handle(self, method: str) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {}
        user, asked, status = "", None, 0
        answer: Manifest | str | None = None
        try:
            user = self._user()
            asked = self._asked()
            answer = self._answer(user, method, asked, body)
            status = 201 if method == "POST" else 200
        except Refusal as refusal:
            status, answer = refusal.code, refusal.status
            if refusal.retry_after:
                headers["Retry-After"] = str(refusal.retry_after)
        except _Page:
            status, answer = 200, "<html>Please sign in.</html>"
        except _Cut:
            # Lingering for no time makes the close a reset.
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.close_connection = True
        at = time.clock_gettime(time.CLOCK_BOOTTIME)
        plural, name = (asked.resource.plural, asked.name) if asked else ("", "")
        self.server.requests.append(Request(at, user, _VERBS[method], plural, name, status))
        if answer is not None:
            self._send(status, answer, headers)

    def _user(self) -> str:
        scheme, _, token = self.headers.get("Authorization", "").partition(" ")
        user = self.server.tokens.get(token.strip()) if scheme.lower() == "bearer" else None
        if user is None:
            raise Refusal(401, "Unauthorized", "Unauthorized")
        return user

    def _asked(self) -> _Asked:
        match = _PATH.fullmatch(self.path.partition("?")[0])
        for resource in RESOURCES:
            if match and (match["group"] or "", match["plural"]) == (
                resource.group,
                resource.plural,
            ):
                return _Asked(resource, match["namespace"], match["name"] or "")
        raise Refusal(404, "NotFound", "the server could not find the requested resource")

    def _answer(self, user: str, method: str, asked: _Asked, body: bytes) -> Manifest:
        server = self.server
        fault = server.fault_of(user, method, asked.resource.plural)
        how = fault.how if fault else ""
        if how in ("hang", "late"):
            server.await_healing(user)
        if how in ("hang", "cut"):
            raise _Cut
        if how == "page":
            raise _Page
        if fault and how == "status":
            refusal = Refusal(fault.status, *_REASONS[fault.status])
            refusal.retry_after = fault.retry_after
            raise refusal
        self._authorize(user, _VERBS[method], asked)
        try:
            manifest = json.loads(body) if body else {}
        except ValueError as error:
            raise Refusal(400, "BadRequest", f"couldn't get version/kind: {error}") from None
        answer = server.carry_out(user, method, asked, manifest)
        if how in ("late", "drop"):
            raise _Cut
        return answer

    def _authorize(self, user: str, verb: str, asked: _Asked) -> None:
        resource, namespace, name = asked
        rules = self.server.rules
        if rules is None or any(_allows(rule, verb, resource, name) for rule in rules):
            return
        called = f'{resource.qualified} "{name}"' if name else resource.qualified
        message = (
            f'{called} is forbidden: User "{user}" cannot {verb} resource "{resource.plural}" in '
            f'API group "{resource.group}" in the namespace "{namespace}"'
        )
        raise Refusal(403, "Forbidden", message)

    def _send(self, status: int, answer: Manifest | str, headers: Mapping[str, str]) -> None:
        body = (answer if isinstance(answer, str) else json.dumps(answer)).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        for header in headers.items():
            self.send_header(*header)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Keep the test output clean."""


def _allows(rule: Rule, verb: str, resource: Resource, name: str) -> bool:
    """Tell whether a rule of a Role covers a request; creation names no object yet."""

    def covers(field: str, value: str) -> bool:
        return value in rule[field] or "*" in rule[field]

    named = not rule.get("resourceNames") or name in rule["resourceNames"]
    return (
        named
        and covers("apiGroups", resource.group)
        and covers("resources", resource.plural)
        and covers("verbs", verb)
    )


@contextmanager
def serving_kube_api(tls: ssl.SSLContext | None = None) -> Iterator[KubeApi]:
    """Serve an empty cluster on a free loopback port for the length of the block."""
    api = KubeApi(tls)
    thread = threading.Thread(target=api.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield api
    finally:
        api.close()
