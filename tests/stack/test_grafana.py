"""Where Grafana is looked for, and what is said where there is none."""

from __future__ import annotations

from pathlib import Path

import pytest

from grafana.stack.grafana import grafana_command
from grafana.stack.places import Ports
from grafana.stack.stage import addresses

PORTS = Ports(1, 2, 3, 4, 5, 6, 7)

ARCHIVE = ("opt/grafana/bin/grafana", "opt/grafana/public/")
PACKAGE = ("usr/sbin/grafana", "usr/share/grafana/bin/grafana", "usr/share/grafana/public/")
HOMEBREW = ("brew/bin/grafana", "brew/share/grafana/public/")


def installed(root: Path, *names: str) -> None:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if name.endswith("/"):
            path.mkdir()
        else:
            path.touch(0o755)


@pytest.mark.parametrize(
    ("layout", "program", "executable", "home"),
    [
        (ARCHIVE, "opt/grafana/bin/grafana", "opt/grafana/bin/grafana", "opt/grafana"),
        (ARCHIVE, "opt/grafana/bin/grafana-server", "opt/grafana/bin/grafana", "opt/grafana"),
        (PACKAGE, "usr/sbin/grafana", "usr/share/grafana/bin/grafana", "usr/share/grafana"),
        (PACKAGE, "usr/sbin/grafana-server", "usr/share/grafana/bin/grafana", "usr/share/grafana"),
        (HOMEBREW, "brew/bin/grafana", "brew/bin/grafana", "brew/share/grafana"),
    ],
)
def test_the_program_is_started_and_not_its_wrapper(
    tmp_path: Path, layout: tuple[str, ...], program: str, executable: str, home: str
) -> None:
    installed(tmp_path, *layout, program)
    command = [str(tmp_path / executable), "server", f"--homepath={tmp_path / home}"]
    assert grafana_command(str(tmp_path / program)) == command


def test_a_link_is_followed_to_where_grafana_lies(tmp_path: Path) -> None:
    installed(tmp_path, *ARCHIVE)
    link = tmp_path / "grafana"
    link.symlink_to(tmp_path / ARCHIVE[0])
    found = grafana_command(str(link))
    assert found is not None
    assert found[0] == str(tmp_path / ARCHIVE[0])


def test_one_that_is_too_old_counts_as_none(tmp_path: Path) -> None:
    old = "opt/grafana/bin/grafana-server"
    installed(tmp_path, old, "opt/grafana/public/")
    assert grafana_command(str(tmp_path / old)) is None


def test_all_addresses_are_shown_and_a_grafana_that_is_missing() -> None:
    with_it = addresses(PORTS, with_grafana=True)
    without = addresses(PORTS, with_grafana=False)
    assert with_it[0].split() == ["Grafana", "http://127.0.0.1:5"]
    assert "is not installed here" in without[0]
    assert "`grafana`" in without[0]
    assert with_it[1:] == without[1:]
    assert [line.split(":")[-1] for line in without[1:]] == ["3/alerts", "4", "2", "1"]
