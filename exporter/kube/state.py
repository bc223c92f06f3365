"""The alert state in a ConfigMap: the holder of the run role claims it, and so shuts out others."""

from __future__ import annotations

import base64
import binascii
import contextlib
import gzip
import logging
import secrets
import time
import zlib
from collections.abc import Callable, Iterator

from alerts.store import Document, StoreError, StoreFenced, UnreadableError, decode, encode
from exporter.kube.errors import Conflict, KubeError, NotFound, TooLarge
from exporter.kube.objects import CONFIG_MAPS, Manifest, Objects, edited, version_of

log = logging.getLogger("tunewatch.store")

KEY = "state.json.gz"
ASIDE = "aside-"
HOLDER = "tunewatch/holder"
"""Annotation: the process that wrote last."""
WRITE = "tunewatch/write"
"""Annotation: the claim and the version that this write followed, so that it is known again."""
CLAIM_ATTEMPTS = 5
LEVEL = 6
"""Of gzip: the highest takes twice as long for a hundredth of the bytes."""
UNPACKED_LIMIT = 64 * 1024 * 1024
"""Bytes; a hundred times what a state may take, and little enough to hold once."""


class ConfigMapStore:
    """One gzipped document in one ConfigMap; a `StateStore`.

    `load` writes its own name into the ConfigMap, so that whoever held it before and still has a
    write under way finds it changed: its `save` raises StoreFenced from then on, until it loads
    again. `clock` (Unix seconds) names what is set aside.
    """

    def __init__(
        self,
        objects: Objects,
        name: str,
        identity: str,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.name = name
        self.size = 0
        self._objects = objects
        self._identity = identity
        self._clock = clock
        self._claim_id = ""
        self._claimed: Manifest | None = None
        """The ConfigMap as last written here, without the document."""

    def __str__(self) -> str:
        """Name it as kubectl does."""
        return f"configmap {self._objects.namespace or '?'}/{self.name}"

    def load(self) -> Document | None:
        """Claim the ConfigMap and return its document; one that cannot be used is set aside."""
        self.size = 0
        self._claimed = None
        self._claim_id = secrets.token_hex(8)
        with self._as_store_error("read"):
            for _ in range(CLAIM_ATTEMPTS):
                # Another holder's last write may come between reading and claiming.
                with contextlib.suppress(Conflict):
                    return self._claim()
        raise StoreError(f"the {self} changes again and again: see who else writes it")

    def save(self, document: Document) -> None:
        """Replace the document, unless another process has claimed it since it was loaded."""
        content = gzip.compress(encode(document), LEVEL, mtime=0)
        with self._as_store_error("write"):
            try:
                self._write(content)
            except Conflict:
                self._adopt(self._objects.get(CONFIG_MAPS, self.name))
                self._write(content)
        self.size = len(content)

    def set_aside(self, reason: str) -> None:
        """Keep the document under another key, and say so in the log."""
        with self._as_store_error("set aside what is in"):
            stored = self._objects.get(CONFIG_MAPS, self.name)
            if version_of(stored) != version_of(self._mine()):
                self._adopt(stored)
            self._put_aside(stored, "corrupt", reason)

    def _claim(self) -> Document | None:
        try:
            stored = self._objects.get(CONFIG_MAPS, self.name)
        except NotFound:
            self._create({})
            return None
        content = _content(stored)
        if content is None:
            self._replace(stored, _others(stored))
            return None
        try:
            document = decode(_unpacked(content))
        except UnreadableError as error:
            self._put_aside(stored, error.label, str(error))
            return None
        self._replace(stored, stored["binaryData"])
        self.size = len(base64.b64decode(content))
        return document

    def _write(self, content: bytes) -> None:
        before = self._mine()
        data = {**_others(before), KEY: base64.b64encode(content).decode()}
        try:
            self._replace(before, data)
        except NotFound:
            # Deleted by hand, which takes nothing from us: we know it all.
            self._create(data, follows=version_of(before))

    def _mine(self) -> Manifest:
        if self._claimed is None:
            raise StoreFenced(f"the {self} is not claimed by this process: it has to be loaded")
        return self._claimed

    def _adopt(self, stored: Manifest) -> None:
        """Go on from what is stored if it is our own write, whose answer never came.

        Raises StoreFenced if it is another's.
        """
        before = self._mine()
        written = stored["metadata"].get("annotations") or {}
        if written.get(WRITE) != self._annotations(version_of(before))[WRITE]:
            self._claimed = None
            raise StoreFenced(f"the {self} was taken over by {written.get(HOLDER) or 'another'}")
        self._claimed = _shell(stored)

    def _create(self, data: dict[str, str], follows: str = "") -> None:
        metadata = {"name": self.name, "namespace": self._objects.namespace}
        manifest = {
            "apiVersion": CONFIG_MAPS.api_version,
            "kind": CONFIG_MAPS.name,
            "metadata": metadata | {"annotations": self._annotations(follows)},
            "binaryData": data,
        }
        self._claimed = _shell(self._objects.create(CONFIG_MAPS, manifest))

    def _replace(self, before: Manifest, data: dict[str, str]) -> None:
        manifest = edited(before, binaryData=data)
        others = before["metadata"].get("annotations") or {}
        manifest["metadata"]["annotations"] = others | self._annotations(version_of(before))
        self._claimed = _shell(self._objects.replace(CONFIG_MAPS, manifest))

    def _annotations(self, follows: str) -> dict[str, str]:
        return {HOLDER: self._identity, WRITE: f"{self._claim_id}-{follows}"}

    def _put_aside(self, stored: Manifest, label: str, reason: str) -> None:
        """Move the document to a key of its own, in the place of one set aside earlier."""
        stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(self._clock()))
        key = f"{ASIDE}{label}-{stamp}.json.gz"
        content = _content(stored)
        self._replace(stored, {} if content is None else {key: content})
        log.error(
            "the state in the %s cannot be used (%s); it is kept there as %s and tunewatch starts "
            "afresh, so alerts that still hold are told again",
            self,
            reason,
            key,
        )

    @contextlib.contextmanager
    def _as_store_error(self, doing: str) -> Iterator[None]:
        try:
            yield
        except Conflict as error:
            self._claimed = None
            raise StoreFenced(f"the {self} was changed by another process") from error
        except TooLarge as error:
            raise StoreError(
                f"the state is too large for the {self} ({error.problem}): watch fewer experiments "
                "(mlflow.experiments), or mend the channels whose messages wait"
            ) from error
        except KubeError as error:
            raise StoreError(f"cannot {doing} the {self}: {error}") from error


def _content(manifest: Manifest) -> str | None:
    """Return the document as it is stored: gzip in base64."""
    data = manifest.get("binaryData") or {}
    return data.get(KEY)


def _others(manifest: Manifest) -> dict[str, str]:
    return {k: v for k, v in (manifest.get("binaryData") or {}).items() if k != KEY}


def _shell(manifest: Manifest) -> Manifest:
    """Return the object without the document, which would only take memory."""
    return {**manifest, "binaryData": _others(manifest)}


def _unpacked(content: str) -> bytes:
    unpacker = zlib.decompressobj(wbits=31)
    try:
        plain = unpacker.decompress(base64.b64decode(content, validate=True), UNPACKED_LIMIT)
    except (binascii.Error, zlib.error) as error:
        raise UnreadableError("corrupt", f"not gzip: {error}") from error
    if not unpacker.eof:
        raise UnreadableError("corrupt", "cut off, or larger than any state")
    return plain
