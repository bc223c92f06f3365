"""Programs that the demonstration starts end with all that they started."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from exporter.demo.child import Child, module, own_environment
from exporter.demo.watch import ChildEnded, Ended, Watch

STUBBORN = """
import os, pathlib, signal, subprocess, sys, time
if len(sys.argv) == 1:
    subprocess.Popen([sys.executable, __file__, "grandchild"])
signal.signal(signal.SIGTERM, signal.SIG_IGN)
pathlib.Path(f"{os.getpid()}.pid").touch()
time.sleep(60)
"""
TALKATIVE = "print('first'); print('the port is taken'); raise SystemExit(3)"


def alive(pid: int) -> bool:
    """Whether the process runs; a zombie does not."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False
    return status.rpartition(")")[2].split()[0] != "Z"


def start(folder: Path, source: str) -> Child:
    (folder / "program.py").write_text(source)
    return Child("a program", module("program"), folder=folder, settings={}, log=folder / "log")


def until_ended(child: Child) -> None:
    deadline = time.monotonic() + 20
    while not child.ended():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_stop_ends_a_stubborn_family(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("exporter.demo.child.STOP_SECONDS", 0.2)
    child = start(tmp_path, STUBBORN)
    deadline = time.monotonic() + 20
    while len(pids := [int(file.stem) for file in tmp_path.glob("*.pid")]) < 2:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert all(map(alive, pids))
    child.stop()
    assert not any(map(alive, pids))


def test_a_child_that_ends_early_is_noticed_with_its_last_words(tmp_path: Path) -> None:
    child = start(tmp_path, TALKATIVE)
    watch = Watch()
    watch.over(child)
    with pytest.raises(ChildEnded, match=r"(?s)a program ended with status 3.*the port is taken"):
        watch.wait(20)
    child.stop()


def test_a_stopped_child_may_be_stopped_again(tmp_path: Path) -> None:
    child = start(tmp_path, "pass")
    until_ended(child)
    child.stop()
    child.stop()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_the_wait_and_nothing_else(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    watch = Watch()
    with watch.signals():
        os.kill(os.getpid(), number)
        with pytest.raises(Ended):
            watch.wait(20)
    assert signal.getsignal(number) is before


def test_waiting_for_a_condition_has_an_end() -> None:
    watch = Watch()
    assert watch.wait_for(lambda: False, 0.05, lambda _: None) is None
    assert watch.wait_for(lambda: True, 0.05, lambda _: None) is not None


def test_settings_for_real_servers_channels_and_proxies_do_not_reach_the_demonstration() -> None:
    given = {
        "PATH": "/bin",
        "MLFLOW_TRACKING_TOKEN": "secret",
        "TUNEWATCH_CONFIG_FILE": "/etc/tunewatch.yaml",
        "GF_DATABASE_URL": "postgres://grafana.example.org",
        "https_proxy": "http://proxy:3128",
    }
    assert own_environment(given) == {"PATH": "/bin", "PYTHONUNBUFFERED": "1", "NO_PROXY": "*"}
