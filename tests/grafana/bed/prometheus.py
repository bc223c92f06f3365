"""A real Prometheus: scraping targets whose labels a cluster would stamp on them, and its API."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import urlopen

from exporter.demo.loopback import HOST
from tests.support.promtool import program
from tests.support.stack import port, running, until_answers

NAMESPACE = "monitoring"
CONTAINER = "tunewatch"
JOB = "tunewatch"
TIMEOUT = 240.0
TARGETS = "targets.json"
DISCOVERY = 6.0
"""Seconds after which Prometheus scrapes what `write_targets` has written."""

Data = Any
"""What the API answers under `data`: as its documentation has it."""


class RefusedError(Exception):
    """Prometheus did not take a query; says the query and why."""


class Target(NamedTuple):
    """A pod of tunewatch: where it is scraped, and what the cluster knows of it."""

    port: int
    node: str
    pod: str

    def document(self) -> Mapping[str, Any]:
        """Return the target as a file of service discovery has it."""
        labels = {
            "namespace": NAMESPACE,
            "pod": self.pod,
            "container": CONTAINER,
            "node": self.node,
            "instance": f"{self.node}:10390",
        }
        return {"targets": [f"{HOST}:{self.port}"], "labels": labels}


class Prometheus:
    """The HTTP API; times are Unix seconds, and steps are seconds."""

    def __init__(self, at_port: int) -> None:
        self.url = f"http://{HOST}:{at_port}"

    def instant(self, query: str, at: float) -> Data:
        """Return the data of a query at one time; raises RefusedError."""
        return self._get("query", {"query": query, "time": f"{at:.3f}"})

    def range(self, query: str, begin: float, end: float, step: float) -> Data:
        """Return the data of a query over a range; raises RefusedError."""
        times = {"start": f"{begin:.3f}", "end": f"{end:.3f}", "step": f"{step:.3f}"}
        return self._get("query_range", {"query": query, **times})

    def label_values(self, label: str, selector: str, begin: float, end: float) -> Sequence[str]:
        """Return the values of a label, of the selected series or of all where it is empty."""
        match = {"match[]": selector} if selector else {}
        times = {"start": f"{begin:.3f}", "end": f"{end:.3f}"}
        found: Sequence[str] = self._get(f"label/{label}/values", {**match, **times})
        return found

    def get(self, path: str) -> Data:
        """Return the data of another endpoint, such as `targets`."""
        return self._get(path, {})

    def _get(self, path: str, parameters: Mapping[str, str]) -> Data:
        url = f"{self.url}/api/v1/{path}?{urlencode(parameters)}"
        try:
            with urlopen(url, timeout=TIMEOUT) as response:
                answer = json.load(response)
        except HTTPError as error:
            said = error.read().decode(errors="replace")
            raise RefusedError(f"{parameters.get('query', path)}: {said}") from error
        if warnings := answer.get("warnings"):
            raise RefusedError(f"{parameters.get('query', path)}: {warnings}")
        return answer["data"]


class Archive(Prometheus):
    """A Prometheus that learns nothing more, so that the same question is asked once."""

    def __init__(self, at_port: int) -> None:
        super().__init__(at_port)
        self._known: dict[str, Data] = {}

    def _get(self, path: str, parameters: Mapping[str, str]) -> Data:
        asked = f"{path}?{urlencode(parameters)}"
        if asked not in self._known:
            self._known[asked] = super()._get(path, parameters)
        return self._known[asked]


def write_targets(folder: Path, targets: Sequence[Target]) -> None:
    """Let Prometheus scrape these from now on; it watches the file."""
    draft = folder / f"{TARGETS}.draft"
    draft.write_text(json.dumps([target.document() for target in targets]))
    draft.rename(folder / TARGETS)


@contextmanager
def scraping(folder: Path, rules: str) -> Iterator[Prometheus]:
    """Run Prometheus in a folder, for which `write_targets` says what it scrapes each second."""
    config = {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": [rules],
        "scrape_configs": [
            {"job_name": JOB, "file_sd_configs": [{"files": [str(folder / TARGETS)]}]}
        ],
    }
    with _started(folder, config) as at:
        yield Prometheus(at)


@contextmanager
def keeping(folder: Path) -> Iterator[Archive]:
    """Run Prometheus on what it has scraped before; it scrapes nothing more."""
    with _started(folder, {"global": {"scrape_interval": "1s"}}) as at:
        yield Archive(at)


@contextmanager
def _started(folder: Path, config: Mapping[str, Any]) -> Iterator[int]:
    (folder / "prometheus.yml").write_text(json.dumps(config))
    log, at = folder / "prometheus.log", port()
    command = [
        *(program("prometheus", "prometheus"), "--config.file=prometheus.yml"),
        *("--storage.tsdb.path=prometheus", "--storage.tsdb.retention.time=10y"),
        *(f"--web.listen-address={HOST}:{at}", "--log.level=warn"),
    ]
    with running(command, log):
        until_answers(at, "/-/ready", log)
        yield at
