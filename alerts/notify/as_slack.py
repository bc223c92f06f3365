"""The Slack template: mrkdwn for one section block, and a header that fits its block.

Nothing in mrkdwn can be escaped but `&`, `<` and `>`; see `escape.slack_prose`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from alerts.notify.escape import clip, slack_literal, slack_prose
from alerts.notify.story import Block, Commands, Drawing, Line, Link, Links, Section, Story

HEADER_LIMIT = 150
"""Characters that Slack takes in a header block, entities counted as written."""


def render(story: Story) -> str:
    """Return the text below the header; Slack takes 3,000 characters."""
    sections = ["\n".join(_section(section)) for section in story.sections]
    footer = f"`{slack_literal(story.footer)}`" if story.footer else ""
    return "\n\n".join(part for part in (*sections, footer) if part)


def from_text(text: str) -> str:
    """Return plain lines as mrkdwn that shows them as they are."""
    return "\n".join(slack_prose(line) for line in text.split("\n"))


def header(title: str) -> str:
    """Return the title as a header block shows it, cut to what Slack takes."""
    size = 4 * len(title) + 3
    while len(shown := slack_literal(clip(title, size, HEADER_LIMIT))) > HEADER_LIMIT:
        size = size * 3 // 4
    return shown


def _section(section: Section) -> Iterator[str]:
    if section.heading:
        yield f"*{slack_prose(section.heading)}*"
    for block in section.blocks:
        yield _block(block)


def _block(block: Block) -> str:
    match block:
        case Line(text, label, tone):
            shown = slack_prose(text)
            lead = f"*{slack_prose(label)}:* " if label else ""
            return f"*{shown}*" if tone == "strong" and not label else f"{lead}{shown}"
        case Drawing(lines):
            return _preformatted(lines)
        case Commands(label, lines):
            return f"*{slack_prose(label)}:*\n{_preformatted(lines)}"
        case Links(links):
            return " · ".join(_anchor(link) for link in links)


def _preformatted(lines: Sequence[str]) -> str:
    return "\n".join(("```", *(slack_literal(line) for line in lines), "```"))


def _anchor(link: Link) -> str:
    # `escape.link` has encoded what would end the address.
    return f"<{link.url.replace('&', '&amp;')}|{slack_prose(link.label)}>"
