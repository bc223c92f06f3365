"""The alert state in a ConfigMap: one holder at a time can write it, and nothing of it is lost."""

from __future__ import annotations

import base64
import gzip
import itertools
import json
import logging
import math
import random

import kubernetes_validate  # type: ignore[import-untyped]  # ships no types
import pytest

from alerts.store import VERSION, StateStore, StoreError, StoreFenced
from exporter.kube.state import HOLDER, KEY, WRITE, ConfigMapStore
from tests.exporter.kube.conftest import Wire, Wired
from tests.support.kube_api import Fault, KubeApi
from tests.support.kube_objects import CONFIG_MAPS, Manifest
from tests.support.program import eventually

NAME = "tunewatch-state"


@pytest.fixture
def wire(wired: Wired) -> Wire:
    return wired("mine")


@pytest.fixture
def mine(wire: Wire) -> ConfigMapStore:
    return ConfigMapStore(wire, NAME, "mine")


@pytest.fixture
def theirs(wired: Wired) -> ConfigMapStore:
    return ConfigMapStore(wired("theirs"), NAME, "theirs")


def stored(api: KubeApi) -> Manifest:
    return api.storage.get(CONFIG_MAPS, "monitoring", NAME)


def put(api: KubeApi, **parts: object) -> None:
    """Replace parts of the ConfigMap behind everybody's back."""
    api.storage.update(CONFIG_MAPS, "monitoring", NAME, stored(api) | parts)


def packed(content: bytes) -> str:
    return base64.b64encode(gzip.compress(content)).decode()


def test_it_is_a_state_store(mine: ConfigMapStore) -> None:
    store: StateStore = mine

    assert store.load() is None
    assert store.size == 0


def test_a_document_survives(api: KubeApi, mine: ConfigMapStore, theirs: ConfigMapStore) -> None:
    mine.load()
    mine.save({"value": math.inf, "later": lambda: ["made when its turn comes"]})

    loaded = theirs.load()

    assert loaded == {"value": math.inf, "later": ["made when its turn comes"], "version": VERSION}
    content = base64.b64decode(stored(api)["binaryData"][KEY])
    assert mine.size == theirs.size == len(content)
    assert json.loads(gzip.decompress(content)) == loaded
    kubernetes_validate.validate(stored(api), "1.37", strict=True)


def test_the_same_document_is_stored_as_the_same_bytes(api: KubeApi, mine: ConfigMapStore) -> None:
    mine.load()
    mine.save({"a": 1})
    first = stored(api)["binaryData"]
    mine.save({"a": 1})

    assert stored(api)["binaryData"] == first


def test_who_loads_it_shuts_out_who_held_it_before(
    mine: ConfigMapStore, theirs: ConfigMapStore
) -> None:
    mine.load()
    mine.save({"by": "mine"})
    assert theirs.load() == {"by": "mine", "version": VERSION}

    for _ in range(2):
        with pytest.raises(StoreFenced, match="configmap monitoring/tunewatch-state"):
            mine.save({"by": "mine, too late"})

    theirs.save({"by": "theirs"})
    assert mine.load() == {"by": "theirs", "version": VERSION}
    mine.save({"by": "mine again"})
    with pytest.raises(StoreFenced, match="taken over by mine"):
        theirs.save({"by": "theirs"})


def test_a_store_of_an_earlier_term_of_the_same_process_is_shut_out_as_well(
    wire: Wire, mine: ConfigMapStore
) -> None:
    mine.load()
    later = ConfigMapStore(wire, NAME, "mine")
    later.load()

    with pytest.raises(StoreFenced):
        mine.save({"late": True})
    later.save({"late": False})


def test_nothing_is_written_before_it_was_loaded(mine: ConfigMapStore) -> None:
    with pytest.raises(StoreFenced, match="has to be loaded"):
        mine.save({})


