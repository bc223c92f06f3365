"""Where the alert state survives a restart: one versioned document, replaced as a whole."""

from __future__ import annotations

import contextlib
import fcntl
import json
import logging
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

VERSION = 2
"""Since 2 the windows of points that rules look back on are not stored, but read again."""

Document = dict[str, Any]
"""Plain data, or functions without arguments that return plain data."""

log = logging.getLogger("tunewatch.store")


class StoreError(Exception):
    """The document cannot be read or written now; what was stored before is untouched."""


class StoreInUse(StoreError):  # noqa: N818 - named by what is the case; StoreError names the family
    """Another process holds the document."""


class StoreFenced(StoreError):  # noqa: N818 - named by what is the case; StoreError names the family
    """Another process has taken over the document: this one may tell nobody anything any more."""


class UnreadableError(Exception):
    """The stored bytes are no document that this version can read; `label` says which kind."""

    def __init__(self, label: str, reason: str) -> None:
        super().__init__(reason)
        self.label = label


class StateStore(Protocol):
    """Keeps one JSON document; `version` in it belongs to the store."""

    @property
    def size(self) -> int:
        """How many bytes the document last loaded or saved takes where it is stored."""

    def load(self) -> Document | None:
        """Return the stored document, None when there is none that can be used.

        Raises StoreError when it cannot be told (permission, I/O, another process).
        """

    def save(self, document: Document) -> None:
        """Replace the stored document, all or nothing; raises StoreError, then retry later.

        Raises StoreFenced when another process has taken over: then there is nothing to retry.
        """

    def set_aside(self, reason: str) -> None:
        """Keep the stored document under another name, so that the next save starts afresh."""


class MemoryStore:
    """Forgets at exit; what it returns has been through JSON, as with the other stores."""

    def __init__(self) -> None:
        self._stored: bytes | None = None

    @property
    def size(self) -> int:
        """Return the bytes of the document."""
        return len(self._stored or b"")

    def load(self) -> Document | None:
        """Return the document last saved."""
        return None if self._stored is None else decode(self._stored)

    def save(self, document: Document) -> None:
        """Keep a copy of the document."""
        self._stored = encode(document)

    def set_aside(self, reason: str) -> None:
        """Forget the document."""
        log.warning("the alert state in memory was dropped: %s", reason)
        self._stored = None


class FileStore:
    """One file, mode 0600, held by one process at a time through a lock file beside it.

    A save writes a temporary file in the same folder, flushes it to the disk, renames it over the
    old one and flushes the folder, so that a crash or a full disk leaves the old or the new
    document, never half of one. `clock` (Unix seconds) names what is set aside.
    """

    def __init__(self, path: Path | str, clock: Callable[[], float] = time.time) -> None:
        # A link to another disk stays a link: what it points to is replaced.
        self.path = Path(path).resolve()
        self.size = 0
        self._clock = clock
        self._lock: int | None = None

    def load(self) -> Document | None:
        """Return the document; one that cannot be used is set aside and None returned."""
        with _as_store_error(f"cannot use the state file {self.path}"):
            self._hold()
            try:
                content = self.path.read_bytes()
                document = decode(content)
            except FileNotFoundError:
                return None
            except UnreadableError as error:
                self._rename_aside(error.label, str(error))
                return None
        self.size = len(content)
        return document

    def save(self, document: Document) -> None:
        """Replace the file by `document`; a failure leaves the old one as it was."""
        content = encode(document)
        with _as_store_error(f"cannot write the state file {self.path}"):
            self._hold()
            self._replace(content)
        self.size = len(content)

    def set_aside(self, reason: str) -> None:
        """Rename the file to `….corrupt-<time>` and say so in the log."""
        with _as_store_error(f"cannot set aside the state file {self.path}"):
            self._hold()
            self._rename_aside("corrupt", reason)

    def close(self) -> None:
        """Let another process have the file."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _hold(self) -> None:
        """Take the lock that lasts until `close` or the end of the process."""
        if self._lock is not None:
            return
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(self.path.with_name(self.path.name + ".lock"), _LOCK_FLAGS, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            raise StoreInUse(
                f"another tunewatch process uses the state file {self.path}; "
                "stop it, or give this one a file of its own"
            ) from None
        self._lock = descriptor

    def _replace(self, content: bytes) -> None:
        temporary = self.path.with_name(self.path.name + ".tmp")
        try:
            descriptor = os.open(temporary, _WRITE_FLAGS, 0o600)
            with open(descriptor, "wb") as file:  # noqa: PTH123 - a descriptor, not a path
                file.write(content)
                file.flush()
                os.fsync(descriptor)
            temporary.replace(self.path)
        except OSError:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)
            raise
        self._flush_folder()

    def _flush_folder(self) -> None:
        """Make a rename last; until then a power cut may undo it."""
        folder = os.open(self.path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def _rename_aside(self, label: str, reason: str) -> None:
        stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(self._clock()))
        aside = self.path.with_name(f"{self.path.name}.{label}-{stamp}")
        number = 1
        while aside.exists():
            number += 1
            aside = self.path.with_name(f"{self.path.name}.{label}-{stamp}-{number}")
        self.path.rename(aside)
        self._flush_folder()
        log.error(
            "the state file %s cannot be used (%s); it is kept as %s and tunewatch starts afresh, "
            "so alerts that still hold are told again; to go back, stop tunewatch and rename it",
            self.path,
            reason,
            aside.name,
        )


_LOCK_FLAGS = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
_WRITE_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW


@contextlib.contextmanager
def _as_store_error(problem: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StoreError(f"{problem}: {error.strerror or error}") from error


def encode(document: Document) -> bytes:
    """Return UTF-8 JSON; NaN and Infinity, which values of alerts can be, as Python writes them.

    A part that is a function is called when its turn comes, so that the plain data of a thousand
    runs never exist at once.
    """
    whole = {**document, "version": VERSION}
    return json.dumps(whole, separators=(",", ":"), default=lambda part: part()).encode()


def decode(content: bytes) -> Document:
    """Return the document that `encode` wrote, by this version or an older one.

    Raises UnreadableError for anything else, with the label under which it may be set aside.
    """
    try:
        document = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise UnreadableError("corrupt", f"not valid JSON: {error}") from error
    version = document.get("version") if isinstance(document, dict) else None
    if type(version) is not int or version < 1:
        raise UnreadableError("corrupt", "not a state document: it names no version")
    if version > VERSION:
        label = f"version-{version}"
        raise UnreadableError(label, f"version {version} was written by a newer tunewatch")
    return dict(document)
