"""Faults of simulated GPUs in the program as people run it: what is told, also after a restart."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from exporter.server import Address
from tests.support.http import request
from tests.support.program import CONSOLE, Daemon, daemon, environment, eventually

CONFIG = """\
nvml: {interval: 1s}
rules:
  gpu_lost: {for: 0s, keep_firing_for: 0s}
  gpu_slowdown: {for: 0s}
"""
FLAGS = ("--nvml.simulate=2", "--node.name=node-1", "--config.file=tunewatch.yaml")
FAULTY = """
import os, sys, threading, time
import pynvml
from exporter import cli, simulation

THERMAL = 0x40

def obey():
    with open(os.environ["FAULTS"]) as faults:
        for line in faults:
            what, index, *code = line.split()
            library, device = pynvml.nvmlLib, int(index)
            if what == "lose":
                library.faults.fail(simulation.Return.GPU_IS_LOST, device=device)
            elif what == "heat":
                hot = simulation.Condition(throttle_reasons=THERMAL)
                library.gpus.conditions[device] = hot
            else:
                while not library.events.watched(device):
                    time.sleep(0.01)
                library.events.xid(device, int(code[0]))

threading.Thread(target=obey, daemon=True).start()
sys.exit(cli.main())
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with a configuration, and a pipe through which faults are asked for."""
    (tmp_path / "tunewatch.yaml").write_text(CONFIG)
    os.mkfifo(tmp_path / "faults")
    return tmp_path


@contextmanager
def faulty(folder: Path) -> Iterator[tuple[Daemon, Address]]:
    environ = environment(folder, FAULTS=str(folder / "faults"))
    with daemon(*FLAGS, cwd=folder, environ=environ, run=("-c", FAULTY)) as running:
        address = running.address()
        eventually(lambda: request(address, "/-/ready").status == 200)
        yield running, address


def break_down(folder: Path, *faults: str) -> None:
    (folder / "faults").write_text("".join(f"{fault}\n" for fault in faults))


def told(folder: Path) -> str:
    return (folder / CONSOLE).read_text()


def titles(folder: Path) -> list[str]:
    """Return the titles of all messages on the console; texts are indented."""
    return re.findall(r"^\S.*", told(folder), re.MULTILINE)


def alerts(address: Address) -> dict[str, str]:
    """Return the state of each alert that is pending or firing, by rule."""
    found = json.loads(request(address, "/api/v1/alerts").body)["alerts"]
    return {alert["rule"]: alert["state"] for alert in found}


def series(address: Address, name: str) -> list[dict[str, str]]:
    """Return the labels of each series of a metric whose value is not 0."""
    page = request(address, "/metrics").text
    families = text_string_to_metric_families(page)
    samples = (sample for family in families for sample in family.samples)
    return [sample.labels for sample in samples if sample.name == name and sample.value]


def test_an_xid_is_told_with_its_meaning_and_not_again_after_a_restart(folder: Path) -> None:
    xid, lost = "gpu_xid · GPU 1 on node-1 · #1", "gpu_lost · node node-1 · #1"
    with faulty(folder) as (running, address):
        break_down(folder, "xid 0 31", "xid 1 79", "lose 1")
        eventually(lambda: xid in told(folder) and lost in told(folder))
        before = titles(folder)
        assert "GPU 1 on node-1 reported Xid 79 (the GPU has fallen off the bus)." in told(folder)
        assert "1 of 2 GPUs on node-1 is lost (GPU-SIM-" in told(folder)
        (reported,) = (
            labels
            for labels in series(address, "nvidia_gpu_last_xid_timestamp_seconds")
            if labels["gpu"] == "1"
        )
        assert reported["xid"] == "79"
        assert len(series(address, "nvidia_gpu_devices_missing")) == 1
        assert running.end() < 2

    with faulty(folder) as (_, address):
        eventually(lambda: titles(folder) != before)
        assert titles(folder)[len(before) :] == ["RESOLVED: GPU lost, node node-1 (was critical)"]
        eventually(lambda: alerts(address) == {"gpu_xid": "firing"})
        assert series(address, "nvidia_gpu_devices_missing") == []


def test_heat_is_told_while_it_lasts(folder: Path) -> None:
    with faulty(folder) as (_, address):
        break_down(folder, "heat 0")
        eventually(lambda: alerts(address) == {"gpu_slowdown": "firing"})
        (breach,) = series(address, "tunewatch_rule_verdict")
        assert (breach["rule"], breach["severity"]) == ("gpu_slowdown", "warning")
        assert breach["workload_node"] == "node-1"
