"""Every logged point of a rule metric arrives exactly once, whatever happens between two polls."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.support.mlflow_store import Store
from tests.support.mlflow_stories import STORIES, Story


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.__name__)
def test_every_point_arrives_exactly_once(story: Callable[[Story], None], any_store: Store) -> None:
    told = Story(any_store)
    story(told)
    told.check()
