"""Which channels there are, and where their secret addresses come from."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from alerts.model import Severity
from alerts.notify.channel import EVERYTHING, Match

VARIABLE = "TUNEWATCH_NOTIFY_URLS"

_SCHEME = re.compile(r"([a-z][a-z0-9]{1,19})://")


class ChannelError(Exception):
    """A channel cannot be used as configured; the text names it, never its address."""


class Secret:
    """Text that shows itself only when asked by name."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """Return the text itself."""
        return self._value

    def __repr__(self) -> str:
        """Return a mask."""
        return "Secret(***)"

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        """Compare the texts."""
        return isinstance(other, Secret) and self._value == other._value

    def __hash__(self) -> int:
        """Return a hash that fits the equality."""
        return hash(self._value)


@dataclass(frozen=True, slots=True)
class ChannelSettings:
    """One channel: `url` in the form of Apprise, `origin` says in words where it came from."""

    name: str
    url: Secret
    min_severity: Severity = Severity.INFO
    origin: str = ""
    match: Match = EVERYTHING


def from_variable(
    name: str, variable: str, environ: Mapping[str, str], min_severity: Severity = Severity.INFO
) -> ChannelSettings:
    """Return the channel `name` whose URL is in an environment variable.

    Raises ChannelError when the variable is unset or empty.
    """
    url = _in_variable(f"channel '{name}'", variable, environ, "the channel's Apprise URL")
    return ChannelSettings(name, Secret(url), min_severity, f"the environment variable {variable}")


def from_file(
    name: str, path: Path | str, min_severity: Severity = Severity.INFO
) -> ChannelSettings:
    """Return the channel `name` whose URL is the one line of a file, as a mounted secret.

    Raises ChannelError when the file cannot be read or does not hold one line.
    """
    url = _in_file(f"channel '{name}'", path, "one Apprise URL")
    return ChannelSettings(name, Secret(url), min_severity, f"the file {path}")


def heartbeat_url(
    variable: str | None, path: str | None, environ: Mapping[str, str]
) -> Secret | None:
    """Return the URL that is called while all is well; None when neither place is given.

    Raises ChannelError when there is none in the given place, or none of http or https.
    """
    if variable is None and path is None:
        return None
    if variable is not None:
        url = _in_variable("notify.heartbeat_url_env", variable, environ, "the heartbeat's URL")
    else:
        url = _in_file("notify.heartbeat_url_file", path or "", "one URL")
    if not _is_web_address(url):
        raise ChannelError(
            f"the heartbeat's URL in {variable or path} is no web address; "
            "it should begin with https:// and a host"
        )
    return Secret(url)


def _is_web_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
    return usable and url.isascii() and url.isprintable()


def _in_variable(whose: str, variable: str, environ: Mapping[str, str], what: str) -> str:
    url = environ.get(variable, "").strip()
    if not url:
        raise ChannelError(
            f"{whose}: the environment variable {variable} is not set; set it to {what}"
        )
    return url


def _in_file(whose: str, path: Path | str, what: str) -> str:
    try:
        url = Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise ChannelError(f"{whose}: cannot read {path}: {reason}") from error
    if len(url.split()) != 1:
        raise ChannelError(f"{whose}: {path} must hold {what} on one line")
    return url


def from_environment(
    environ: Mapping[str, str], taken: Collection[str] = ()
) -> tuple[ChannelSettings, ...]:
    """Return one channel for each whitespace separated URL in TUNEWATCH_NOTIFY_URLS.

    They are named by their scheme (`slack`, `slack-2`), or by their place (`env-3`) when they have
    none; names in `taken` are not used again.
    """
    channels: list[ChannelSettings] = []
    for place, url in enumerate(environ.get(VARIABLE, "").split(), start=1):
        scheme = _SCHEME.match(url)
        name = scheme.group(1) if scheme else f"env-{place}"
        name = _free(name, {*taken, *(channel.name for channel in channels)})
        origin = f"URL {place} in the environment variable {VARIABLE}"
        channels.append(ChannelSettings(name, Secret(url), Severity.INFO, origin))
    return tuple(channels)


def _free(name: str, taken: Collection[str]) -> str:
    number, free = 1, name
    while free in taken:
        number += 1
        free = f"{name}-{number}"
    return free
