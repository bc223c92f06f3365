"""Taking over a changed configuration while running; a bad file changes nothing."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from alerts.documents import DocumentError
from alerts.notify.settings import ChannelError
from exporter.config import Config, config_hash, load_config

log = logging.getLogger("tunewatch.config")

LOOK_SECONDS = 5.0
_Fingerprint = tuple[int, int, int]
_FIXED_SECTIONS = ("nvml", "mlflow")


class Configuration:
    """The configuration in force, and the door through which another one comes.

    `apply(config, now)` puts thresholds, rules and channels in force, or raises
    alerts.notify.settings.ChannelError; the other sections are read once, when the process starts.
    Raises alerts.documents.DocumentError when the first file is a bad one.
    """

    def __init__(self, path: Path | None, now: float) -> None:
        self._path = path
        self._asked = False
        self._changing = threading.Lock()
        self.apply: Callable[[Config, float], None] = lambda _config, _now: None
        begun = _fingerprint(path)
        self.config = self._started = self._wanted = load_config(path)
        self._seen = (begun, *self._addresses())
        self.hash = config_hash(self.config)
        self.reloaded_at = now
        self.problem = ""

    @contextmanager
    def unchanged(self) -> Iterator[Config]:
        """Give the configuration in force, which does not change for the length of the block."""
        with self._changing:
            yield self.config

    def ask(self) -> None:
        """Have the next look reload the file whether it has changed or not; never blocks."""
        self._asked = True

    def watch(self, now: float) -> float:
        """Reload if the file, or one that holds an address, has changed.

        Returns the seconds until the next look.
        """
        if self._asked or (_fingerprint(self._path), *self._addresses()) != self._seen:
            self._asked = False
            self.reload(now)
        return LOOK_SECONDS

    def reload(self, now: float) -> str:
        """Read the file again; return what is wrong with it, or "" when it is in force."""
        with self._changing:
            # Looked at before they are read, so that what changes meanwhile is read again.
            begun = _fingerprint(self._path)
            self._seen = (begun, *self._addresses())
            try:
                fresh = self._wanted = load_config(self._path)
                self._seen = (begun, *self._addresses())
                self.apply(fresh, now)
            except (DocumentError, ChannelError) as error:
                self.problem = str(error)
                for problem in self.problem.splitlines():
                    log.error(  # noqa: TRY400 - a mistake in a file needs no traceback
                        "%s; the configuration before stays in force", problem
                    )
                return self.problem
            self._warn_of_fixed(fresh)
            self.config, self.reloaded_at, self.problem = fresh, now, ""
            self.hash = config_hash(fresh)
            log.info("configuration %s is in force", self.hash)
            return ""

    def _addresses(self) -> tuple[_Fingerprint | None, ...]:
        """Return what changes when an address is replaced, as secrets are that rotate."""
        notify = self._wanted.notify
        named = (*(channel.url_file for channel in notify.channels), notify.heartbeat_url_file)
        return tuple(_fingerprint(Path(name)) for name in named if name)

    def _warn_of_fixed(self, fresh: Config) -> None:
        changed = [s for s in _FIXED_SECTIONS if getattr(fresh, s) != getattr(self._started, s)]
        if changed:
            log.warning("restart tunewatch for the changes in: %s", ", ".join(changed))


def _fingerprint(path: Path | None) -> _Fingerprint | None:
    """Return what changes when a file is written, or replaced as Kubernetes replaces it."""
    try:
        found = path.stat() if path else None
    except OSError:
        return None
    return (found.st_mtime_ns, found.st_ino, found.st_size) if found else None
