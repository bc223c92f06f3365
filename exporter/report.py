"""What a node process tells the holder of the run role, and how it travels."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache

from pydantic import TypeAdapter, ValidationError

from exporter.snapshot import NodeReport

VERSION = 1
LONGEST_NAME = 253
"""The longest name of a Kubernetes node, a DNS subdomain (RFC 1123)."""


class ReportError(Exception):
    """What came is no report that this version understands; says why."""


def report_document(report: NodeReport) -> dict[str, object]:
    """Return what `/api/v1/node` answers, as data that JSON can hold."""
    data: dict[str, object] = _adapter().dump_python(report, mode="json")
    return {"version": VERSION, **data}


def parse_report(body: bytes) -> NodeReport:
    """Read the body of an answer of `/api/v1/node`; raises ReportError.

    A newer process of the same version may say more than this one knows: that is passed over.
    """
    try:
        document = json.loads(body)
    except ValueError as error:
        raise ReportError("the answer is not JSON") from error
    if not isinstance(document, dict) or document.pop("version", None) != VERSION:
        raise ReportError(f"the answer is not a report of version {VERSION}")
    try:
        report = _adapter().validate_python(document)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise ReportError(f"the report's {place}: {first['msg']}") from error
    if not 0 < len(report.node) <= LONGEST_NAME:
        raise ReportError(f"the report's node should have 1 to {LONGEST_NAME} characters")
    return _of_one_node(report)


def _of_one_node(report: NodeReport) -> NodeReport:
    """A node speaks for itself alone: whatever it says of others counts as said of itself."""
    sources = tuple(replace(source, node=report.node) for source in report.sources)
    gpus = report.gpus and tuple(replace(gpu, node=report.node) for gpu in report.gpus)
    inventory = report.inventory and replace(report.inventory, node=report.node)
    return replace(report, sources=sources, gpus=gpus, inventory=inventory)


@cache
def _adapter() -> TypeAdapter[NodeReport]:
    """Build the validator at first use: a process that is never asked does without."""
    return TypeAdapter(NodeReport)
