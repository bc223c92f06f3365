"""One GPU: its handle, its facts, and which of the fields it does not give."""

from __future__ import annotations

import math
from typing import Any

import pynvml

from exporter.snapshot import Gpu
from exporter.sources.nvml.codes import DEVICE_GONE, LIBRARY_GONE, UNSUPPORTED
from exporter.sources.nvml.fields import FACTS, FIELDS, Field, assemble
from exporter.sources.nvml.notices import Notices
from exporter.sources.nvml.problems import source_down

PERMISSION_RETRY_SECONDS = 600.0


class DeviceGone(Exception):  # noqa: N818 - a state of the world, not a mistake
    """One device cannot be read now, for the reason that the return code `code` gives."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class Device:
    """A GPU that answered once in this session of the library; keeps its handle and facts.

    Raises DeviceGone when the device cannot be opened, SourceDown when the whole library is gone.
    """

    def __init__(self, index: int, notices: Notices, now: float) -> None:
        self.index = index
        self._notices = notices
        self._ask_again_at: dict[str, float] = {}
        self._refusal = 0
        try:
            self._handle = pynvml.nvmlDeviceGetHandleByIndex(index)
            self.uuid: str = pynvml.nvmlDeviceGetUUID(self._handle)
        except pynvml.NVMLError as error:
            raise _gone(error.value) from error
        self._facts = self._ask_all(FACTS, now)

    def read(self, now: float) -> Gpu:
        """Ask for every field that may be answered.

        Raises DeviceGone when the device is lost or answers nothing, SourceDown when the whole
        library is gone.
        """
        self._refusal = 0
        parts = self._ask_all(FIELDS, now)
        if not parts and self._refusal:
            raise DeviceGone(self._refusal)
        return assemble(self.index, self.uuid, {**self._facts, **parts})

    def _ask_all(self, fields: tuple[Field, ...], now: float) -> dict[str, Any]:
        parts: dict[str, Any] = {}
        for field in fields:
            if now >= self._ask_again_at.get(field.name, -math.inf):
                parts.update(self._ask(field, now))
        return parts

    def _ask(self, field: Field, now: float) -> dict[str, Any]:
        try:
            answer = field.read(self._handle)
        except pynvml.NVMLError as error:
            self._note_refusal(field, error.value, now)
            return {}
        except UnicodeDecodeError:
            # A damaged infoROM: pynvml decodes strings, and gives no code for those it cannot.
            self._note_refusal(field, pynvml.NVML_ERROR_CORRUPTED_INFOROM, now)
            return {}
        parts = {name: convert(answer) for name, convert in field.parts.items()}
        return {name: part for name, part in parts.items() if part is not None}

    def _note_refusal(self, field: Field, code: int, now: float) -> None:
        if code in DEVICE_GONE or code in LIBRARY_GONE:
            raise _gone(code)
        self._notices.refused(self.index, self.uuid, field.name, code)
        if code in UNSUPPORTED:
            self._ask_again_at[field.name] = math.inf
            return
        self._refusal = code
        if code == pynvml.NVML_ERROR_NO_PERMISSION:
            self._ask_again_at[field.name] = now + PERMISSION_RETRY_SECONDS


def _gone(code: int) -> Exception:
    return source_down(code) if code in LIBRARY_GONE else DeviceGone(code)