def test_a_write_under_way_while_another_claims_is_not_lost(
    wired: Wired, mine: ConfigMapStore
) -> None:
    mine.load()
    wire = wired("theirs")
    theirs = ConfigMapStore(wire, NAME, "theirs")

    def save_between(method: str) -> None:
        if method == "get":
            wire.after = lambda _method: None
            mine.save({"transition": "in the last moment"})

    wire.after = save_between

    assert theirs.load() == {"transition": "in the last moment", "version": VERSION}
    with pytest.raises(StoreFenced):
        mine.save({})


@pytest.mark.parametrize("method", ["PUT", "POST"])
def test_an_own_write_whose_answer_is_lost_is_not_anothers(
    api: KubeApi, mine: ConfigMapStore, method: str
) -> None:
    mine.load()
    if method == "POST":
        api.storage.delete(CONFIG_MAPS, "monitoring", NAME)
    api.fail("mine", Fault("drop", methods=[method], times=1))
    with pytest.raises(StoreError, match="cannot write the configmap") as caught:
        mine.save({"number": 1})
    assert not isinstance(caught.value, StoreFenced)
    assert api.writes[-1].verb == ("update" if method == "PUT" else "create")

    mine.save({"number": 2})
    mine.save({"number": 3})

    assert mine.load() == {"number": 3, "version": VERSION}


def late_write(api: KubeApi, wire: Wire, store: ConfigMapStore) -> None:
    """Save something that is still on its way when we have long given up waiting for the answer."""
    api.fail("mine", Fault("late", methods=["PUT"], times=1))
    wire.patience = 0.2
    with pytest.raises(StoreError, match="did not answer"):
        store.save({"number": 1})
    wire.patience = None


def test_an_own_write_that_arrives_late_is_not_anothers(
    api: KubeApi, wire: Wire, mine: ConfigMapStore
) -> None:
    mine.load()
    late_write(api, wire, mine)
    written = len(api.writes)
    api.heal("mine")
    eventually(lambda: len(api.writes) > written)

    mine.save({"number": 2})
    mine.save({"number": 3})

    assert mine.load() == {"number": 3, "version": VERSION}


def test_a_write_that_arrives_late_does_not_undo_the_next(
    api: KubeApi, wire: Wire, mine: ConfigMapStore
) -> None:
    mine.load()
    late_write(api, wire, mine)
    mine.save({"number": 2})
    answered = len(api.requests)

    api.heal("mine")

    eventually(lambda: len(api.requests) > answered)
    assert api.requests[-1].status == 409
    mine.save({"number": 3})
    assert mine.load() == {"number": 3, "version": VERSION}


def test_an_answer_lost_before_another_claims_is_still_a_fence(
    api: KubeApi, mine: ConfigMapStore, theirs: ConfigMapStore
) -> None:
    mine.load()
    api.fail("mine", Fault("drop", methods=["PUT"], times=1))
    with pytest.raises(StoreError):
        mine.save({"number": 1})
    assert theirs.load() == {"number": 1, "version": VERSION}

    with pytest.raises(StoreFenced):
        mine.save({"number": 2})


def test_a_claim_that_fails_is_no_claim(api: KubeApi, mine: ConfigMapStore) -> None:
    mine.load()
    api.fail("mine", Fault("status", 503))
    with pytest.raises(StoreError, match="cannot read the configmap"):
        mine.load()
    api.heal("mine")

    with pytest.raises(StoreFenced, match="has to be loaded"):
        mine.save({})


def test_what_others_have_written_into_it_stays(api: KubeApi, mine: ConfigMapStore) -> None:
    mine.load()
    metadata = stored(api)["metadata"]
    metadata["labels"] = {"app": "tunewatch"}
    metadata["annotations"]["note"] = "ours"
    put(api, metadata=metadata, data={"README": "state of tunewatch"})

    mine.load()
    mine.save({"a": 1})

    now = stored(api)
    assert now["data"] == {"README": "state of tunewatch"}
    assert now["metadata"]["labels"] == {"app": "tunewatch"}
    assert now["metadata"]["annotations"]["note"] == "ours"
    assert now["metadata"]["annotations"][HOLDER] == "mine"
    assert now["metadata"]["annotations"][WRITE]


