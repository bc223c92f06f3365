"""The sections of a message about one alert."""

from __future__ import annotations

from collections.abc import Iterator

from alerts.model import GpuObservation, RunContext
from alerts.notify.curves import standing
from alerts.notify.escape import link, plain, sentence
from alerts.notify.links import gpu_command, pod_commands
from alerts.notify.notice import Kind, Notice
from alerts.notify.story import Block, Caps, Commands, Line, Link, Links, Section, Story
from alerts.notify.wording import happened, identity, mark, outlook, rule_name, subject

TITLE_NAME = 120
"""Bytes that a name may have in a title."""


def story_of(notice: Notice, caps: Caps) -> Story:
    """Tell one alert."""
    return Story(
        mark=mark(notice),
        what=rule_name(notice, caps),
        whom=subject(notice, min(caps.name, TITLE_NAME), caps),
        severity=notice.transition.severity,
        kind=notice.kind,
        sections=tuple(_sections(notice, caps)),
        footer=identity(notice, caps),
        aside=former_severity(notice),
    )


def former_severity(notice: Notice) -> str:
    """Return how urgent it was, for what is over and so bears no urgency in front."""
    was = {Kind.RESOLVED: "was ", Kind.FIRED_AND_RESOLVED: ""}.get(notice.kind)
    return "" if was is None else f"{was}{notice.transition.severity.value}"


def _sections(notice: Notice, caps: Caps) -> Iterator[Section]:
    yield Section(tuple(happened(notice, caps)))
    state = tuple(standing(notice.about, caps))
    if state:
        yield Section(state)
    what_to_do = advice(notice, caps)
    if what_to_do:
        yield Section((what_to_do,), advice=True)
    closer = (*look_closer(notice, caps), *_end(notice, caps))
    if closer:
        yield Section(closer)


def advice(notice: Notice, caps: Caps) -> Line | None:
    """Return what to do, nothing where it is over."""
    action = sentence(notice.transition.action, caps.sentence)
    return Line(action, "What to do") if action and not notice.kind.resolves else None


def _end(notice: Notice, caps: Caps) -> Iterator[Line]:
    end = outlook(notice, caps)
    if end:
        yield Line(end, tone="quiet")


def look_closer(notice: Notice, caps: Caps) -> Iterator[Block]:
    """Yield the commands and addresses that show more of the subject."""
    about = notice.about
    links = [Link("Dashboard", link(notice.dashboard_url, caps.link))]
    if isinstance(about, RunContext):
        commands = tuple(pod_commands(about.facts.tags)) if caps.facts else ()
        if commands and not notice.kind.resolves:
            yield Commands("Look closer", commands)
        run = Link("MLflow run", link(about.facts.url, caps.link))
        if not run.url:
            yield Line(plain(about.facts.run_id, caps.word), "Run")
        links.insert(0, run)
    elif isinstance(about, GpuObservation) and not notice.kind.resolves:
        yield Commands(f"Look closer, on {plain(about.node, caps.word)}", (gpu_command(about),))
    known = tuple(link for link in links if link.url)
    if known:
        yield Links(known)
