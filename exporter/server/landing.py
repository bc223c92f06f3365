"""The landing page: what this is, how its sources fare, and where to go from here."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from string import Template

from exporter.metrics.health import SourceState

_STYLE = """
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { max-width: 46rem; margin: 3rem auto; padding: 0 1rem; }
h1 { margin-bottom: 0; }
h1 small { font-size: 1rem; font-weight: normal; opacity: .7; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: .3rem .8rem .3rem 0; }
tr + tr td { border-top: 1px solid #8884; }
.up { color: #2a8a3e; }
.down { color: #c5382c; }
"""

_DIGEST = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()

CONTENT_SECURITY_POLICY = (
    f"default-src 'none'; style-src 'sha256-{_DIGEST}'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
"""Nothing is loaded and nothing runs: the one style sheet is part of the page."""

_PAGE = Template("""\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>tunewatch</title>
<style>$style</style>
</head>
<body>
<h1>tunewatch <small>$version</small></h1>
<p>Watches fine-tuning runs and the GPUs under them: is the run learning, is the GPU busy, and who
must be told now?</p>
<h2>Sources</h2>
<table>
$sources
</table>
<h2>Pages</h2>
<ul>
<li><a href="metrics">metrics</a>: what Prometheus scrapes</li>
<li><a href="api/v1/alerts">api/v1/alerts</a>: the alerts of this moment with their evidence</li>
<li><a href="api/v1/node">api/v1/node</a>: what another process needs to judge these GPUs</li>
<li><a href="-/healthy">-/healthy</a> and <a href="-/ready">-/ready</a>: for probes</li>
</ul>
</body>
</html>
""")

_ROW = Template('<tr><td>$name</td><td class="$word">$word</td><td>$detail</td></tr>')


@dataclass(frozen=True, slots=True)
class Landing:
    """What the landing page tells: the version, and how the sources fare at `now`."""

    version: str
    sources: Sequence[SourceState]
    now: float


def landing_page(landing: Landing) -> str:
    """Write the landing page as HTML, with everything that came from outside escaped."""
    rows = [_row(source, landing.now) for source in landing.sources]
    return _PAGE.substitute(
        style=_STYLE,
        version=_escape(landing.version),
        sources="\n".join(rows) or "<tr><td>none is switched on</td></tr>",
    )


def _row(source: SourceState, now: float) -> str:
    return _ROW.substitute(
        name=_escape(source.name),
        word=_word(source),
        detail=_escape(source.problem or _age(source, now)),
    )


def _word(source: SourceState) -> str:
    if source.up:
        return "up"
    return "down" if source.health is not None or source.stuck else "starting"


def _escape(text: str) -> str:
    from html import escape  # noqa: PLC0415 - brings tables of names that no scrape needs

    return escape(text)


def _age(source: SourceState, now: float) -> str:
    if source.health is None:
        return ""
    return f"read {max(0.0, now - source.health.attempted_at):.0f} s ago"
