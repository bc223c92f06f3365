"""The flags of `tunewatch run`: one table of names, environment variables, defaults and help."""

from __future__ import annotations

import argparse
import re
import socket
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

LOG_LEVELS = ("debug", "info", "warn", "error")
LOG_FORMATS = ("logfmt", "json")
MOST_SIMULATED = 64
SIMULATED_PROFILES = (
    *("h100", "h100-mig", "h200", "b200", "a100", "a100-mig"),
    *("l40s", "rtx4080", "rtx4090", "t4", "v100"),
)
HOMELESS_STATE_FILE = Path("tunewatch-state.json")
KUBELET_SOCKET = Path("/var/lib/kubelet/pod-resources/kubelet.sock")


@dataclass(frozen=True, slots=True)
class RunOptions:
    """What the flags say; `simulate` is the number of simulated GPUs, 0 for real ones.

    `collect_pods` is None where nobody said: pods are read then where the kubelet can be asked.
    """

    config_file: Path | None = None
    listen_address: str = ":10390"
    log_level: str = "info"
    log_format: str = "logfmt"
    collect_nvml: bool = True
    collect_mlflow: bool = True
    collect_pods: bool | None = None
    collect_processes: bool = False
    pods_socket: Path = KUBELET_SOCKET
    simulate: int = 0
    simulate_profile: str = "h100"
    state_file: Path = HOMELESS_STATE_FILE
    node: str = ""
    nodes: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Flag:
    """One flag of the command line; it wins over its environment variable.

    `default` says in words what holds without both, where that is no fixed value.
    """

    name: str
    field: str
    help: str
    parse: Callable[[str], object] = str
    metavar: str = ""
    choices: tuple[str, ...] = ()
    default: str = ""

    @property
    def variable(self) -> str:
        """The environment variable that sets the same."""
        return "TUNEWATCH_" + self.name.replace(".", "_").replace("-", "_").upper()

    @property
    def is_switch(self) -> bool:
        """Whether the flag takes no value but has a `--no-` twin."""
        return self.parse is parse_switch

    @property
    def default_text(self) -> str:
        """What holds when nothing is given, in words."""
        value = getattr(RunOptions(), self.field)
        if self.is_switch and not self.default:
            return "on" if value else "off"
        return self.default or str(value)


def parse_switch(text: str) -> bool:
    """Read a boolean as people write it in an environment variable."""
    word = text.strip().lower()
    if word in ("1", "true", "yes", "on"):
        return True
    if word in ("0", "false", "no", "off"):
        return False
    raise ValueError("should be true or false")


def _count(text: str) -> int:
    number = int(text) if text.strip().isdecimal() else -1
    if not 0 <= number <= MOST_SIMULATED:
        raise ValueError(f"should be a whole number from 0 to {MOST_SIMULATED}")
    return number


def _addresses(text: str) -> tuple[tuple[str, int], ...]:
    return tuple(_address(part.strip()) for part in text.split(",") if part.strip())


def _address(text: str) -> tuple[str, int]:
    match = re.fullmatch(
        r"(?:\[(?P<ipv6>[0-9A-Fa-f:.]+)\]|(?P<host>[^\[\]:\s]+)):(?P<port>\d+)", text
    )
    if match is None or not 0 < int(match["port"]) <= 65535:
        raise ValueError("should be HOST:PORT, several of them with commas between")
    return match["ipv6"] or match["host"], int(match["port"])


FLAGS = (
    Flag("config.file", "config_file", "the configuration", Path, "FILE", default="built-in"),
    Flag("web.listen-address", "listen_address", "where to serve HTTP", str, "[HOST]:PORT"),
    Flag("log.level", "log_level", "how much to log", str, "", LOG_LEVELS),
    Flag("log.format", "log_format", "how to write log lines", str, "", LOG_FORMATS),
    Flag("collector.nvml", "collect_nvml", "read the GPUs of this machine", parse_switch),
    Flag(
        "collector.mlflow",
        "collect_mlflow",
        "mirror and judge MLflow runs, and send alerts (the run role)",
        parse_switch,
    ),
    Flag(
        "collector.pods",
        "collect_pods",
        "ask this node's kubelet which pod holds which GPU",
        parse_switch,
        default="on where the kubelet's socket is",
    ),
    Flag(
        "collector.processes",
        "collect_processes",
        "add up GPU memory and time by pod, from the processes of this node (needs hostPID)",
        parse_switch,
    ),
    Flag("pods.socket", "pods_socket", "the kubelet's pod-resources socket", Path, "FILE"),
    Flag(
        "nvml.simulate",
        "simulate",
        "simulate so many GPUs instead of reading real ones",
        _count,
        "N",
    ),
    Flag(
        "nvml.simulate-profile",
        "simulate_profile",
        "what is simulated: a kind of board with a driver of its time",
        str,
        "",
        SIMULATED_PROFILES,
    ),
    Flag(
        "state.file",
        "state_file",
        "where alert state survives a restart",
        Path,
        "FILE",
        default="$STATE_DIRECTORY/state.json, or tunewatch/state.json in $XDG_STATE_HOME or "
        "~/.local/state",
    ),
    Flag(
        "node.name",
        "node",
        "the name of this machine in alerts",
        str,
        "NAME",
        default="$NODE_NAME, or the host name",
    ),
    Flag(
        "nodes.address",
        "nodes",
        "the processes of other nodes, whose GPUs the run role judges; a name such as that of a "
        "headless Service stands for all its addresses",
        _addresses,
        "HOST:PORT[,…]",
        default="none",
    ),
)


