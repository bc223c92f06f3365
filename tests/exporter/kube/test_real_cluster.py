"""The elector and the store against a real kube-apiserver, where there is one."""

from __future__ import annotations

import json
import random
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from alerts.store import StoreError, StoreFenced
from exporter.kube import Kube, Settings, connect
from tests.support.kube_apiserver import ADMIN, RealApi, missing, serving_real_api

pytestmark = [
    pytest.mark.skipif(bool(missing()), reason=f"hardware: {missing()} not on PATH"),
    pytest.mark.timeout(600),
]
LEASE_SECONDS = 2.0


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealApi]:
    with serving_real_api(tmp_path_factory.mktemp("cluster")) as served:
        yield served


def joined(real: RealApi, folder: Path, name: str) -> Kube:
    environ = {"KUBECONFIG": str(real.kubeconfig(folder, "default")), "POD_NAME": name}
    return connect(Settings(lease_duration=LEASE_SECONDS), environ)


def read(real: RealApi, path: str) -> dict[str, Any]:
    request = urllib.request.Request(real.url + path, headers={"Authorization": f"Bearer {ADMIN}"})
    with urllib.request.urlopen(request, timeout=60, context=real.tls) as answer:
        return dict(json.loads(answer.read()))


def test_the_lease_passes_from_one_to_the_other(real: RealApi, tmp_path: Path) -> None:
    a, b = (joined(real, tmp_path, name).elector() for name in ("a", "b"))
    path = "/apis/coordination.k8s.io/v1/namespaces/default/leases/tunewatch"

    a.tick(time.time())
    b.tick(time.time())
    a.tick(time.time())
    assert (a.problem, b.problem) == ("", "")
    first = read(real, path)["spec"]
    assert first["holderIdentity"] == a.identity
    assert first["leaseTransitions"] == 0

    a.release(time.time())
    assert read(real, path)["spec"].get("holderIdentity", "") == ""
    b.tick(time.time())
    assert b.acquisitions == 1
    second = read(real, path)["spec"]
    assert (second["holderIdentity"], second["leaseTransitions"]) == (b.identity, 1)


def test_who_claims_the_state_shuts_out_who_had_it(real: RealApi, tmp_path: Path) -> None:
    mine, theirs = (joined(real, tmp_path, name).store() for name in ("a", "b"))

    assert mine.load() is None
    mine.save({"number": 1})
    loaded = theirs.load()
    assert loaded is not None
    assert loaded["number"] == 1
    with pytest.raises(StoreFenced):
        mine.save({"number": 2})
    theirs.save({"number": 3})
    theirs.set_aside("a test")
    assert theirs.load() is None


def test_a_state_that_is_too_large_is_said_to_be_so(real: RealApi, tmp_path: Path) -> None:
    store = joined(real, tmp_path, "a").store()
    store.load()
    # Above what a ConfigMap holds, and above what a request may carry.
    for size in (1_200_000, 4_000_000):
        noise = random.Random(size).randbytes(size)  # noqa: S311 - not for secrets
        with pytest.raises(StoreError, match=r"too large.*mlflow\.experiments"):
            store.save({"large": noise.hex()})
    store.save({"small": True})
