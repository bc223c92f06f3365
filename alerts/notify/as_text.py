"""The plain text of a message: for the console and for services without a template."""

from __future__ import annotations

from collections.abc import Iterator

from alerts.notify.story import Block, Commands, Drawing, Line, Links, Section, Story


def render(story: Story) -> str:
    """Return the lines below the title; sections stand apart."""
    sections = ["\n".join(_section(section)) for section in story.sections]
    return "\n\n".join(part for part in (*sections, story.footer) if part)


def _section(section: Section) -> Iterator[str]:
    if section.heading:
        yield f"— {section.heading}"
    for block in section.blocks:
        yield from _block(block)


def _block(block: Block) -> Iterator[str]:
    match block:
        case Line(text, label):
            yield f"{label}: {text}" if label else text
        case Drawing(lines):
            yield from lines
        case Commands(label, lines):
            yield f"{label}:"
            yield from (f"  {line}" for line in lines)
        case Links(links):
            yield from (f"{link.label}: {link.url}" for link in links)
