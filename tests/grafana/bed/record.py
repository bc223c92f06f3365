"""The bed: the real thing, run once and kept, so that any query can be asked of it afterwards."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import yaml

from alerts.promrules.files import FILES
from alerts.thresholds import USER_THRESHOLDS
from tests.grafana.bed.cast import CAST
from tests.grafana.bed.nodes import CONFIG, kubelet
from tests.grafana.bed.play import Play
from tests.grafana.bed.prometheus import DISCOVERY, Prometheus, Target, keeping, scraping
from tests.grafana.bed.stage import Stage
from tests.support.kube_api import serving_kube_api
from tests.support.mlflow_server import MlflowServer
from tests.support.program import tunewatch

SECONDS = 45.0
"""How long a performance is that shows everything."""
LONG = 300.0
"""How long one is that also shows what is judged over a whole window, as in pictures."""
FAILOVER = 0.5
"""The share of it after which the holder of the run role dies."""
SETTLES = 3.0
RATES = 8.0
"""Seconds of scrapes after which there are rates of all counters."""
GPUS = 10
TIMES = "times.json"


@dataclass(frozen=True)
class Times:
    """What happened when, in Unix seconds, and the runs by their place in the cast.

    In the seconds before `begin` there was one machine without GPUs, and no run.
    """

    begin: float
    end: float
    run_ids: tuple[str, ...]


class Bed:
    """What Prometheus has kept of a performance."""

    def __init__(self, prometheus: Prometheus, times: Times) -> None:
        self.prometheus = prometheus
        self.times = times


def record(folder: Path, seconds: float = SECONDS) -> None:
    """Run the performance in a folder, which then holds what Prometheus has scraped."""
    server = MlflowServer(folder)
    server.start()
    try:
        _configure(folder, server.uri, seconds)
        with scraping(folder, FILES["prometheus"]) as prometheus, serving_kube_api() as api:
            times = _perform(Stage(folder, prometheus, api), server, seconds)
        (folder / TIMES).write_text(json.dumps(asdict(times)))
    finally:
        server.stop()


@contextmanager
def recorded(folder: Path) -> Iterator[Bed]:
    """Give what was recorded in a folder."""
    document = json.loads((folder / TIMES).read_text())
    times = Times(**{**document, "run_ids": tuple(document["run_ids"])})
    with keeping(folder) as prometheus:
        yield Bed(prometheus, times)


def _perform(stage: Stage, server: MlflowServer, seconds: float) -> Times:
    with ExitStack() as held:
        held.callback(stage.close)
        for node in ("gpu-1", "gpu-2"):
            held.enter_context(kubelet(server.database.parent, node))
        holder, *others, heir = stage.targets
        stage.announce(holder)
        stage.start(holder)
        stage.until("a pod leads", {"tunewatch_leader == 1": 1})
        server.wait()
        begin = time.time()
        for target in others:
            stage.announce(target)
            stage.start(target)
        stage.until("all GPUs are seen", {"nvidia_gpu_up": GPUS})
        fails_at = max(seconds * FAILOVER, _past_a_whole_minute())
        play = Play(server.port, CAST, max(seconds, fails_at + seconds * (1 - FAILOVER)))
        play.perform(_Failover(stage, fails_at, holder, heir))
        time.sleep(SETTLES)
        shown = f'mlflow_run_info{{pod!="{holder.pod}"}}'
        trained_on = sum(len(part.gpus) for part in CAST if part.ends > 1)
        everything = {
            shown: len(CAST),
            "nvidia_gpu_up": GPUS,
            "tunewatch_build_info": 3,
            "tunewatch_run_gpu_info": trained_on,
            'ALERTS{alertstate="firing"}': 5,
            "tunewatch_run_diagnosis": 4,
            'tunewatch_alert_state{state="firing"}': 5,
        }
        end = stage.until("another pod shows all runs", everything)
        run_ids = tuple(play.run_ids[number] for number in range(len(CAST)))
        return Times(begin, end, run_ids)


def _past_a_whole_minute() -> float:
    """Return the seconds until a whole minute has passed that rates can be had of.

    Dashboards look back minute by minute, and one of those must not fall into the failover.
    """
    now = time.time()
    return math.ceil((now + RATES) / 60) * 60 + 2 - now


class _Failover:
    """The pod that holds the run role is replaced, and another takes the role."""

    def __init__(self, stage: Stage, at: float, dying: Target, coming: Target) -> None:
        self._due: list[tuple[float, Callable[[], None]]] = [
            (at - DISCOVERY, lambda: stage.announce(coming)),
            (at, lambda: stage.stop(dying)),
            (at, lambda: stage.start(coming)),
        ]

    def __call__(self, gone: float) -> None:
        """Do what is due after so many seconds."""
        while self._due and gone >= self._due[0][0]:
            self._due.pop(0)[1]()


def _configure(folder: Path, tracking_uri: str, seconds: float) -> None:
    """Write the configuration of all pods, and the rules that it makes, told without delay."""
    config = {
        "thresholds": {**USER_THRESHOLDS.model_dump(), "max_gpu_memory_pct": 87},
        "rules": {
            "gpu_memory_high": {"for": "2s", "keep_firing_for": "15s"},
            "gpu_slowdown": {"for": "2s"},
            "gpu_idle_while_training": {"window": "1m" if seconds >= LONG else "15m"},
        },
        "notify": {"console": True},
        "mlflow": {"tracking_uri": tracking_uri, "interval": "1s", "discovery_interval": "1s"},
        "nvml": {"interval": "2s"},
    }
    (folder / CONFIG).write_text(yaml.safe_dump(config))
    done = tunewatch("rules", "--config.file", CONFIG, "--write", ".", cwd=folder)
    assert done.returncode == 0, done.stderr
