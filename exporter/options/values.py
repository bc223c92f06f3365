"""How the values of flags are read; what cannot be read raises ValueError with what should be."""

from __future__ import annotations

import math
import re

MOST_SIMULATED = 64
LEASE_LEAST, LEASE_MOST = 1.0, 3600.0


def parse_switch(text: str) -> bool:
    """Read a boolean as people write it in an environment variable."""
    word = text.strip().lower()
    if word in ("1", "true", "yes", "on"):
        return True
    if word in ("0", "false", "no", "off"):
        return False
    raise ValueError("should be true or false")


def parse_count(text: str) -> int:
    """Read how many GPUs to simulate."""
    number = int(text) if text.strip().isdecimal() else -1
    if not 0 <= number <= MOST_SIMULATED:
        raise ValueError(f"should be a whole number from 0 to {MOST_SIMULATED}")
    return number


def parse_lease_seconds(text: str) -> float:
    """Read for how long a Lease holds without renewal."""
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not LEASE_LEAST <= seconds <= LEASE_MOST:
        raise ValueError(f"should be a number of seconds from {LEASE_LEAST:g} to {LEASE_MOST:g}")
    return seconds


def parse_object_name(text: str) -> str:
    """Read a name as Kubernetes allows it (RFC 1123 subdomain)."""
    if not re.fullmatch(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?", text):
        raise ValueError("should be the name of a Kubernetes object: a-z, 0-9, '-' and '.'")
    return text


def parse_addresses(text: str) -> tuple[tuple[str, int], ...]:
    """Read hosts and ports with commas between."""
    return tuple(_address(part.strip()) for part in text.split(",") if part.strip())


def _address(text: str) -> tuple[str, int]:
    match = re.fullmatch(
        r"(?:\[(?P<ipv6>[0-9A-Fa-f:.]+)\]|(?P<host>[^\[\]:\s]+)):(?P<port>\d+)", text
    )
    if match is None or not 0 < int(match["port"]) <= 65535:
        raise ValueError("should be HOST:PORT, several of them with commas between")
    return match["ipv6"] or match["host"], int(match["port"])
