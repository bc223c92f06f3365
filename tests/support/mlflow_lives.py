"""What may happen to runs, as hypothesis draws it, and the check that all was told once."""

from __future__ import annotations

import posixpath
from collections.abc import Sequence
from uuid import uuid4

from hypothesis import strategies as st

from tests.support.mlflow_faults import FaultyServer
from tests.support.mlflow_store import Store
from tests.support.mlflow_turmoil import Event, Shape, Turmoil

NAN, INF = float("nan"), float("inf")
HOUR = 3_600


def _valid(key: str) -> bool:
    """Tell whether MLflow takes this as a metric's name, and keeps it for a trainer's."""
    normal = posixpath.normpath(key)
    return normal == key and not normal.startswith((".", "/", "system/"))


LETTERS = st.characters(categories=("L", "Nd"), include_characters="_-. :/")
ODD_NAMES = ("a b", "a:b", "日本", "loss/train", "é" * 100, "ß.ü-1", "loss\n", "- -")
NAMES = st.one_of(
    st.sampled_from(ODD_NAMES), st.text(LETTERS, min_size=1, max_size=20).filter(_valid)
)
VALUES = st.one_of(st.sampled_from([NAN, INF, -INF, 0.0]), st.floats(allow_nan=False))
SHAPES = st.builds(
    lambda stride, names, values: Shape(stride, ("loss", *names), values),
    st.sampled_from([0, 1, 10, 500]),
    st.lists(NAMES, min_size=1, max_size=2, unique=True),
    st.lists(VALUES, min_size=1, max_size=5),
)

_AMOUNTS: dict[str, st.SearchStrategy[int]] = {
    "log": st.integers(1, 12),
    "poll": st.sampled_from([15, 15, 90, 600]),
    "together": st.integers(1, 3),
    "again": st.integers(1, 3),
    "late": st.integers(1, 8),
    "rewind": st.integers(1, 40),
    "skew": st.sampled_from([-12 * HOUR, -HOUR, -1, 0, 60, HOUR, 48 * HOUR]),
    "end": st.integers(0, 2),
    "rename": st.integers(1, 9),
    "model": st.integers(0, 50),
    "system": st.integers(0, 50),
    "outage": st.integers(0, 5),
    **dict.fromkeys(("resume", "delete", "restore", "move", "restart"), st.just(1)),
}
_USUAL = ("log", "poll")
"""Come as often as all others together."""


def _event(kind: str) -> st.SearchStrategy[Event]:
    return st.builds(Event, st.just(kind), st.integers(0, 1), _AMOUNTS[kind])


EVENTS = st.lists(
    st.one_of(
        st.sampled_from(_USUAL).flatmap(_event), st.sampled_from(sorted(_AMOUNTS)).flatmap(_event)
    ),
    min_size=4,
    max_size=16,
)


def check(store: Store, proxy: FaultyServer, shape: Shape, events: Sequence[Event]) -> None:
    """Let the events happen in an experiment of their own, and compare what was told in the end."""
    turmoil = Turmoil(store._replace(experiment=f"turmoil-{uuid4().hex}"), proxy, shape)
    # A run that is first seen when it is very long is sampled: begin to watch in time.
    turmoil.poll(15)
    for happens in events:
        turmoil.act(happens)
    turmoil.finish()
    for subject in turmoil.subjects:
        assert not turmoil.missing(subject), "lost"
        assert not turmoil.surplus(subject), "invented or repeated"
