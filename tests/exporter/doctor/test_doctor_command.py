"""`tunewatch doctor`: what it prints, and with which exit code it ends."""

from __future__ import annotations

import io
import json
import re
import sys
from importlib import resources
from pathlib import Path

import pytest

from exporter.cli import main
from exporter.doctor import summary
from exporter.doctor.reference import reference, rows
from tests.support.doctoring import EXAMPLES, examined, job, training
from tests.support.project import ROOT

Said = tuple[int, str, str]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the working folder, in which files have short names."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.delenv("TUNEWATCH_CONFIG_FILE", raising=False)
    return tmp_path


def doctor(capsys: pytest.CaptureFixture[str], *arguments: str) -> Said:
    code = main(["doctor", *arguments])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


@pytest.mark.usefixtures("folder")
def test_the_example_is_well(capsys: pytest.CaptureFixture[str]) -> None:
    assert doctor(capsys, "--strict", "--offline", str(EXAMPLES)) == (0, "all is well\n", "")


def test_problems_fail_and_warnings_only_if_strict(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "warned.yaml").write_text(training(save_total_limit=None))
    (folder / "broken.yaml").write_text(training(save_total_limit=None, report_to="none"))
    assert doctor(capsys, "warned.yaml")[0] == 0
    assert doctor(capsys, "--strict", "warned.yaml")[0] == 1
    code, out, err = doctor(capsys, "warned.yaml", "broken.yaml")
    assert (code, err) == (1, "")
    assert out.splitlines()[-1] == "1 problem, 2 warnings, 2 notes"
    assert [line.partition(":")[0] for line in out.splitlines()[:-1]] == [
        *["warned.yaml"] * 2,
        *["broken.yaml"] * 3,
    ]


def test_findings_are_objects_for_programs(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "train.yaml").write_text(training(report_to="none"))
    code, out, _ = doctor(capsys, "--output=json", "train.yaml")
    found = [json.loads(line) for line in out.splitlines()]
    assert code == 1
    assert [one for one in found if one["severity"] == "error"] == [
        {
            "file": "train.yaml",
            "line": 15,
            "severity": "error",
            "check": "report-to",
            "message": "report_to is 'none', so nothing reaches MLflow",
            "remedy": "set 'report_to: mlflow'",
        }
    ]


def test_the_thresholds_are_those_of_the_configuration(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "train.yaml").write_text(training(max_steps=400))
    (folder / "tunewatch.yaml").write_text("thresholds: {max_val_loss_increase: 9}\n")
    assert "never fire" not in doctor(capsys, "train.yaml")[1]
    said = doctor(capsys, "--config.file", "tunewatch.yaml", "train.yaml")[1]
    assert "max_val_loss_increase can never fire: there are at most 8 evaluations of the 10" in said
    (folder / "tunewatch.yaml").write_text("thresholds: {max_val_loss_increse: 9}\n")
    code, _, err = doctor(capsys, "--config.file", "tunewatch.yaml", "train.yaml")
    assert code == 2
    assert "did you mean 'max_val_loss_increase'?" in err


@pytest.mark.usefixtures("folder")
def test_what_kustomize_writes_is_read_from_the_standard_input(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    given = io.TextIOWrapper(io.BytesIO(job(("bf16: true", "fp16: true")).encode()))
    monkeypatch.setattr(sys, "stdin", given)
    code, out, _ = doctor(capsys, "--offline", "-")
    assert code == 0
    assert re.match(r"<stdin>:\d+: warning: fp16 overflows", out)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "train.yaml: cannot read the file: No such file or directory"),
        ("", "train.yaml: is empty: give a train.yaml or a manifest"),
        ("a: [", "train.yaml:1: not valid YAML: expected the node content"),
        ("- a\n", "train.yaml:1: expected a mapping: a train.yaml, or an object of Kubernetes"),
        (
            "apiVersion: v1\nkind: Service\n",
            "train.yaml: holds neither a train.yaml nor a job that writes one: give the file that",
        ),
    ],
)
def test_bad_input_is_refused_with_a_remedy(
    folder: Path, capsys: pytest.CaptureFixture[str], content: str | None, message: str
) -> None:
    if content is not None:
        (folder / "train.yaml").write_text(content)
    code, out, err = doctor(capsys, "train.yaml")
    assert (code, out) == (2, "")
    assert err.startswith(message)


def test_a_folder_without_yaml_and_a_bad_file_are_told_together(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "empty").mkdir()
    (folder / "bad.yaml").write_bytes(b"\xff\xfe")
    code, _, err = doctor(capsys, "empty", "bad.yaml")
    assert code == 2
    assert err.splitlines() == [
        "empty: holds no YAML: name a file",
        "bad.yaml: cannot read the file: it is not UTF-8 text",
    ]


def test_a_line_of_a_broken_configuration_is_that_of_the_manifest(tmp_path: Path) -> None:
    text = job(("stage: sft", "stage: [sft"))
    line = text.split("\n").index("              do_train: true") + 1
    with pytest.raises(Exception, match=rf"train.yaml:{line}: train.yaml: not valid YAML"):
        examined(text, tmp_path)


def test_the_page_is_up_to_date() -> None:
    page = resources.files("exporter.doctor").joinpath("README.md").read_text("utf-8")
    assert page == reference()
    assert len({name for name, _, _ in rows()}) == len(rows())


def test_the_page_shows_what_is_really_said(tmp_path: Path) -> None:
    page = (ROOT / "exporter" / "doctor" / "README.md").read_text()
    block = page.partition("$ tunewatch doctor train.yaml\n")[2].partition("```")[0]
    findings = examined(training(report_to="none", num_train_epochs=1), tmp_path)
    said = [str(one).removeprefix(f"{tmp_path}/") for one in findings]
    assert block.splitlines() == [*said, summary(findings)]
