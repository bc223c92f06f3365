"""Several alerts of one run or one node in one message."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from alerts.model import GpuObservation
from alerts.notify.curves import gpu_lines, standing
from alerts.notify.escape import plain
from alerts.notify.notice import Notice
from alerts.notify.parts import TITLE_NAME, advice, former_severity, look_closer, trainers
from alerts.notify.story import Block, Caps, Line, Section, Story
from alerts.notify.wording import happened, identity, mark, outlook, rule_name, subject


def group_story(notices: Sequence[Notice], caps: Caps) -> Story:
    """Tell them all: the most severe first, what they share once."""
    ranked = sorted(notices, key=_urgency)
    first, others = ranked[0], len(ranked) - 1
    return Story(
        mark=mark(first),
        what=f"{rule_name(first, caps)} and {others} more",
        whom=_whom(ranked, caps),
        severity=first.transition.severity,
        kind=first.kind,
        sections=(*_alerts(ranked, caps), *_shared(ranked, caps)),
        footer=f"{len(ranked)} alerts · {_whom(ranked, caps)}",
        aside=former_severity(first),
    )


def _urgency(notice: Notice) -> tuple[bool, int, float]:
    return notice.kind.resolves, -notice.transition.severity.rank, notice.transition.at


def _whom(ranked: Sequence[Notice], caps: Caps) -> str:
    """Return the run, or the node where several of its subjects have something."""
    subjects = {notice.transition.key.subject for notice in ranked}
    size = min(caps.name, TITLE_NAME)
    if len(subjects) == 1:
        return subject(ranked[0], size, caps)
    nodes = sorted({whom.node for whom in subjects if whom.node})
    return f"node {plain(nodes[0], size)}" if len(nodes) == 1 else f"{len(subjects)} subjects"


def _alerts(ranked: Sequence[Notice], caps: Caps) -> Iterator[Section]:
    shown = ranked[: caps.alerts]
    said: set[Line] = set()
    for notice in shown:
        yield Section(
            tuple(_about(notice, caps, said)),
            heading=f"{mark(notice)}: {rule_name(notice, caps)}{_which(notice, ranked, caps)}",
            severity=None if notice.kind.resolves else notice.transition.severity,
        )
    if ranked[len(shown) :]:
        yield Section(tuple(_others(ranked, len(shown), caps)))


def _others(ranked: Sequence[Notice], shown: int, caps: Caps) -> Iterator[Line]:
    """Yield one line for each alert that has no section of its own, as many as may be."""
    named = ranked[shown:][: 3 * caps.alerts]
    for notice in named:
        what = f"{mark(notice)}: {rule_name(notice, caps)}{_which(notice, ranked, caps)}"
        yield Line(f"{what} · #{notice.transition.episode}")
    left = len(ranked) - shown - len(named)
    if left:
        yield Line(f"and {left} more")


def _which(notice: Notice, ranked: Sequence[Notice], caps: Caps) -> str:
    """Return which of several subjects a heading is about."""
    several = len({other.transition.key.subject for other in ranked}) > 1
    return f", {subject(notice, caps.name, caps)}" if several else ""


def _about(notice: Notice, caps: Caps, said: set[Line]) -> Iterator[Block]:
    """Yield the lines of one alert; what to do about a rule is not `said` twice."""
    yield from happened(notice, caps)
    for line in (advice(notice, caps), Line(outlook(notice, caps), tone="quiet")):
        if line and line.text and line not in said:
            said.add(line)
            yield line
    yield Line(identity(notice, caps), tone="quiet")


def _shared(ranked: Sequence[Notice], caps: Caps) -> Iterator[Section]:
    abouts = [notice.about for notice in ranked]
    gpus = {about.uuid: about for about in abouts if isinstance(about, GpuObservation)}
    runs = {run.run_id: run for notice in ranked for run in notice.runs}
    there = trainers(list(runs.values()), caps)
    if len(gpus) > 1:
        state: tuple[Block, ...] = (*gpu_lines(list(gpus.values()), caps), *there)
        closer: tuple[Block, ...] = ()
    else:
        state = (*standing(abouts[0], caps), *there)
        closer = tuple(look_closer(ranked[0], caps))
    yield from (Section(blocks) for blocks in (state, closer) if blocks)
