"""What a node process tells the holder of the run role, and how it travels."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import replace
from functools import cache

from pydantic import TypeAdapter, ValidationError

from exporter.snapshot import NodeReport

VERSION = 1
LONGEST_NAME = 253
"""The longest name of a Kubernetes node, a DNS subdomain (RFC 1123)."""
LONGEST_TEXT = 2048
MOST_GPUS = 1024
"""How many GPUs and MIG instances one node may have; no machine comes near."""
LARGEST_NUMBER = 2**64
"""No driver counts further, and what is computed with such a number stays finite."""


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
    except (ValueError, RecursionError) as error:
        raise ReportError("the answer is not JSON") from error
    if not isinstance(document, dict) or document.pop("version", None) != VERSION:
        raise ReportError(f"the answer is not a report of version {VERSION}")
    try:
        report = _adapter().validate_python(document)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        # Keys that the other side has chosen are part of it.
        place = ascii(".".join(map(str, first["loc"])))[1:-1][:LONGEST_NAME]
        raise ReportError(f"the report's {place}: {first['msg']}") from error
    if not 0 < len(report.node) <= LONGEST_NAME:
        raise ReportError(f"the report's node should have 1 to {LONGEST_NAME} characters")
    if len(report.gpus or ()) > MOST_GPUS:
        raise ReportError(f"the report has more than {MOST_GPUS} GPUs")
    if problem := next(filter(None, map(_problem, _leaves(report_document(report)))), ""):
        raise ReportError(f"the report has {problem}")
    return _of_one_node(report)


def _leaves(document: object) -> Iterator[object]:
    """Yield every text and every number of a document, the keys of its mappings too."""
    parts = [document]
    while parts:
        part = parts.pop()
        if isinstance(part, dict):
            parts += [*part, *part.values()]
        elif isinstance(part, list):
            parts += part
        else:
            yield part


def _problem(leaf: object) -> str:
    """Say what makes a value one that must not get into alerts, logs and pages."""
    if isinstance(leaf, str):
        if len(leaf) > LONGEST_TEXT:
            return f"a text of more than {LONGEST_TEXT} characters"
        return "" if leaf.isprintable() else "a text with control characters"
    if isinstance(leaf, float) and not math.isfinite(leaf):
        return "a number that is not finite"
    if isinstance(leaf, int | float) and abs(leaf) > LARGEST_NUMBER:
        return "a number that is out of range"
    return ""


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
