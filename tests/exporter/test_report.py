"""What a node process tells, and what the holder makes of it."""

from __future__ import annotations

import json
import math

import pytest
from pydantic import TypeAdapter

from alerts.model import GpuObservation, SourceObservation
from exporter.report import LONGEST_NAME, MOST_GPUS, ReportError, parse_report, report_document
from exporter.snapshot import NodeReport

GPU = GpuObservation("GPU-a", 0, "node-a", 10, 80, 1_700_000_000.0)
SOURCE = SourceObservation("nvml", "node-a", up=True, expected=True)
REPORT = NodeReport("node-a", (SOURCE,), (GPU,))


def altered(**changes: object) -> bytes:
    """Return a report of a GPU whose node says something unheard-of of it."""
    (gpu,) = TypeAdapter(list[dict[str, object]]).validate_python(report_document(REPORT)["gpus"])
    return sent(REPORT, gpus=[{**gpu, **changes}])


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
        (b"[" * 500_000, "the answer is not JSON"),
        (b'{"a":' * 100_000, "the answer is not JSON"),
        (altered(observed_at=math.nan), "the report has a number that is not finite"),
        (altered(busy_seconds="-inf"), "the report has a number that is not finite"),
        (altered(xid_at={"79": math.inf}), "the report has a number that is not finite"),
        (altered(observed_at=-1e300), "the report has a number that is out of range"),
        (altered(ecc_uncorrected=10**400), "the report has a number that is out of range"),
        (altered(uuid="GPU\nERROR all is lost"), "the report has a text with control characters"),
        (altered(uuid="\ud800"), "the report has a text with control characters"),
        (altered(uuid="u" * 4096), "the report has a text of more than 2048 characters"),
        (
            sent(NodeReport("node-a", (SOURCE,), (GPU,) * (MOST_GPUS + 1))),
            "the report has more than 1024 GPUs",
        ),
        (altered(xids={"a\nb": 1}), r"the report's gpus\.0\.xids\.a\\nb\.\[key\]: [^\n]+$"),
        (altered(xids={"a" * 9999: 1}), r"the report's gpus\.0\.xids\.a{100,250}: [^\n]+$"),
    ],
)
def test_what_is_no_report_is_refused(body: bytes, problem: str) -> None:
    with pytest.raises(ReportError, match=f"^{problem}"):
        parse_report(body)