class OptionError(Exception):
    """An environment variable holds something that its flag does not take."""


def add_flags(parser: argparse.ArgumentParser, flags: Iterable[Flag] = FLAGS) -> None:
    """Give a parser these flags; one that is not given is absent from the result."""
    for flag in flags:
        text = f"{flag.help} (default: {flag.default_text}) [${flag.variable}]"
        if flag.is_switch:
            parser.add_argument(
                f"--{flag.name}",
                dest=flag.field,
                action=argparse.BooleanOptionalAction,
                default=argparse.SUPPRESS,
                help=text.replace("%", "%%"),
            )
            continue
        parser.add_argument(
            f"--{flag.name}",
            dest=flag.field,
            type=partial(_from_argument, flag),
            default=argparse.SUPPRESS,
            choices=flag.choices or None,
            metavar=flag.metavar or None,
            help=text.replace("%", "%%"),
        )


def _from_argument(flag: Flag, text: str) -> object:
    try:
        return flag.parse(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r}: {error}") from error


def run_options(given: Mapping[str, object], environ: Mapping[str, str]) -> RunOptions:
    """Join flags, environment and defaults, in that order of precedence.

    Raises OptionError naming the variable that cannot be read.
    """
    values: dict[str, Any] = {}
    for flag in FLAGS:
        if flag.field in given:
            values[flag.field] = given[flag.field]
        elif environ.get(flag.variable):
            values[flag.field] = _from_variable(flag, environ[flag.variable])
    values.setdefault("node", environ.get("NODE_NAME") or socket.gethostname())
    values.setdefault("state_file", _default_state_file(environ))
    return RunOptions(**values)


def _from_variable(flag: Flag, text: str) -> object:
    try:
        value = flag.parse(text)
    except ValueError as error:
        raise OptionError(f"{flag.variable}: {text!r}: {error}") from error
    if flag.choices and value not in flag.choices:
        raise OptionError(f"{flag.variable}: {text!r}: should be one of {', '.join(flag.choices)}")
    return value


def _default_state_file(environ: Mapping[str, str]) -> Path:
    base = environ.get("STATE_DIRECTORY", "").split(":")[0]
    if base:
        return Path(base) / "state.json"
    try:
        home = Path(environ.get("XDG_STATE_HOME") or "~/.local/state").expanduser()
    except RuntimeError:
        # A container's user may have no home at all.
        return HOMELESS_STATE_FILE
    return home / "tunewatch" / "state.json"


_REFERENCE = """\
# Flags of `tunewatch run`

A flag wins over its environment variable, and that over the default. A switch has a twin that turns
it off, such as `--no-collector.mlflow`; its variable takes `true` or `false`.

This page is written by `python -m exporter.options`.

| flag | variable | default | meaning |
|---|---|---|---|
"""

_SIGNALS = """
# Signals

`SIGTERM` and `SIGINT` store everything and end, `SIGHUP` reads the configuration again.

`SIGUSR1` gives the NVIDIA driver back and `SIGUSR2` takes it again, since a driver in use cannot be
unloaded, nor a GPU in use be reset. To upgrade it while tunewatch runs, send `SIGUSR1` (in
Kubernetes `kubectl exec POD -- kill -USR1 1`) and wait for the log line `nvml is down: NVML was
given back on purpose`, or for `tunewatch_source_released{source="nvml"} 1`. Meanwhile the GPUs have
no series, and `source_down` does not fire. After `SIGUSR2` the counters go on, and a library of
another version is loaded by itself; but a container has the one that it was created with, so create
it anew.
"""


def reference() -> str:
    """Write the reference page."""
    return _REFERENCE + "".join(_row(flag) for flag in FLAGS) + _SIGNALS


def _row(flag: Flag) -> str:
    usage = f"--[no-]{flag.name}" if flag.is_switch else f"--{flag.name} {flag.metavar}".rstrip()
    default = flag.default or f"`{flag.default_text}`"
    meaning = f"{flag.help}: {', '.join(flag.choices)}" if flag.choices else flag.help
    return f"| `{usage}` | `{flag.variable}` | {default} | {meaning} |\n"


if __name__ == "__main__":
    sys.stdout.write(reference())
