"""One mail for each recipient: Apprise repeats a whole URL when one of its recipients failed."""

from __future__ import annotations

import re
from collections.abc import Iterable
from email.utils import formataddr, getaddresses
from urllib.parse import parse_qsl, quote, unquote

_MAIL = re.compile(r"(mailtos?)://([^/?]*)(/[^?]*)?(?:\?(.*))?", re.IGNORECASE | re.DOTALL)
_ADDRESS = re.compile(r"(?:^|<)[^@\s<>]+@[^@\s<>]+>?$")
_COPIES = ("cc", "bcc")


def by_recipient(url: str) -> tuple[str, ...]:
    """Return one URL for each recipient of a `mailto://` URL, and any other URL as it is.

    Recipients are those of the path and of `to`, in this order. Copies (`cc`, `bcc`) go out with
    the first mail only, since they would arrive once for each recipient otherwise.
    """
    found = _MAIL.fullmatch(url)
    if found is None:
        return (url,)
    scheme, server, path, query = found.groups(default="")
    given = parse_qsl(query, keep_blank_values=True)
    in_query = [value for key, value in given if key.lower() == "to"]
    recipients = _addresses([*(unquote(part) for part in path.split("/")), *in_query])
    if len(recipients) < 2 or not all(map(_ADDRESS.search, recipients)):
        # One is alone already; what does not look like addresses is for Apprise to judge.
        return (url,)
    kept = [pair for pair in query.split("&") if pair and _key(pair) != "to"]
    alone = [pair for pair in kept if _key(pair) not in _COPIES]
    return tuple(
        f"{scheme}://{server}/?{'&'.join([*(alone if place else kept), f'to={quote(recipient)}'])}"
        for place, recipient in enumerate(recipients)
    )


def _addresses(texts: Iterable[str]) -> list[str]:
    """Return each address once; a text may hold several, with names."""
    found = getaddresses([text for text in texts if text])
    return list(dict.fromkeys(formataddr(pair) for pair in found if pair[1]))


def _key(pair: str) -> str:
    return unquote(pair.partition("=")[0]).lower()
