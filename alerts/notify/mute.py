"""Mutes: the owner of a run tells by a tag which alerts of it people are not to be told of."""

from __future__ import annotations

from alerts.model import RunFacts

MUTE_TAG = "tunewatch.mute"
ALL = "all"


def is_muted(rule: str, run: RunFacts | None) -> bool:
    """Whether the run's tag `tunewatch.mute` (rules between commas, or `all`) names the rule.

    What is muted is judged and shown all the same; it is only not told.
    """
    names = run.tags.get(MUTE_TAG, "") if run else ""
    muted = {name.strip().lower() for name in names.split(",")}
    return rule in muted or ALL in muted
