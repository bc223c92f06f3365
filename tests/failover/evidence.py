"""Who had the run role when, by the log of the API server, and what was told, stored and shown."""

from __future__ import annotations

import gzip
import math
from base64 import b64decode
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

from alerts.store import Document, decode
from exporter.kube.state import KEY
from tests.failover.processes import Cluster
from tests.support.cluster import Told
from tests.support.kube_api import KubeApi
from tests.support.storm import News


class Reign(NamedTuple):
    """From when to when the Lease names a pod, on the boot clock."""

    begun: float
    ended: float
    pod: str


def reigns(api: KubeApi) -> list[Reign]:
    """Read from the log of the API server who held the Lease when."""
    named: list[tuple[float, str]] = []
    for write in tuple(api.writes):
        if write.plural == "leases":
            holder = str(write.stored["spec"].get("holderIdentity") or "")
            if not named or named[-1][1] != holder:
                named.append((write.at, holder))
    ends = [*(at for at, _ in named[1:]), math.inf]
    return [
        Reign(at, end, holder.partition("_")[0])
        for (at, holder), end in zip(named, ends, strict=True)
        if holder
    ]


def reigned(reigns: Sequence[Reign], pod: str, begun: float, ended: float) -> bool:
    """Say whether a pod was the holder at some time between two."""
    return any(r.pod == pod and r.begun <= ended and begun <= r.ended for r in reigns)


def repeats(cluster: Cluster) -> list[tuple[News, Told, Told]]:
    """Return what was told again, with both messages."""
    first: dict[News, Told] = {}
    found = []
    for told in cluster.posts.told:
        for news in told.news:
            before = first.setdefault(news, told)
            if before is not told:
                found.append((news, before, told))
    return found


def last_document(api: KubeApi, at: float) -> Document:
    """Return the state as it was stored at a time."""
    found = [w.stored for w in api.writes if w.plural == "configmaps" and w.at < at]
    return decode(gzip.decompress(b64decode(found[-1]["binaryData"][KEY])))


def untold_of(document: Document, names: Mapping[str, str]) -> set[News]:
    """Return what a holder that starts from this state takes for untold."""
    found = set()
    for row in document["outbox"]["rows"]:
        kind, subject, node = row["subject"]
        about = names[subject] if kind == "run" else f"GPU 0 on {node}"
        if row["pending"]:
            found |= {News(row["rule"], about, row["episode"], w) for w in ("fired", "resolved")}
    return found


def gaps(cluster: Cluster) -> list[float]:
    """Return for how many seconds nobody showed runs, each time that another began to."""
    shown = sorted(
        (look for pod in cluster.pods for look in pod.looks if look.shows_runs),
        key=lambda look: look.ended,
    )
    return [b.ended - a.ended for a, b in pairwise(shown) if a.pod != b.pod]
