"""The demonstration itself: start everything, play, look after it, and clear it all away."""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from alerts.outbox import Pace
from exporter.demo import programs
from exporter.demo.child import Child
from exporter.demo.loopback import HOST, answers, free_port
from exporter.demo.player import Player
from exporter.demo.recording import load
from exporter.demo.schedule import FULL_LENGTH, STORIES, Act, Cue, schedule
from exporter.demo.tracking import Tracking, TrackingError
from exporter.demo.watch import ChildEnded, Ended, Watch
from exporter.sources import SourceDown
from exporter.sources.nvml import NvmlSource

USUAL_PORT = 10390
ANY_PORT = 0
SIMULATED_GPUS = 2
PATIENCE_SECONDS = 180.0
PROGRESS_SECONDS = 15.0
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


class DemoError(Exception):
    """The demonstration cannot go on; says why and what to do."""


def run_demo(options: DemoOptions) -> int:
    """Give the demonstration until a signal ends it; return 0, or 1 when something went wrong.

    Needs the main thread. All that it starts it ends, and its folder is removed.
    """
    watch = Watch()
    try:
        with watch.signals(), ExitStack() as stack:
            Stage(options, watch, stack).give()
    except Ended:
        say("ended; nothing is left behind")
    except (ChildEnded, DemoError, TrackingError) as error:
        print(f"demo: {error}", file=sys.stderr, flush=True)
        return 1
    return 0


def say(text: str) -> None:
    """Tell the person at the console."""
    print(f"demo: {text}", flush=True)


class Stage:
    """Where everything stands that `stack` clears away in the end."""

    def __init__(self, options: DemoOptions, watch: Watch, stack: ExitStack) -> None:
        self._options = options
        self._watch = watch
        self._stack = stack

    def give(self) -> None:
        """Start the programs and play all runs; raises what ends the demonstration."""
        if not programs.mlflow_installed():
            raise DemoError(
                "the demonstration needs MLflow's own server, and only the light mlflow-skinny is "
                "installed: pip install 'tunewatch[demo]'"
            )
        port = _port("--port", self._options.port, USUAL_PORT)
        mlflow_port = _port("--mlflow-port", self._options.mlflow_port, ANY_PORT)
        folder = Path(
            self._stack.enter_context(tempfile.TemporaryDirectory(prefix="tunewatch-demo-"))
        )
        recordings = {story.recording: load(story.recording) for story in STORIES}
        player = Player(Tracking(mlflow_port), recordings)
        self._start_mlflow(folder, mlflow_port)
        player.prepare()
        self._start_tunewatch(folder, port, mlflow_port)
        _show_addresses(port, mlflow_port)
        duration = self._options.duration or FULL_LENGTH
        self._play(player, schedule(STORIES, recordings, duration))
        if self._options.once:
            self._watch.wait(FAREWELL_SECONDS)
            return
        say("all runs are over; look around as long as you like, Ctrl-C ends everything")
        while True:
            self._watch.wait(3600)

    def _start_mlflow(self, folder: Path, port: int) -> None:
        say("starting an MLflow server with a database in a temporary folder (about 10 s)")
        self._look_after(programs.start_mlflow(folder, port))
        self._wait_for("MLflow", lambda: programs.is_our_mlflow(folder, port))

    def _start_tunewatch(self, folder: Path, port: int, mlflow_port: int) -> None:
        simulated = SIMULATED_GPUS if _without_gpu() else 0
        self._look_after(programs.start_tunewatch(folder, port, mlflow_port, simulated))
        self._wait_for("tunewatch", lambda: answers(port, "/-/ready"))

    def _look_after(self, child: Child) -> None:
        self._stack.callback(child.stop)
        self._watch.over(child)

    def _wait_for(self, name: str, ready: Callable[[], bool]) -> None:
        took = self._watch.wait_for(
            ready, PATIENCE_SECONDS, lambda gone: say(f"  waiting for {name}: {gone:.0f} s")
        )
        if took is None:
            raise DemoError(f"{name} did not answer within {PATIENCE_SECONDS:.0f} s")
        say(f"{name} is ready after {took:.1f} s")

    def _play(self, player: Player, cues: Sequence[Cue]) -> None:
        say(
            f"{len(STORIES)} recorded fine-tuning runs are played live for {cues[-1].at:.0f} s; "
            "alerts appear below as tunewatch sends them"
        )
        begun = told = time.monotonic()
        for cue in cues:
            self._watch.wait(begun + cue.at - time.monotonic())
            player.perform(cue)
            if cue.act is not Act.LOG:
                say(f"run {cue.recording} {'begins' if cue.act is Act.BEGIN else 'has ended'}")
            if time.monotonic() - told >= PROGRESS_SECONDS:
                told = time.monotonic()
                say(_progress(cues, told - begun, player))


def _port(flag: str, wanted: int | None, usual: int) -> int:
    port = free_port(wanted, usual)
    if port is None:
        raise DemoError(f"port {wanted} is in use: choose another with {flag}, or leave it out")
    return port


def _without_gpu() -> bool:
    """Look as the daemon would look, and say what follows."""
    source = NvmlSource()
    try:
        found = len(source.collect(time.time()).gpus)
    except SourceDown as down:
        say(f"{down.problem}, so {SIMULATED_GPUS} GPUs are simulated")
        return True
    finally:
        source.close()
    say(f"GPUs of this machine: {found}")
    return False


def _show_addresses(port: int, mlflow_port: int) -> None:
    say("open in a browser:")
    say(f"  MLflow    http://{HOST}:{mlflow_port}")
    say(f"  tunewatch http://{HOST}:{port}")
    say(f"  metrics   http://{HOST}:{port}/metrics")
    say(f"  alerts    http://{HOST}:{port}/api/v1/alerts")


def _progress(cues: Sequence[Cue], gone: float, player: Player) -> str:
    under_way = ", ".join(f"{name} at step {step}" for name, step in player.steps.items())
    return f"{gone:.0f} of {cues[-1].at:.0f} s: {under_way}"
