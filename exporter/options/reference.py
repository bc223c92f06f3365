"""The reference page of the flags."""

from __future__ import annotations

from exporter.options.flag import Flag
from exporter.options.table import FLAGS

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
Kubernetes, where images have no `kill`, with
`kubectl exec POD -- python3 -c 'import os; os.kill(1, 10)'`, 12 for `SIGUSR2`) and wait for the
log line `nvml is down: NVML was given back on purpose`, or for
`tunewatch_source_released{source="nvml"} 1`. Meanwhile the GPUs have no series, and `source_down`
does not fire. After `SIGUSR2` the counters go on, and a library of another version is loaded by
itself; but a container has the one that it was created with, so create it anew.
"""


def reference() -> str:
    """Write the reference page."""
    return _REFERENCE + "".join(_row(flag) for flag in FLAGS) + _SIGNALS


def _row(flag: Flag) -> str:
    usage = f"--[no-]{flag.name}" if flag.is_switch else f"--{flag.name} {flag.metavar}".rstrip()
    default = flag.default or f"`{flag.default_text}`"
    meaning = f"{flag.help}: {', '.join(flag.choices)}" if flag.choices else flag.help
    return f"| `{usage}` | `{flag.variable}` | {default} | {meaning} |\n"
