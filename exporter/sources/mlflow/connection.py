"""Raw REST calls over the connection that the `mlflow` package knows how to make.

MLflow resolves credentials, TLS, workspaces and auth plugins; we parse the JSON ourselves, which
is eight times cheaper than its entities. Its defaults for a dead server (seven retries, up to
twenty minutes) never apply: every call here has one try and one timeout.
"""

from __future__ import annotations

import configparser
import json
import os
import re
from collections.abc import Mapping
from typing import Any

from exporter.sources import SourceDown
from exporter.sources.mlflow.faults import (
    bad_body,
    bad_status,
    closed_while_idle,
    unexpected,
    unreachable,
    without_credentials,
)

# A monitor reports to its own people only; importing mlflow would set up telemetry otherwise.
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")

from mlflow.exceptions import MlflowException
from mlflow.tracking._tracking_service.utils import _get_store
from mlflow.utils.rest_utils import http_request

_HOPELESS = {401, 429, 500, 502, 503, 504}
"""Statuses that do not depend on the path."""
_NOT_CONNECTED = (MlflowException, configparser.Error, OSError, ImportError)


class Connection:
    """One tracking server; `where` is its address without credentials."""

    def __init__(self, uri: str, timeout: float) -> None:
        self.where = without_credentials(uri)
        self._timeout = timeout
        try:
            # Plugins may register their own REST stores, which then bring their credentials.
            self._credentials = _get_store(uri).get_host_creds
        except (AttributeError, *_NOT_CONNECTED) as error:
            raise SourceDown(
                f"MLflow knows no tracking server for {self.where}",
                "use an http(s):// or sqlite:/// URI, or install the plugin for this scheme",
            ) from error

    def get(self, path: str, query: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the JSON object that a GET of an API path (below /api/2.0/mlflow) answers."""
        return self._json("GET", path, params=query)

    def post(self, path: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the JSON object that a POST to an API path (below /api/2.0/mlflow) answers."""
        return self._json("POST", path, json=body)

    def version(self) -> tuple[int, int] | None:
        """Return major and minor version of the server, or None if it does not tell.

        Raises SourceDown where the next request would not fare better.
        """
        response = self._ask("GET", "/version")
        if response.status_code in _HOPELESS:
            raise bad_status(response.status_code, response.content, self.where)
        found = (
            re.match(rb"(\d+)\.(\d+)", response.content) if response.status_code == 200 else None
        )
        return (int(found[1]), int(found[2])) if found else None

    def has_workspaces(self) -> bool:
        """Tell whether the server divides its experiments into workspaces."""
        response = self._ask("GET", "/api/3.0/mlflow/server-info")
        return response.status_code == 200 and b'"workspaces_enabled":true' in response.content

    def _json(self, method: str, path: str, **content: Any) -> Mapping[str, Any]:  # noqa: ANN401 - what requests takes
        response = self._ask(method, f"/api/2.0/mlflow/{path}", **content)
        body: bytes = response.content
        if response.status_code != 200:
            raise bad_status(response.status_code, body, self.where)
        try:
            answer = json.loads(body)
        except (ValueError, RecursionError) as error:
            raise bad_body(body, self.where) from error
        if not isinstance(answer, dict):
            raise unexpected("a JSON object", self.where)
        return answer

    def _ask(self, method: str, endpoint: str, **content: Any) -> Any:  # noqa: ANN401 - requests.Response
        try:
            return self._once(method, endpoint, **content)
        except _NOT_CONNECTED as error:
            if not closed_while_idle(error):
                raise unreachable(error, self.where, self._timeout) from error
        # Servers close kept connections after seconds; only then is a second try no burden.
        try:
            return self._once(method, endpoint, **content)
        except _NOT_CONNECTED as error:
            raise unreachable(error, self.where, self._timeout) from error

    def _once(self, method: str, endpoint: str, **content: Any) -> Any:  # noqa: ANN401 - requests.Response
        return http_request(
            self._credentials(),
            endpoint,
            method,
            max_retries=0,
            retry_codes=frozenset(),
            raise_on_status=False,
            timeout=self._timeout,
            retry_timeout_seconds=1,
            **content,
        )
