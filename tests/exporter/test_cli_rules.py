"""`tunewatch rules`: prints, writes and compares what Prometheus and Alertmanager read."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from alerts.promrules.files import FILES
from exporter.arguments import RULE_FORMATS
from exporter.cli import main


def test_the_formats_are_those_that_there_are() -> None:
    assert tuple(FILES) == RULE_FORMATS


@pytest.mark.parametrize(
    ("form", "key"),
    [("prometheus", "groups"), ("prometheusrule", "spec"), ("alertmanager", "route")],
)
def test_each_format_is_printed(capsys: pytest.CaptureFixture[str], form: str, key: str) -> None:
    assert main(["rules", "--format", form]) == 0
    assert key in yaml.safe_load(capsys.readouterr().out)


def test_the_configuration_decides(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "tunewatch.yaml"
    file.write_text("thresholds: {max_val_loss_diff: 0.7}")
    assert main(["rules", "--config.file", str(file)]) == 0
    printed = capsys.readouterr().out
    assert "(tunewatch_run_eval_loss_gap) > 0.7" in printed
    assert "tunewatch_run_loss_increase_pct" not in printed


def test_what_was_written_is_up_to_date(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "new"
    assert main(["rules", "--write", str(folder)]) == 0
    assert capsys.readouterr().out.split() == [str(folder / name) for name in FILES.values()]
    assert main(["rules", "--check", str(folder)]) == 0
    assert main(["rules", "--check", str(folder / FILES["prometheus"])]) == 0
    assert capsys.readouterr().out == ""


def test_what_is_old_fails_with_the_difference(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["rules", "--write", str(tmp_path)])
    old = tmp_path / FILES["alertmanager"]
    old.write_text(old.read_text().replace("group_wait: 15s", "group_wait: 30s"))
    capsys.readouterr()
    for place in (tmp_path, old):
        assert main(["rules", "--check", str(place), "--format", "alertmanager"]) == 1
        told = capsys.readouterr()
        assert "-  group_wait: 30s\n+  group_wait: 15s" in told.out
        assert told.err == f"tunewatch: {place} is not up to date: write it anew\n"


@pytest.mark.parametrize("action", ["--check", "--write"])
def test_a_place_that_cannot_be_used_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], action: str
) -> None:
    (tmp_path / "file").touch()
    place = tmp_path / "file" / "below"
    assert main(["rules", action, str(place)]) == 2
    assert capsys.readouterr().err.startswith(f"tunewatch: {place}")


def test_it_writes_or_compares_not_both(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["rules", "--check", "a", "--write", "b"])
    assert ended.value.code == 2
    assert "not allowed with" in capsys.readouterr().err
