"""Checks notification URLs in a process of its own, because Apprise and its plugins stay in memory.

URLs come on standard input, never as arguments; what is wrong goes to standard output, and never
holds a URL.
"""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from collections.abc import Sequence

from alerts.notify.settings import ChannelError, ChannelSettings, Secret

log = logging.getLogger("tunewatch.notify")

PATIENCE = 60.0
"""Seconds for the import of Apprise on a slow disk."""


def validate(channels: Sequence[ChannelSettings]) -> None:
    """Raise ChannelError naming every channel whose URL Apprise cannot use."""
    if not channels:
        return
    document = [[c.name, c.url.reveal(), c.origin] for c in channels]
    command = [sys.executable, "-m", "alerts.notify.validate"]
    try:
        checked = subprocess.run(  # noqa: S603 - our own module, by the running interpreter
            command,
            input=json.dumps(document),
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=True,
        )
    except (OSError, subprocess.SubprocessError) as error:
        # A courtesy that failed: a bad URL will show when it is first used.
        log.warning("notification URLs could not be checked: %s", type(error).__name__)
        return
    problems = checked.stdout.strip()
    if problems:
        raise ChannelError(problems)


def main() -> int:
    """Print one line for each bad URL."""
    from alerts.notify.apprise_channel import AppriseChannel  # noqa: PLC0415 - parents import us

    for name, url, origin in json.load(sys.stdin):
        try:
            AppriseChannel(ChannelSettings(name, Secret(url), origin=origin)).validate()
        except ChannelError as error:
            sys.stdout.write(f"{error}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
