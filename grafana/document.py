"""Dashboards as the JSON that Grafana 11 to 13 read."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models import dashboard as model

SCHEMA = 39
"""The schema of Grafana 11.0, which newer ones migrate; the SDK would write that of Grafana 12."""

Document = dict[str, Any]


def document(built: model.Dashboard) -> Document:
    """Return a dashboard as a document without what only newer Grafanas know."""
    found: Document = json.loads(json.dumps(built, cls=JSONEncoder))
    found["schemaVersion"] = SCHEMA
    found.pop("preload", None)
    for placed in (*found["links"], *found["annotations"]["list"]):
        # The SDK's only placement hides these behind a button of Grafana 12.
        placed.pop("placement", None)
    for variable in found["templating"]["list"]:
        _without_foreign(variable)
    for panel in panels(found):
        panel.pop("repeatDirection", None)
        _with_plain_links(panel)
    return found


def text(found: Document) -> str:
    """Write a document the one way in which it is committed."""
    return json.dumps(found, indent=2, ensure_ascii=False) + "\n"


def read(found: Document) -> model.Dashboard:
    """Read a document into Grafana's model, losing what the model has no place for."""
    register_default_plugins()
    return model.Dashboard.from_json(found)


def panels(found: Document) -> Iterator[Document]:
    """Yield all panels and rows, also the panels that lie in collapsed rows."""
    for panel in found["panels"]:
        yield panel
        yield from panel.get("panels", ())


def _with_plain_links(panel: Document) -> None:
    """Leave of links from data what they have in common with links of dashboards."""
    defaults = panel.get("fieldConfig", {}).get("defaults", {})
    if "links" in defaults:
        defaults["links"] = [
            {"title": one["title"], "url": one["url"]} for one in defaults["links"]
        ]


def _without_foreign(variable: Document) -> None:
    """Take away what belongs to variables of other types."""
    if variable["type"] != "interval":
        for field in ("auto", "auto_min", "auto_count"):
            variable.pop(field, None)
    if variable["type"] == "datasource":
        variable.pop("allowCustomValue", None)
