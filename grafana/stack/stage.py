"""The stack on one machine: start what is installed, play the runs, and clear everything away."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from exporter.demo.child import Child
from exporter.demo.crew import Crew, DemoError, gpus_to_simulate
from exporter.demo.loopback import HOST, answers, free_port
from exporter.demo.performance import Performance
from exporter.demo.programs import (
    is_our_mlflow,
    require_mlflow,
    start_mlflow,
    start_tunewatch,
)
from exporter.demo.tracking import TrackingError
from exporter.demo.watch import ChildEnded, Ended, Watch
from grafana.stack import files, programs
from grafana.stack.grafana import grafana_command, start_grafana
from grafana.stack.listeners import mailbox, watchdog
from grafana.stack.places import Ports

PAUSE_SECONDS = 60.0
NO_GRAFANA = "is not installed here: neither `grafana` nor `grafana-server` (11 or newer) is found"


def run_stack(duration: float | None = None) -> int:
    """Run everything until a signal ends it; return 0, or 1 when something went wrong.

    The runs are played again and again, for `duration` seconds each time (None is the usual three
    minutes). Needs the main thread. All that it starts it ends, and its folder is removed.
    """
    watch = Watch()
    try:
        with watch.signals(), ExitStack() as stack:
            _give(watch, stack, duration)
    except Ended:
        say("ended; nothing is left behind")
    except (ChildEnded, DemoError, TrackingError) as error:
        sys.stderr.write(f"stack: {error}\n")
        return 1
    return 0


def say(text: str) -> None:
    """Tell the person at the console."""
    sys.stdout.write(f"stack: {text}\n")
    sys.stdout.flush()


def _give(watch: Watch, stack: ExitStack, duration: float | None) -> None:
    """Start all programs and play; raises what ends it."""
    require_mlflow()
    found = _Found(_needed("prometheus", "prometheus"), _alertmanager(), _grafana())
    ports = _ports()
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tunewatch-stack-")))
    files.write(folder, ports.places(folder))
    stack.enter_context(mailbox(ports.mail, say))
    stack.enter_context(watchdog(ports.watchdog, say))
    crew = Crew(watch, stack, say)
    _start_watchers(found, crew, folder, ports)
    mlflow = start_mlflow(folder, ports.mlflow)
    crew.join(mlflow, mlflow.name, lambda: is_our_mlflow(folder, ports.mlflow))
    performance = Performance(ports.mlflow, watch, say)
    performance.prepare()
    config = folder / "stack" / "tunewatch.yaml"
    tunewatch = start_tunewatch(folder, ports.tunewatch, config, gpus_to_simulate(say))
    crew.join(tunewatch, tunewatch.name, lambda: answers(ports.tunewatch, "/-/ready"))
    say("open in a browser:")
    for line in addresses(ports, with_grafana=found.grafana is not None):
        say(f"  {line}")
    say("what Alertmanager tells appears below; Ctrl-C ends everything")
    while True:
        performance.play(duration)
        say(f"all runs are over; they are played again in {PAUSE_SECONDS:.0f} s")
        watch.wait(PAUSE_SECONDS)


class _Found(NamedTuple):
    """How the programs that are not ours are started."""

    prometheus: str
    alertmanager: Sequence[str]
    grafana: Sequence[str] | None


def _start_watchers(found: _Found, crew: Crew, folder: Path, ports: Ports) -> None:
    def join(child: Child, port: int, path: str) -> None:
        crew.join(child, child.name, lambda: answers(port, path))

    alertmanager = programs.start_alertmanager(found.alertmanager, folder, ports)
    join(alertmanager, ports.alertmanager, "/-/ready")
    prometheus = programs.start_prometheus(found.prometheus, folder, ports)
    join(prometheus, ports.prometheus, "/-/ready")
    if found.grafana:
        join(start_grafana(found.grafana, folder, ports), ports.grafana, "/api/health")


def _needed(program: str, package: str) -> str:
    found = programs.find(program)
    if found is None:
        raise DemoError(
            f"no {program} is installed: take Debian's package {package}, or `make tools`, which "
            "fetches it into .tools"
        )
    return found


def _alertmanager() -> list[str]:
    found = programs.find("alertmanager", "prometheus-alertmanager")
    command = programs.alertmanager_command(
        found or _needed("prometheus-alertmanager", "prometheus-alertmanager")
    )
    if command is None:
        raise DemoError(
            "the Alertmanager in .tools needs a mount namespace, which is refused here: install "
            "Debian's package prometheus-alertmanager"
        )
    return command


def _grafana() -> Sequence[str] | None:
    found = programs.find("grafana", "grafana-server")
    return None if found is None else grafana_command(found)


def _ports() -> Ports:
    """Return the usual ports where they are free, and any others."""
    return Ports(
        tunewatch=_free(10390),
        mlflow=_free(5000),
        prometheus=_free(9090),
        alertmanager=_free(9093),
        grafana=_free(3000),
        mail=_free(0),
        watchdog=_free(0),
    )


def _free(usual: int) -> int:
    port = free_port(None, usual)
    if port is None:
        raise DemoError(f"no port of {HOST} is free")
    return port


def addresses(ports: Ports, *, with_grafana: bool) -> list[str]:
    """Return where everything is looked at, line by line."""
    grafana = f"http://{HOST}:{ports.grafana}"
    return [
        f"Grafana      {grafana if with_grafana else NO_GRAFANA}",
        f"Prometheus   http://{HOST}:{ports.prometheus}/alerts",
        f"Alertmanager http://{HOST}:{ports.alertmanager}",
        f"MLflow       http://{HOST}:{ports.mlflow}",
        f"tunewatch    http://{HOST}:{ports.tunewatch}",
    ]
