"""The words for what happened to one alert, and for what follows."""

from __future__ import annotations

from collections.abc import Iterator

from alerts.model import GpuObservation, ResolveReason, RunContext, Transition
from alerts.notify.escape import clip, plain, sentence
from alerts.notify.notice import Kind, Notice
from alerts.notify.numbers import duration, number, quantity, utc
from alerts.notify.story import Caps, Line

LATE = 300.0
"""Seconds between a deciding point and its reading after which a message says so."""

_REASONS: dict[ResolveReason, str] = {
    "recovered": "it recovered",
    "run_ended": "the run ended",
    "deleted": "the run was deleted",
    "rule_removed": "the rule was removed from the configuration",
    "given_up": "the run has been silent for so long that it was given up",
    "gone": "it is no longer there",
}
_UNHEARD = "nothing has been heard of it for a day"
_SPELT = {"gpu": "GPU", "ecc": "ECC", "xid": "Xid", "nonfinite": "non-finite values"}
_FLAG = "flag"


def rule_name(notice: Notice, caps: Caps) -> str:
    """Return what the alert is called in prose, with the validation set where there are several."""
    key = notice.transition.key
    words = " ".join(_SPELT.get(word, word) for word in key.rule.split("_"))
    eval_set = plain(key.eval_set, caps.word)
    return plain(words, caps.word) + (f" [{eval_set}]" if eval_set else "")


def mark(notice: Notice) -> str:
    """Return how urgent this is, in capitals."""
    urgency = notice.transition.severity.value.upper()
    return {
        Kind.FIRING: urgency,
        Kind.EVENT: urgency,
        Kind.ESCALATED: f"NOW {urgency}",
        Kind.REPEATED: f"STILL {urgency}",
        Kind.RESOLVED: "RESOLVED",
        Kind.FIRED_AND_RESOLVED: "FIRED AND RESOLVED",
    }[notice.kind]


def subject(notice: Notice, size: int, caps: Caps) -> str:
    """Return whom the alert is about, by name where one is known."""
    about, whom = notice.about, notice.transition.key.subject
    node = f" on {plain(whom.node, caps.word)}" if whom.node else ""
    if isinstance(about, RunContext):
        return plain(about.facts.name or about.facts.run_id, size)
    if isinstance(about, GpuObservation):
        part = f"{plain(about.uuid, caps.word)} of " if about.parent else ""
        return f"{part}GPU {about.index}{node}"
    return f"{whom.kind} {plain(whom.id, size)}{'' if whom.kind == 'node' else node}"


def identity(notice: Notice, caps: Caps) -> str:
    """Return the line by which people match messages of one episode."""
    rule = plain(notice.transition.key.rule, caps.word)
    return f"{rule} · {subject(notice, caps.name, caps)} · #{notice.transition.episode}"


def happened(notice: Notice, caps: Caps) -> Iterator[Line]:
    """Yield what happened, the most important first."""
    transition = notice.transition
    if notice.kind.resolves:
        yield _end(notice)
    summary = _as_sentence(sentence(transition.summary, caps.sentence))
    if summary:
        yield Line(summary, "It was") if notice.kind.resolves else Line(summary, tone="strong")
    for text in (*_compared(notice), *_provisos(notice)):
        yield Line(text)
    evidence = _evidence(transition, caps)
    if evidence:
        yield Line(evidence, "Evidence", "quiet")


def _end(notice: Notice) -> Line:
    transition = notice.transition
    why = f": {why}" if (why := _why(transition)) else ""
    untold = notice.kind is Kind.FIRED_AND_RESOLVED
    how = "Fired and resolved before this could be sent" if untold else "Resolved"
    lasted = transition.at - transition.seen_at if transition.seen_at is not None else 0.0
    after = f" after {duration(lasted)}" if lasted >= 1 and not untold else ""
    return Line(f"{how}{after}{why}.", tone="strong")


def _why(transition: Transition) -> str:
    """Return why an alert has ended, empty where nothing says."""
    if transition.reason is None:
        return ""
    if transition.reason == "given_up" and transition.key.subject.kind != "run":
        return _UNHEARD
    return _REASONS[transition.reason]


def _as_sentence(text: str) -> str:
    """Begin with a capital, unless a name stands there, and end with a stop."""
    first = text.partition(" ")[0]
    if first.isalpha() and first.islower():
        text = text[:1].upper() + text[1:]
    return f"{text}." if text and not text.endswith((".", "!", "?", "…")) else text


def _compared(notice: Notice) -> Iterator[str]:
    """Yield the value against its threshold, and where on the curve that is."""
    transition = notice.transition
    parts = list(_numbers(notice))
    place = [f"step {transition.step}"] if transition.step is not None else []
    place += [f"epoch {number(transition.epoch, 3)}"] if transition.epoch is not None else []
    place += [when] if (when := utc(transition.at)) else []
    if place:
        parts.append(f"{'at' if notice.kind.closes else 'since'} {', '.join(place)}")
    if parts:
        text = ", ".join(parts)
        yield f"{text[:1].upper()}{text[1:]}."


def _numbers(notice: Notice) -> Iterator[str]:
    transition, unit = notice.transition, notice.unit
    if unit != _FLAG and transition.value is not None:
        now = " now" if notice.kind.resolves else ""
        yield f"value{now} {quantity(transition.value, unit)}"
    if transition.threshold is not None:
        yield f"threshold {quantity(transition.threshold, unit)}"


def _provisos(notice: Notice) -> Iterator[str]:
    """Yield what must be known to take the news rightly."""
    transition = notice.transition
    if notice.kind.resolves:
        return
    if notice.kind is Kind.ESCALATED:
        yield "It was told before as less severe."
    if notice.kind is Kind.REPEATED:
        yield "It was told before and has not ended since."
    if transition.already_so:
        yield "Already so when watching began."
    elif transition.seen_at is not None and transition.seen_at - transition.at > LATE:
        late = duration(transition.seen_at - transition.at)
        yield f"Seen late: this was logged {late} before it could be read."
    yield from _meanwhile(notice)


def _meanwhile(notice: Notice) -> Iterator[str]:
    """Yield how it stands now, where that is no breach any more."""
    value, current = notice.transition.value, notice.transition.current
    if value is None or current is None or number(current, 17) == number(value, 17):
        return
    now = (
        "this is no longer so" if notice.unit == _FLAG else f"now {quantity(current, notice.unit)}"
    )
    yield f"Meanwhile {now}: it resolves soon unless it comes back."


def _evidence(transition: Transition, caps: Caps) -> str:
    shown = ", ".join(
        f"{plain(key, caps.word).replace('_', ' ')} "
        f"{number(value, 6) if isinstance(value, float) else plain(str(value), caps.word)}"
        for key, value in list(transition.evidence.items())[: caps.facts]
    )
    return clip(shown, min(caps.sentence, 220))


def outlook(notice: Notice, caps: Caps) -> str:
    """Return how this ends, empty where it has."""
    if notice.kind is Kind.EVENT:
        return "This is told once; no resolved message follows."
    if notice.kind.resolves:
        return ""
    end = sentence(notice.resolves_when, min(caps.sentence, 150))
    end = end or "this no longer holds for some minutes"
    is_run = notice.transition.key.subject.kind == "run"
    return f"Resolves when {end}{', or when the run ends' if is_run else ''}; you will be told."
