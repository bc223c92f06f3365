"""Stands in for Grafana: takes its settings, reads what is provisioned, and asks Prometheus."""

from __future__ import annotations

import argparse
import json
import os
import sys
import urllib.request
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import yaml

PROXY = "/api/datasources/proxy/uid/"


def install(home: Path) -> Path:
    """Lay it out as Grafana's archive is, and return the folder of its program."""
    (home / "public").mkdir(parents=True)
    program = home / "bin" / "grafana"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -P {Path(__file__).resolve()} "$@"\n')
    program.chmod(0o755)
    return program.parent


class _Grafana(ThreadingHTTPServer):
    """Listens where the settings say, with everything that is provisioned."""

    daemon_threads = True

    def __init__(self, settings: Mapping[str, str]) -> None:
        address = (settings["GF_SERVER_HTTP_ADDR"], int(settings["GF_SERVER_HTTP_PORT"]))
        super().__init__(address, _Request)
        folder = Path(settings["GF_PATHS_PROVISIONING"])
        sources = _provisioned(folder / "datasources", "datasources")
        self.urls = {source["uid"]: source["url"] for source in sources}
        self.dashboards = [
            {**json.loads(file.read_text()), "folderUid": provider["folderUid"]}
            for provider in _provisioned(folder / "dashboards", "providers")
            for file in Path(provider["options"]["path"]).glob("*.json")
        ]


def _provisioned(folder: Path, kind: str) -> Iterator[Mapping[str, Any]]:
    for file in sorted(folder.glob("*.yaml")):
        yield from yaml.safe_load(file.read_text())[kind]


class _Request(BaseHTTPRequestHandler):
    server: _Grafana

    def do_GET(self) -> None:
        if self.path == "/api/health":
            self._answer(b"{}")
        elif self.path == "/api/search":
            known = [{key: found[key] for key in SEARCH} for found in self.server.dashboards]
            self._answer(json.dumps(known).encode())
        elif self.path.startswith(PROXY):
            uid, _, path = self.path.removeprefix(PROXY).partition("/")
            with urllib.request.urlopen(f"{self.server.urls[uid]}/{path}") as answer:
                self._answer(answer.read())
        else:
            self.send_error(404)

    def _answer(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


SEARCH = ("uid", "title", "folderUid")
"""What a search tells of each dashboard."""


def main() -> None:
    """Serve until a signal ends it; as Grafana does, refuse a folder without its own files."""
    parser = argparse.ArgumentParser()
    parser.add_argument("command", choices=["server"])
    parser.add_argument("--homepath", type=Path, required=True)
    home = parser.parse_args().homepath
    if not (home / "public").is_dir():
        sys.exit("could not find config defaults, make sure homepath is set")
    _Grafana(os.environ).serve_forever()


if __name__ == "__main__":
    main()