def test_a_config_map_deleted_by_hand_is_written_anew(api: KubeApi, mine: ConfigMapStore) -> None:
    mine.load()
    mine.save({"number": 1})
    api.storage.delete(CONFIG_MAPS, "monitoring", NAME)

    mine.save({"number": 2})

    assert mine.load() == {"number": 2, "version": VERSION}


@pytest.mark.parametrize(
    ("content", "label", "reason"),
    [
        (packed(b"{"), "corrupt", "not valid JSON"),
        (packed(b"[]"), "corrupt", "names no version"),
        (packed(b'{"version": 99}'), "version-99", "newer tunewatch"),
        (base64.b64encode(b"plain").decode(), "corrupt", "not gzip"),
        (packed(b"{}" * 1000)[:40], "corrupt", "cut off"),
        (packed(b" " * (65 * 1024 * 1024)), "corrupt", "larger than any state"),
    ],
    ids=["json", "shape", "newer", "gzip", "short", "bomb"],
)
def test_a_document_that_cannot_be_used_is_kept_aside(
    api: KubeApi,
    mine: ConfigMapStore,
    content: str,
    label: str,
    reason: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    mine.load()
    put(api, binaryData={KEY: content})

    assert mine.load() is None

    (key,) = stored(api)["binaryData"]
    assert key.startswith(f"aside-{label}-")
    assert stored(api)["binaryData"][key] == content
    assert reason in caplog.text
    assert key in caplog.text
    mine.save({"fresh": True})
    assert mine.load() == {"fresh": True, "version": VERSION}
    assert key in stored(api)["binaryData"]


def test_only_what_was_set_aside_last_is_kept(api: KubeApi, wire: Wire) -> None:
    seconds = iter([0.0, 60.0])
    store = ConfigMapStore(wire, NAME, "mine", clock=lambda: next(seconds))
    for number in (1, 2):
        store.load()
        store.save({"number": number})
        store.set_aside("the engine cannot use it")

    assert list(stored(api)["binaryData"]) == ["aside-corrupt-19700101T000100Z.json.gz"]


def test_who_was_shut_out_sets_nothing_aside(
    api: KubeApi, mine: ConfigMapStore, theirs: ConfigMapStore
) -> None:
    mine.load()
    mine.save({"a": 1})
    theirs.load()

    with pytest.raises(StoreFenced):
        mine.set_aside("no reason")
    assert list(stored(api)["binaryData"]) == [KEY]


def test_a_state_that_is_too_large_names_the_remedy(
    mine: ConfigMapStore, theirs: ConfigMapStore
) -> None:
    mine.load()
    mine.save({"small": True})
    noise = base64.b64encode(random.Random(1).randbytes(1_100_000)).decode()  # noqa: S311 - not for secrets

    with pytest.raises(StoreError, match=r"mlflow\.experiments") as caught:
        mine.save({"large": noise})

    assert not isinstance(caught.value, StoreFenced)
    mine.save({"small": "again"})
    assert theirs.load() == {"small": "again", "version": VERSION}


@pytest.mark.parametrize("status", [429, 500, 503, 504])
def test_an_api_server_in_trouble_is_no_fence(
    api: KubeApi, mine: ConfigMapStore, status: int
) -> None:
    mine.load()
    api.fail("mine", Fault("status", status))
    with pytest.raises(StoreError) as caught:
        mine.save({"number": 1})
    assert not isinstance(caught.value, StoreFenced)

    api.heal("mine")
    mine.save({"number": 2})
    assert mine.load() == {"number": 2, "version": VERSION}


def test_a_config_map_that_others_keep_changing_is_not_claimed(
    api: KubeApi, wire: Wire, mine: ConfigMapStore
) -> None:
    mine.load()
    count = itertools.count()

    def change(method: str) -> None:
        if method == "get":
            put(api, data={"number": str(next(count))})

    wire.after = change

    with pytest.raises(StoreError, match="changes again and again"):
        mine.load()


def test_secrets_are_not_logged(mine: ConfigMapStore, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    mine.load()
    mine.save({"user": "controlled by a run"})

    assert "token-of" not in caplog.text
    assert "controlled by a run" not in caplog.text
