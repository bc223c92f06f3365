"""A process that has served large pages is no larger for it."""

from __future__ import annotations

import subprocess
import sys

from tests.support.project import ROOT

PROGRAM = """
import sys, threading
from pathlib import Path
from exporter.app.memory import give_back_what_is_freed

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096

def serve_pages():
    kept = []
    for _ in range(50):
        page = b"x" * 100_000
        kept.append(b"y" * 2_000)  # lies behind the page, so that the heap cannot shrink
        del page
        waiting.append(b"z" * 100_000)
        kept.append(b"y" * 2_000)
    holding.append(kept)
    served.release()
    over.wait()

if sys.argv[1] == "set":
    give_back_what_is_freed()
waiting, holding = [], []
served, over = threading.Semaphore(0), threading.Event()
before = resident()
threads = [threading.Thread(target=serve_pages) for _ in range(4)]
for thread in threads:
    thread.start()
for _ in threads:
    served.acquire()
waiting.clear()
print(resident() - before)
over.set()
"""
MEGABYTE = 10**6


def growth(word: str) -> int:
    """Return by how many bytes a process grows that has served 20 MB in four threads."""
    command = [sys.executable, "-c", PROGRAM, word]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return int(done.stdout)


def test_what_was_sent_is_given_back() -> None:
    assert growth("unset") > 10 * MEGABYTE
    assert growth("set") < 5 * MEGABYTE
