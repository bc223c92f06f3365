"""The sections of a message about one alert."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from alerts.model import GpuObservation, Inventory, NodeObservation, RunContext, RunFacts
from alerts.notify.curves import standing
from alerts.notify.escape import link, plain, sentence
from alerts.notify.links import gpu_command, node_commands, pod_commands, pod_of
from alerts.notify.notice import About, Kind, Notice
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
    state = (*standing(notice.about, caps), *trainers(notice.runs, caps))
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


def _on_machine(about: About, caps: Caps) -> Iterator[Commands]:
    """Yield the commands that show more of a GPU or a node."""
    if isinstance(about, GpuObservation):
        yield Commands(f"Look closer, on {plain(about.node, caps.word)}", (gpu_command(about),))
        shown = about.pods[: caps.facts // 2]
        in_pods = tuple(command for pod in shown for command in pod_commands(pod))
        if in_pods:
            yield Commands("Look closer, in its pods", in_pods)
    elif isinstance(about, Inventory):
        yield Commands(f"Look closer, on {plain(about.node, caps.word)}", ("nvidia-smi -L",))
    elif isinstance(about, NodeObservation) and (commands := tuple(node_commands(about))):
        yield Commands("Look closer", commands)


def look_closer(notice: Notice, caps: Caps) -> Iterator[Block]:
    """Yield the commands and addresses that show more of the subject."""
    about = notice.about
    links = [Link("Dashboard", link(notice.dashboard_url, caps.link))]
    if isinstance(about, RunContext):
        commands = tuple(pod_commands(pod_of(about.facts))) if caps.facts else ()
        if commands and not notice.kind.resolves:
            yield Commands("Look closer", commands)
        if not link(about.facts.url, caps.link):
            yield Line(plain(about.facts.run_id, caps.word), "Run")
        links.insert(0, _link(about.facts, caps))
    elif not notice.kind.resolves:
        yield from _on_machine(about, caps)
    links[:0] = [_link(run, caps) for run in notice.runs[:1]]
    known = tuple(link for link in links if link.url)
    if known:
        yield Links(known)


def _link(run: RunFacts, caps: Caps) -> Link:
    return Link("MLflow run", link(run.url, caps.link))


def trainers(runs: Sequence[RunFacts], caps: Caps) -> Iterator[Line]:
    """Yield one line for each run that trains on the GPUs of a message, as many as may be."""
    for run in runs[: max(1, caps.facts // 2)]:
        name = plain(run.name or run.run_id, caps.name)
        experiment = plain(run.experiment, caps.name)
        yield Line(f"{name}, experiment {experiment}" if experiment else name, "Training run")
