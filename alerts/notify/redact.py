"""Secrets never reach a log: what is known of them, and what looks like one, is masked.

Apprise and urllib3 print webhook addresses at DEBUG, Apprise a malformed token at WARNING.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Iterator
from urllib.parse import parse_qsl, quote, quote_plus, unquote

MASK = "***"

_PATTERNS = (
    re.compile(r"(?<=hooks\.slack\.com/)[^\s\"'<>]+", re.IGNORECASE),
    re.compile(r"\b(?:xox[a-z]|xapp)-[\w.-]+", re.IGNORECASE),
    re.compile(r"(?<=/services/)T[A-Z0-9]+/B[A-Z0-9]+/\w+"),
    re.compile(r"(?<=://)[^/\s\"']+(?=@)"),
)
# Parts of addresses that say what they are and hide nothing.
_DULL = frozenset(
    ("services", "workflows", "triggers", "webhook", "webhooks", "notify", "localhost")
)
_DULL_KEYS = frozenset(
    ("format", "overflow", "mode", "method", "verify", "cto", "rto", "to", "from", "name", "emojis")
)
_NAMES_A_HOST = frozenset(("http", "json", "xml", "form", "mailto"))
_LEAST = 6


class Redactor(logging.Filter):
    """A filter for handlers and loggers that masks messages, arguments and exceptions."""

    def __init__(self) -> None:
        super().__init__()
        self._secrets: frozenset[str] = frozenset()
        self._known: re.Pattern[str] | None = None

    def learn(self, *secrets: str) -> None:
        """Mask these texts from now on, as they are and as a URL spells them."""
        self._secrets |= {form for secret in secrets if secret for form in _spellings(secret)}
        if not self._secrets:
            return
        # The longest first, so that no part of a longer secret is left over.
        longest_first = sorted(self._secrets, key=len, reverse=True)
        self._known = re.compile("|".join(map(re.escape, longest_first)))

    def learn_url(self, url: str) -> None:
        """Mask a notification URL and each part of it that may be a secret."""
        self.learn(url, *secret_parts(url))

    def mask(self, text: str) -> str:
        """Return `text` with every secret replaced."""
        if self._known is not None:
            text = self._known.sub(MASK, text)
        for pattern in _PATTERNS:
            text = pattern.sub(MASK, text)
        return text

    def filter(self, record: logging.LogRecord) -> bool:
        """Mask the record in place; it always passes."""
        record.msg, record.args = self.mask(_text(record)), None
        if record.exc_info:
            # Formatters print `exc_text` when there is one, and nothing else can leak.
            record.exc_text = logging.Formatter().formatException(record.exc_info)
            record.exc_info = None
        if record.exc_text:
            record.exc_text = self.mask(record.exc_text)
        if record.stack_info:
            record.stack_info = self.mask(record.stack_info)
        return True


def install(redactor: Redactor) -> None:
    """Put `redactor` before every handler of the root logger and calm talkative vendors.

    To be called after logging is configured and again whenever root handlers change.
    """
    for handler in logging.getLogger().handlers:
        if redactor not in handler.filters:
            handler.addFilter(redactor)
    for name, level in (("apprise", logging.INFO), ("urllib3", logging.WARNING)):
        logger = logging.getLogger(name)
        logger.setLevel(max(logger.level, level))
        logger.addFilter(redactor)


def secret_parts(url: str) -> Iterator[str]:
    """Yield what in a notification URL may be a secret, malformed URLs included.

    That is user, password, long parts of path, query and fragment, and a host that is no host
    name (in `slack://TokenA/TokenB/TokenC` it is a token).
    """
    scheme, _, rest = url.partition("://")
    authority, *tails = re.split("[/?#]", rest or url, maxsplit=1)
    tail = "".join(tails)
    credentials, _, host = authority.rpartition("@")
    # A password may itself hold the characters that end it: both readings are masked.
    pieces = [*credentials.split(":"), *re.split("[:@]", credentials)]
    yield from (piece for piece in pieces if len(piece) >= _LEAST - 2)
    candidates = [*re.split(r"[/?&;,#\s]+", tail), *_query_values(url)]
    if not credentials and "@" in tail:
        # A slash in the password: what should be credentials looks like a host and a path.
        candidates += re.split("[/@:]", rest)
    if "." not in host and scheme.rstrip("s") not in _NAMES_A_HOST:
        candidates += re.split(r"[:?&#\s]+", host)
    yield from _long(candidates)


def _query_values(url: str) -> Iterable[str]:
    _, _, query = url.partition("?")
    return [value for key, value in parse_qsl(query) if key not in _DULL_KEYS]


def _long(parts: Iterable[str]) -> Iterator[str]:
    return (part for part in parts if len(part) >= _LEAST and part.lower() not in _DULL)


def _spellings(secret: str) -> Iterator[str]:
    """Yield `secret` as given, decoded, and encoded in the ways that URL libraries do."""
    bare = unquote(secret)
    yield from (secret, bare, quote(bare, safe=""), quote(bare), quote_plus(bare))


def _text(record: logging.LogRecord) -> str:
    """Return the record's message; a broken format shows its parts instead of raising."""
    try:
        return record.getMessage()
    except (TypeError, ValueError, KeyError):
        return f"{record.msg} {record.args}"
