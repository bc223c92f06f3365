"""The text that people get: what happened, how bad, since when, and what to do."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from alerts.notify import as_html, as_slack, as_text
from alerts.notify.digest import digest_story
from alerts.notify.group import group_story
from alerts.notify.notice import Message, Notice
from alerts.notify.parts import story_of
from alerts.notify.story import LADDER, Caps, Story

SIZE_LIMIT = 3000
"""Title and text, and title and Slack text, have together at most so many bytes of UTF-8."""
HTML_LIMIT = 12_000
"""Bytes that the HTML of a mail has at most."""


def compose(notice: Notice) -> Message:
    """Write the message for `notice`: pure, within the limits whatever its subject is called."""
    return _message(lambda caps: story_of(notice, caps))


def compose_group(notices: Sequence[Notice]) -> Message:
    """Write one message for several alerts of one run or one node; raises ValueError for none."""
    if not notices:
        raise ValueError("a message needs at least one notice")
    if len(notices) == 1:
        return compose(notices[0])
    return _message(lambda caps: group_story(notices, caps))


def compose_digest(channel: str, counts: Mapping[tuple[str, str], int], since: float) -> Message:
    """Write what `channel` was spared since then (Unix seconds): by (rule, severity), how many."""
    return _message(lambda caps: digest_story(channel, counts, since, caps))


def _message(tell: Callable[[Caps], Story]) -> Message:
    """Dress the roomiest story whose every dress fits."""
    for caps in LADDER[:-1]:
        message = _dressed(tell(caps))
        if _fits(message):
            return message
    return _dressed(tell(LADDER[-1]))


def _dressed(story: Story) -> Message:
    return Message(
        title=story.title,
        text=as_text.render(story),
        severity=story.severity,
        kind=story.kind,
        slack=as_slack.render(story),
        html=as_html.render(story),
    )


def _fits(message: Message) -> bool:
    title, html = len(message.title.encode()), len(message.html.encode())
    texts = max(len(message.text.encode()), len(message.slack.encode()))
    return title + texts <= SIZE_LIMIT and html <= HTML_LIMIT
