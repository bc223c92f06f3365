"""GPU, pod and run joined: a table of cases, and what must hold for all of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.model import RunStatus
from exporter.attribution import Place, join
from exporter.snapshot import PodUse, Run

A, B, C = "GPU-aaaa1111", "GPU-aaaa2222", "GPU-cccc3333"
MIG = "MIG-dddd4444"
PLACES = (
    Place("node-1", A, 0),
    Place("node-1", B, 1),
    Place("node-1", MIG, parent=B),
    Place("node-2", C, 0),
)
USES = (
    PodUse(A, "ml", "train-0", "trainer"),
    PodUse(B, "ml", "train-0", "trainer"),
    PodUse(C, "ml", "shared", "one"),
    PodUse(C, "lab", "train-0", "other"),
    PodUse(MIG, "ml", "slice", "trainer"),
    PodUse("GPU-elsewhere", "ml", "train-0", "trainer"),
)


def run(run_id: str, tags: Mapping[str, str], status: RunStatus = "RUNNING") -> Run:
    return Run(run_id, "", "", "", "", status, 0.0, None, (), tags=tags)


@pytest.mark.parametrize(
    ("tags", "gpus"),
    [
        ({}, ()),
        ({"k8s.namespace": "ml", "k8s.pod": "train-0"}, (A, B)),
        ({"k8s.namespace": "lab", "k8s.pod": "train-0"}, (C,)),
        ({"k8s.namespace": "ml", "k8s.pod": "gone"}, ()),
        ({"k8s.pod": "train-0"}, ()),
        ({"k8s.namespace": "ml"}, ()),
        ({"tunewatch.gpus": "0,1", "tunewatch.node": "node-1"}, (A, B)),
        ({"tunewatch.gpus": " 0 ", "k8s.node": "node-2"}, (C,)),
        ({"tunewatch.gpus": "0"}, ()),
        ({"tunewatch.gpus": C}, (C,)),
        ({"tunewatch.gpus": "GPU-cc"}, (C,)),
        ({"tunewatch.gpus": "GPU-aaaa"}, ()),
        ({"tunewatch.gpus": C, "tunewatch.node": "node-1"}, ()),
        ({"tunewatch.gpus": MIG}, (MIG,)),
        ({"tunewatch.gpus": "all, -1,,None", "tunewatch.node": "node-1"}, ()),
        (
            {
                "tunewatch.gpus": "0",
                "tunewatch.node": "node-2",
                "k8s.namespace": "ml",
                "k8s.pod": "train-0",
            },
            (A, B, C),
        ),
    ],
)
def test_a_run_is_where_its_tags_say(tags: Mapping[str, str], gpus: tuple[str, ...]) -> None:
    joined = join(PLACES, USES, [run("r", tags)])
    assert joined.gpus.get("r", ()) == gpus


def test_an_index_is_enough_where_there_is_one_machine() -> None:
    assert join(PLACES[:2], (), [run("r", {"tunewatch.gpus": "1"})]).gpus == {"r": (B,)}


@pytest.mark.parametrize("status", get_args(RunStatus))
def test_only_runs_that_are_not_over_have_gpus(status: RunStatus) -> None:
    joined = join(PLACES, USES, [run("r", {"tunewatch.gpus": C}, status)])
    assert bool(joined.gpus) is bool(joined.runs) is (status in ("RUNNING", "SCHEDULED"))


def test_runs_may_share_a_gpu_and_a_pod() -> None:
    tags = {"k8s.namespace": "ml", "k8s.pod": "train-0"}
    joined = join(PLACES, USES, [run("second", tags), run("first", tags)])
    assert joined.runs == {A: ("first", "second"), B: ("first", "second")}


def test_what_befalls_a_gpu_befalls_the_runs_in_its_instances() -> None:
    joined = join(PLACES, USES, [run("r", {"k8s.namespace": "ml", "k8s.pod": "slice"})])
    assert joined.gpus == {"r": (MIG,)}
    assert joined.runs == {MIG: ("r",), B: ("r",)}


def test_pods_are_told_by_gpu_as_far_as_it_is_known() -> None:
    joined = join(PLACES, USES, ())
    assert joined.pods[C] == (
        PodUse(C, "lab", "train-0", "other"),
        PodUse(C, "ml", "shared", "one"),
    )
    assert set(joined.pods) == {A, B, C, MIG}


small = st.sampled_from(["0", "1", "a", "b"])
uuids = st.sampled_from([A, B, C, MIG])
places = st.lists(
    st.builds(Place, small, uuids, st.none() | st.integers(0, 2)), unique_by=lambda p: p.uuid
)
uses = st.lists(st.builds(PodUse, uuids, small, small, small))
tags = st.fixed_dictionaries(
    {},
    optional={
        "k8s.namespace": small,
        "k8s.pod": small,
        "tunewatch.gpus": st.text(alphabet="01,GPU-ac") | uuids,
        "tunewatch.node": small,
    },
)
runs = st.lists(
    st.builds(
        Run,
        *(st.sampled_from("pqrs"), st.just(""), st.just(""), st.just(""), st.just("")),
        st.sampled_from(get_args(RunStatus)),
        *(st.just(0.0), st.none(), st.just(())),
        tags=tags,
    ),
    unique_by=lambda run: run.run_id,
)


@given(places, uses, runs, st.randoms())
def test_both_ways_say_the_same_in_any_order(
    places: list[Place], uses: list[PodUse], runs: list[Run], random: object
) -> None:
    joined = join(places, uses, runs)
    forward = {(run_id, uuid) for run_id, found in joined.gpus.items() for uuid in found}
    backward = {(run_id, uuid) for uuid, found in joined.runs.items() for run_id in found}
    assert forward == backward
    assert {uuid for _, uuid in forward} <= {place.uuid for place in places}
    live = {run.run_id for run in runs if run.status in ("RUNNING", "SCHEDULED")}
    assert {run_id for run_id, _ in forward} <= live
    for shuffled in (places, uses, runs):
        random.shuffle(shuffled)  # type: ignore[attr-defined] # hypothesis's own Random
    assert join(places, uses, runs) == joined


@given(places, uses, runs)
def test_who_has_nothing_is_not_mentioned(
    places: list[Place], uses: list[PodUse], runs: list[Run]
) -> None:
    joined = join(places, uses, runs)
    assert all(joined.gpus.values())
    assert all(joined.runs.values())
    assert all(joined.pods.values())
