"""What a node process tells, and what the holder makes of it."""

from __future__ import annotations

import json

import pytest

from alerts.model import GpuObservation, SourceObservation
from exporter.report import LONGEST_NAME, ReportError, parse_report, report_document
from exporter.snapshot import NodeReport

GPU = GpuObservation("GPU-a", 0, "node-a", 10, 80, 1_700_000_000.0)
SOURCE = SourceObservation("nvml", "node-a", up=True, expected=True)
REPORT = NodeReport("node-a", (SOURCE,), (GPU,))


def sent(report: NodeReport, **changes: object) -> bytes:
    return json.dumps({**report_document(report), **changes}).encode()


@pytest.mark.parametrize(
    "report", [REPORT, NodeReport("node-a", (SOURCE,), ()), NodeReport("node-a", (SOURCE,), None)]
)
def test_a_report_arrives_as_it_was_sent(report: NodeReport) -> None:
    assert parse_report(sent(report)) == report


def test_what_a_newer_process_adds_is_passed_over() -> None:
    assert parse_report(sent(REPORT, mood="good")) == REPORT


def test_a_node_speaks_for_itself_alone() -> None:
    report = parse_report(sent(NodeReport("node-b", (SOURCE,), (GPU,))))
    assert {source.node for source in report.sources} == {"node-b"}
    assert report.gpus is not None
    assert {gpu.node for gpu in report.gpus} == {"node-b"}


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (b"<html>", "the answer is not JSON"),
        (b"\xff\xfe", "the answer is not JSON"),
        (b"[]", "the answer is not a report of version 1"),
        (b"{}", "the answer is not a report of version 1"),
        (sent(REPORT, version=2), "the answer is not a report of version 1"),
        (sent(REPORT, node=7), "the report's node: Input should be a valid string"),
        (sent(REPORT, gpus=[{}]), r"the report's gpus\.0\..+: .+"),
        (sent(REPORT, node=""), "the report's node should have 1 to 253 characters"),
        (sent(REPORT, node="n" * (LONGEST_NAME + 1)), "the report's node should have .+"),
    ],
)
def test_what_is_no_report_is_refused(body: bytes, problem: str) -> None:
    with pytest.raises(ReportError, match=f"^{problem}"):
        parse_report(body)
