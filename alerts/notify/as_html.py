"""The mail template: HTML with inline styles that reads well on light and on dark screens.

Nothing is loaded from anywhere. Colours of text are the reader's own, everything else is
translucent or holds white text. Apprise makes the text part from it, so blocks stand on lines of
their own, rules separate sections, and addresses are written out where only text is shown.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape

from alerts.model import Severity
from alerts.notify.story import Block, Commands, Drawing, Line, Link, Links, Section, Story

_ACCENTS = {Severity.INFO: "#2563eb", Severity.WARNING: "#b45309", Severity.CRITICAL: "#c92a2a"}
_RESOLVED = "#15803d"
_SHADE, _EDGE = "rgba(127,127,127,.13)", "rgba(127,127,127,.35)"
_FONT = "-apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif"
_MONO = "ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace"
_BODY = f"margin:0;padding:20px 12px;color-scheme:light dark;font:15px/1.5 {_FONT}"
_PAGE = "max-width:640px;margin:0 auto"
_BADGE = (
    "display:inline-block;color:#fff;font-size:12px;line-height:1;font-weight:700;"
    "letter-spacing:.05em;padding:5px 8px;border-radius:4px;vertical-align:3px"
)
_TITLE = "font-size:21px;line-height:1.3;margin:0;font-weight:600"
_WHOM = "font-weight:400;opacity:.75;overflow-wrap:anywhere"
_HEADING = "font-size:16px;margin:0 0 6px;padding-left:10px;overflow-wrap:anywhere"
_LINE = "margin:4px 0;overflow-wrap:anywhere"
_TONES = {
    "plain": "",
    "strong": ";font-size:16px;font-weight:600",
    "quiet": ";font-size:13px;opacity:.75",
}
_PRE = (
    f"font:12px/1.5 {_MONO};white-space:pre-wrap;overflow-wrap:anywhere;background:{_SHADE};"
    "padding:9px 12px;border-radius:6px;margin:8px 0"
)
_BUTTON = (
    "display:inline-block;color:#fff;background:#2563eb;font-weight:600;text-decoration:none;"
    "padding:7px 14px;border-radius:6px;margin:4px 8px 4px 0"
)
_HIDDEN = "display:none;max-height:0;overflow:hidden;mso-hide:all"
_SECTION = "margin:18px 0"
_ADVICE = f"{_SECTION};background:{_SHADE};padding:8px 14px;border-radius:0 6px 6px 0"
_FOOT = (
    f"font-size:12px;opacity:.65;overflow-wrap:anywhere;border-top:1px solid {_EDGE};"
    "padding-top:8px"
)


def render(story: Story) -> str:
    """Return the whole document."""
    accent = _RESOLVED if story.kind.resolves else _ACCENTS[story.severity]
    parts = [_head(story, accent), *(_section(section, accent) for section in story.sections)]
    if story.footer:
        parts.append(_div(_FOOT, _text(story.footer)))
    # A line break between two blocks is an empty line of the text part, so there is none elsewhere.
    page = "\n".join(parts)
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        '<meta name="color-scheme" content="light dark">'
        f"<title>{_text(story.title)}</title></head>"
        f'<body style="{_BODY}">{_div(_PAGE, page)}</body></html>'
    )


def _head(story: Story, accent: str) -> str:
    aside = f" ({story.aside})" if story.aside else ""
    badge = f'<span style="{_BADGE};background:{accent}">{_text(story.mark)}</span>'
    whom = f'<span style="{_WHOM}">{_text(story.whom + aside)}</span>'
    title = f'<h1 style="{_TITLE}">{badge} {_text(story.what)}<br>{whom}</h1>'
    return _div(f"border-left:4px solid {accent};padding-left:14px", title)


def _section(section: Section, accent: str) -> str:
    inside = "".join(_parts(section))
    style = f"{_ADVICE};border-left:4px solid {accent}" if section.advice else _SECTION
    return _div(style, inside)


def _parts(section: Section) -> Iterator[str]:
    if section.heading:
        colour = _ACCENTS[section.severity] if section.severity else _RESOLVED
        yield f'<h2 style="{_HEADING};border-left:4px solid {colour}">{_text(section.heading)}</h2>'
    for block in section.blocks:
        yield _block(block)


def _block(block: Block) -> str:
    match block:
        case Line():
            return _line(block)
        case Drawing(lines):
            return _preformatted(lines)
        case Commands(label, lines):
            return _div(_LINE, f"<b>{_text(label)}:</b>") + _preformatted(lines)
        case Links(links):
            return "".join(_link(link) for link in links)


def _line(line: Line) -> str:
    lead = f"<b>{_text(line.label)}:</b> " if line.label else ""
    return _div(_LINE + _TONES[line.tone], lead + _text(line.text))


def _preformatted(lines: Sequence[str]) -> str:
    text = "\n".join(lines)
    return f'<pre style="{_PRE}">{_text(text)}</pre>'


def _link(link: Link) -> str:
    button = f'<a style="{_BUTTON}" href="{escape(link.url)}">{_text(link.label)}</a>'
    # Clients that show HTML hide the address; the text part has nothing but it.
    return _div(
        "display:inline-block", f'{button}<span style="{_HIDDEN}">: {_text(link.url)}</span>'
    )


def _div(style: str, inside: str) -> str:
    return f'<div style="{style}">{inside}</div>'


def _text(text: str) -> str:
    return escape(text, quote=False)
