"""Asking one device: what is due, what it refused and until when, what still holds from before."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import pynvml

from exporter.sources.nvml import values
from exporter.sources.nvml.codes import DEVICE_GONE, LIBRARY_GONE, UNREADABLE, UNSUPPORTED
from exporter.sources.nvml.fields import Field, Handle
from exporter.sources.nvml.notices import Notices
from exporter.sources.nvml.problems import source_down
from exporter.sources.nvml.values import Value

PERMISSION_RETRY_SECONDS = 600.0
_ALL_VALUES = "field_values"

Key = str | Value
"""A field by its name, or a field value."""


class DeviceGone(Exception):  # noqa: N818 - a state of the world, not a mistake
    """One device cannot be read now, for the reason that the return code `code` gives."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class Asker:
    """Makes the calls that are due for one device, and remembers which of them it refused.

    What is not supported is not asked again before `forget`, what is not permitted every ten
    minutes, and every other refusal holds for one collection. Raises DeviceGone when the device is
    lost, SourceDown when the whole library is gone.
    """

    def __init__(self, index: int, uuid: str, notices: Notices) -> None:
        self._index = index
        self._uuid = uuid
        self._notices = notices
        self._ask_again_at: dict[Key, float] = {}
        self._answered_at: dict[Key, float] = {}
        self._kept: dict[str, Any] = {}
        """Parts whose answers hold longer than to the next collection."""
        self._answers = 0
        self._refusal = 0

    def begin(self) -> None:
        """Start a collection."""
        self._answers = self._refusal = 0

    def end(self) -> None:
        """End a collection; raises DeviceGone if every call was refused."""
        if self._refusal and not self._answers:
            self._notices.forget_refusals(self._uuid)
            raise DeviceGone(self._refusal)
        self._notices.tell_refusals(self._index, self._uuid)

    def forget(self) -> None:
        """Ask everything again: the device is not what it was."""
        self._ask_again_at.clear()
        self._answered_at.clear()
        self._kept.clear()

    def fields(self, handle: Handle, fields: Iterable[Field], now: float) -> dict[str, Any]:
        """Return the parts that these calls make, asked now or still valid."""
        parts: dict[str, Any] = {}
        for field in fields:
            if self._holds(field.name, field.every, now):
                parts |= {name: self._kept[name] for name in field.parts if name in self._kept}
            else:
                parts |= self._ask(field, handle, now)
        return parts

    def values(self, handle: Handle, wanted: Iterable[Value], now: float) -> dict[str, Any]:
        """Return the parts that these field values make, asked now or still valid."""
        parts: dict[str, Any] = {}
        due: list[Value] = []
        for value in wanted:
            if self._holds(value, value.every, now):
                parts[value.part] = self._kept[value.part]
            elif self._may_ask(value, now):
                due.append(value)
        if due and self._may_ask(_ALL_VALUES, now):
            parts |= self._ask_values(handle, due, now)
        return parts

    def _may_ask(self, key: Key, now: float) -> bool:
        return now >= self._ask_again_at.get(key, -math.inf)

    def _holds(self, key: Key, every: float, now: float) -> bool:
        answered_at = self._answered_at.get(key) if every else None
        # A clock that was set back must not keep an answer alive.
        return answered_at is not None and answered_at <= now < answered_at + every

    def _ask(self, field: Field, handle: Handle, now: float) -> dict[str, Any]:
        if not self._may_ask(field.name, now):
            return {}
        for name in field.parts:
            self._kept.pop(name, None)
        parts = self._call(field.name, lambda: _read(field, handle), now)
        return {} if parts is None else self._accept(field.name, field.every, parts, now)

    def _ask_values(self, handle: Handle, due: list[Value], now: float) -> dict[str, Any]:
        ids = [(value.id, value.scope) for value in due]
        answers = self._call(_ALL_VALUES, lambda: pynvml.nvmlDeviceGetFieldValues(handle, ids), now)
        parts: dict[str, Any] = {}
        refused: list[tuple[Value, int]] = []
        for value, answer in zip(due, answers or (), strict=False):
            if answer.nvmlReturn == pynvml.NVML_ERROR_INVALID_ARGUMENT:
                # An id or a scope that is newer than the driver.
                refused.append((value, pynvml.NVML_ERROR_NOT_SUPPORTED))
            elif answer.nvmlReturn != pynvml.NVML_SUCCESS:
                refused.append((value, answer.nvmlReturn))
            elif (part := values.convert(value, answer)) is None:
                refused.append((value, pynvml.NVML_ERROR_NOT_SUPPORTED))
            else:
                parts |= self._accept(value, value.every, {value.part: part}, now)
        for value, code in refused:
            # A part that another id gives is not missing.
            name = "" if value.part in parts else value.part
            self._refuse(value, name, code, now)
        return parts

    def _call(self, name: str, read: Callable[[], Any], now: float) -> Any | None:  # noqa: ANN401 - any answer
        try:
            return read()
        except pynvml.NVMLError as error:
            self._refuse(name, name, error.value, now)
        except UnicodeDecodeError:
            self._refuse(name, name, UNREADABLE, now)
        return None

    def _accept(self, key: Key, every: float, parts: dict[str, Any], now: float) -> dict[str, Any]:
        self._answers += 1
        if every:
            self._answered_at[key] = now
            self._kept |= parts
        return parts

    def _refuse(self, key: Key, name: str, code: int, now: float) -> None:
        if code in DEVICE_GONE or code in LIBRARY_GONE:
            raise gone(code)
        if name:
            self._notices.refused(self._uuid, name, code)
        if code in UNSUPPORTED:
            self._ask_again_at[key] = math.inf
            return
        self._refusal = code
        if code == pynvml.NVML_ERROR_NO_PERMISSION:
            self._ask_again_at[key] = now + PERMISSION_RETRY_SECONDS


def _read(field: Field, handle: Handle) -> dict[str, Any] | None:
    """Return the known parts of an answer; None where there is no answer yet."""
    answer = field.read(handle)
    if answer is None:
        return None
    converted = {name: convert(answer) for name, convert in field.parts.items()}
    return {name: part for name, part in converted.items() if part is not None}


def gone(code: int) -> Exception:
    """Return the exception for a return code that concerns a whole device or library."""
    return source_down(code) if code in LIBRARY_GONE else DeviceGone(code)
