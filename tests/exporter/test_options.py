"""Flags, environment variables and defaults of `tunewatch run`, in that order of precedence."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import pytest

from exporter.options import (
    FLAGS,
    HOMELESS_STATE_FILE,
    OptionError,
    RunOptions,
    add_flags,
    parse_switch,
    reference,
    run_options,
)

REFERENCE = Path(__file__).parents[2] / "exporter" / "FLAGS.md"
PROMISED = {
    "config.file",
    "web.listen-address",
    "log.level",
    "log.format",
    "collector.nvml",
    "collector.mlflow",
    "nvml.simulate",
}
"""The flags that exporters have by convention, and those of the sources."""
OVERRIDES = [
    (
        "--config.file=a.yaml",
        "TUNEWATCH_CONFIG_FILE=b.yaml",
        "config_file",
        Path("a.yaml"),
        Path("b.yaml"),
    ),
    ("--web.listen-address=:1", "TUNEWATCH_WEB_LISTEN_ADDRESS=:2", "listen_address", ":1", ":2"),
    ("--log.level=debug", "TUNEWATCH_LOG_LEVEL=error", "log_level", "debug", "error"),
    ("--log.format=json", "TUNEWATCH_LOG_FORMAT=logfmt", "log_format", "json", "logfmt"),
    ("--collector.nvml", "TUNEWATCH_COLLECTOR_NVML=no", "collect_nvml", True, False),
    ("--no-collector.mlflow", "TUNEWATCH_COLLECTOR_MLFLOW=True", "collect_mlflow", False, True),
    ("--collector.pods", "TUNEWATCH_COLLECTOR_PODS=no", "collect_pods", True, False),
    (
        "--no-collector.processes",
        "TUNEWATCH_COLLECTOR_PROCESSES=1",
        "collect_processes",
        False,
        True,
    ),
    ("--pods.socket=s", "TUNEWATCH_PODS_SOCKET=t", "pods_socket", Path("s"), Path("t")),
    ("--nvml.simulate=2", "TUNEWATCH_NVML_SIMULATE=8", "simulate", 2, 8),
    (
        "--nvml.simulate-profile=t4",
        "TUNEWATCH_NVML_SIMULATE_PROFILE=l40s",
        "simulate_profile",
        "t4",
        "l40s",
    ),
    ("--state.file=s", "TUNEWATCH_STATE_FILE=t", "state_file", Path("s"), Path("t")),
    ("--node.name=n", "TUNEWATCH_NODE_NAME=m", "node", "n", "m"),
    (
        "--nodes.address=a:1",
        "TUNEWATCH_NODES_ADDRESS=b:2,[::1]:3",
        "nodes",
        (("a", 1),),
        (("b", 2), ("::1", 3)),
    ),
    ("--leader-election", "TUNEWATCH_LEADER_ELECTION=off", "leader_election", True, False),
    ("--leader-election.lease=a", "TUNEWATCH_LEADER_ELECTION_LEASE=b", "lease", "a", "b"),
    ("--leader-election.state=a", "TUNEWATCH_LEADER_ELECTION_STATE=b", "state_map", "a", "b"),
    (
        "--leader-election.lease-duration=3",
        "TUNEWATCH_LEADER_ELECTION_LEASE_DURATION=2.5",
        "lease_duration",
        3.0,
        2.5,
    ),
]


def parsed(arguments: Sequence[str], **environ: str) -> RunOptions:
    parser = argparse.ArgumentParser()
    add_flags(parser)
    return run_options(vars(parser.parse_args(arguments)), environ)


def test_every_promised_flag_is_there() -> None:
    assert {flag.name for flag in FLAGS} >= PROMISED


def test_every_option_has_one_flag() -> None:
    assert sorted(flag.field for flag in FLAGS) == sorted(RunOptions.__slots__)


def test_the_defaults_hold_when_nothing_is_given() -> None:
    options = parsed([], NODE_NAME="here", STATE_DIRECTORY="/state")
    assert options == RunOptions(node="here", state_file=Path("/state/state.json"))


@pytest.mark.parametrize(("arguments", "variable", "field", "by_flag", "by_variable"), OVERRIDES)
def test_a_flag_wins_over_its_variable_and_that_over_the_default(
    arguments: str, variable: str, field: str, by_flag: object, by_variable: object
) -> None:
    name, _, text = variable.partition("=")
    assert getattr(parsed([], **{name: text}), field) == by_variable
    assert getattr(parsed([arguments], **{name: text}), field) == by_flag


def test_every_flag_is_in_the_table_above() -> None:
    assert [row[2] for row in OVERRIDES] == [flag.field for flag in FLAGS]


def test_an_empty_variable_is_as_good_as_none() -> None:
    assert parsed([], TUNEWATCH_LOG_LEVEL="", TUNEWATCH_NVML_SIMULATE="").log_level == "info"


@pytest.mark.parametrize(
    ("variable", "text", "problem"),
    [
        ("TUNEWATCH_NVML_SIMULATE", "many", "should be a whole number from 0 to 64"),
        ("TUNEWATCH_NVML_SIMULATE", "65", "should be a whole number from 0 to 64"),
        ("TUNEWATCH_NVML_SIMULATE", "-1", "should be a whole number from 0 to 64"),
        ("TUNEWATCH_COLLECTOR_MLFLOW", "maybe", "should be true or false"),
        ("TUNEWATCH_LOG_LEVEL", "loud", "should be one of debug, info, warn, error"),
        ("TUNEWATCH_LOG_FORMAT", "xml", "should be one of logfmt, json"),
        (
            "TUNEWATCH_LEADER_ELECTION_LEASE",
            "Our_Lease",
            "should be the name of a Kubernetes object: a-z, 0-9, '-' and '.'",
        ),
        (
            "TUNEWATCH_LEADER_ELECTION_LEASE_DURATION",
            "0.5",
            "should be a number of seconds from 1 to 3600",
        ),
    ],
)
def test_a_variable_that_cannot_be_read_is_named(variable: str, text: str, problem: str) -> None:
    with pytest.raises(OptionError) as caught:
        parsed([], **{variable: text})
    assert str(caught.value) == f"{variable}: {text!r}: {problem}"


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (
            ["--nvml.simulate", "many"],
            "argument --nvml.simulate: 'many': should be a whole number from 0 to 64",
        ),
        (["--log.level", "loud"], "argument --log.level: invalid choice: 'loud'"),
        (["--collector.nvidia"], "unrecognized arguments: --collector.nvidia"),
        (["--config.file"], "argument --config.file: expected one argument"),
    ],
)
def test_a_flag_that_cannot_be_read_is_named(
    arguments: list[str], problem: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        parsed(arguments)
    assert caught.value.code == 2
    assert problem in capsys.readouterr().err


@pytest.mark.parametrize("text", ["1", "true", "YES", " on "])
def test_switches_are_on_by_many_words(text: str) -> None:
    assert parse_switch(text)


@pytest.mark.parametrize("text", ["0", "false", "No", " off "])
def test_switches_are_off_by_many_words(text: str) -> None:
    assert not parse_switch(text)


@pytest.mark.parametrize(
    ("environ", "path"),
    [
        ({"STATE_DIRECTORY": "/a:/b", "XDG_STATE_HOME": "/x"}, "/a/state.json"),
        ({"XDG_STATE_HOME": "/x"}, "/x/tunewatch/state.json"),
        ({}, "/home/me/.local/state/tunewatch/state.json"),
    ],
)
def test_state_is_kept_where_the_system_keeps_state(
    environ: dict[str, str], path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    assert parsed([], **environ).state_file == Path(path)


def test_a_user_without_a_home_keeps_state_in_the_working_directory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("HOME")
    monkeypatch.setattr("os.getuid", lambda: 2**31 - 3)
    assert parsed([]).state_file == HOMELESS_STATE_FILE


def test_a_machine_is_called_as_the_cluster_calls_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("socket.gethostname", lambda: "host-7")
    assert parsed([]).node == "host-7"
    assert parsed([], NODE_NAME="gpu-node-1").node == "gpu-node-1"
    assert parsed([], NODE_NAME="gpu-node-1", TUNEWATCH_NODE_NAME="n").node == "n"


def test_the_reference_page_is_up_to_date() -> None:
    written = REFERENCE.read_text(encoding="utf-8")
    assert written == reference(), "python -m exporter.options > exporter/FLAGS.md"
