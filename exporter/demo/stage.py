"""The demonstration itself: start everything, play, look after it, and clear it all away."""

from __future__ import annotations

import sys
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from alerts.outbox import Pace
from exporter.demo import programs
from exporter.demo.crew import Crew, DemoError, gpus_to_simulate, port_for
from exporter.demo.loopback import HOST, answers
from exporter.demo.performance import Performance
from exporter.demo.tracking import TrackingError
from exporter.demo.watch import ChildEnded, Ended, Watch

USUAL_PORT = 10390
ANY_PORT = 0
FAREWELL_SECONDS = 3.0 * programs.POLL_SECONDS + Pace().group_wait
"""Until the last record has been polled, judged and told, with others of its run."""


@dataclass(frozen=True, slots=True)
class DemoOptions:
    """How the demonstration is given.

    The runs last `duration` seconds all together (None is the usual three minutes), and `once` ends
    the demonstration after them. Without a port any free one is taken, the usual one first.
    """

    duration: float | None = None
    once: bool = False
    port: int | None = None
    mlflow_port: int | None = None


def run_demo(options: DemoOptions) -> int:
    """Give the demonstration until a signal ends it; return 0, or 1 when something went wrong.

    Needs the main thread. All that it starts it ends, and its folder is removed.
    """
    watch = Watch()
    try:
        with watch.signals(), ExitStack() as stack:
            _give(options, watch, stack)
    except Ended:
        say("ended; nothing is left behind")
    except (ChildEnded, DemoError, TrackingError) as error:
        print(f"demo: {error}", file=sys.stderr, flush=True)
        return 1
    return 0


def say(text: str) -> None:
    """Tell the person at the console."""
    print(f"demo: {text}", flush=True)


def _give(options: DemoOptions, watch: Watch, stack: ExitStack) -> None:
    """Start the programs and play all runs; raises what ends the demonstration."""
    programs.require_mlflow()
    port = port_for("--port", options.port, USUAL_PORT)
    mlflow_port = port_for("--mlflow-port", options.mlflow_port, ANY_PORT)
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tunewatch-demo-")))
    crew = Crew(watch, stack, say)
    performance = Performance(mlflow_port, watch, say)
    say("starting an MLflow server with a database in a temporary folder (about 10 s)")
    mlflow = programs.start_mlflow(folder, mlflow_port)
    crew.join(mlflow, "MLflow", lambda: programs.is_our_mlflow(folder, mlflow_port))
    performance.prepare()
    config = folder / "tunewatch.yaml"
    config.write_text(programs.configuration(mlflow_port))
    tunewatch = programs.start_tunewatch(folder, port, config, gpus_to_simulate(say))
    crew.join(tunewatch, "tunewatch", lambda: answers(port, "/-/ready"))
    _show_addresses(port, mlflow_port)
    say("alerts appear below as tunewatch sends them")
    performance.play(options.duration)
    if options.once:
        watch.wait(FAREWELL_SECONDS)
        return
    say("all runs are over; look around as long as you like, Ctrl-C ends everything")
    while True:
        watch.wait(3600)


def _show_addresses(port: int, mlflow_port: int) -> None:
    say("open in a browser:")
    say(f"  MLflow    http://{HOST}:{mlflow_port}")
    say(f"  tunewatch http://{HOST}:{port}")
    say(f"  metrics   http://{HOST}:{port}/metrics")
    say(f"  alerts    http://{HOST}:{port}/api/v1/alerts")
