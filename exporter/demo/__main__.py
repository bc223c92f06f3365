"""Plays the recorded runs again and again: `python -m exporter.demo PORT_OF_MLFLOW`."""

from __future__ import annotations

import sys

from exporter.demo.loopback import answers
from exporter.demo.performance import Performance
from exporter.demo.watch import Ended, Watch

PATIENCE_SECONDS = 600.0
PAUSE_SECONDS = 60.0


def main(port: int) -> int:
    """Play before the server of this machine until a signal ends it; needs the main thread."""
    watch = Watch()
    try:
        with watch.signals():
            performance = Performance(port, watch, _say)
            watch.wait_for(lambda: answers(port, "/health"), PATIENCE_SECONDS, lambda _: None)
            performance.prepare()
            while True:
                performance.play()
                watch.wait(PAUSE_SECONDS)
    except Ended:
        return 0


def _say(text: str) -> None:
    sys.stdout.write(f"trainer: {text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
