"""What the log was told of devices and fields, so that it is told once."""

from __future__ import annotations

import logging

from exporter.sources.nvml.codes import UNSUPPORTED, code_name

log = logging.getLogger("tunewatch.nvml")


class Notices:
    """Outlives the library's sessions; bounded by devices times fields."""

    def __init__(self) -> None:
        self._refusals: set[tuple[str, str, int]] = set()
        self._lost: set[int] = set()
        self._uuids: dict[int, str] = {}

    def refused(self, index: int, uuid: str, field: str, code: int) -> None:
        """Tell once per device and field why the field's series are absent."""
        if (uuid, field, code) in self._refusals:
            return
        self._refusals.add((uuid, field, code))
        level = logging.INFO if code in UNSUPPORTED else logging.WARNING
        reason = code_name(code)
        log.log(level, "GPU %d (%s) does not give %s: %s", index, uuid, field, reason)

    def gone(self, index: int, code: int) -> None:
        """Tell that a device stopped answering, once until it answers again."""
        if index not in self._lost:
            self._lost.add(index)
            log.warning(
                "GPU %d (%s) does not answer: %s; its series end until it does",
                index,
                self.uuid_of(index),
                code_name(code),
            )

    def answering(self, index: int, uuid: str) -> None:
        """Remember who answered, and tell where it had stopped doing so."""
        self._uuids[index] = uuid
        if index in self._lost:
            self._lost.discard(index)
            log.info("GPU %d (%s) answers again", index, uuid)

    def uuid_of(self, index: int) -> str:
        """Return the uuid last seen at `index`, or words for a GPU that never answered."""
        return self._uuids.get(index, f"unknown, index {index}")
