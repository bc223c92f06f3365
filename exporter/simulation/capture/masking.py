"""Making a capture fit to be shown: what names one board or machine is replaced throughout."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from exporter.simulation.capture.document import Argument, Call, Memory, Text
from exporter.simulation.capture.layout import Row, Scalar

SHARED = frozenset(
    {
        "nvmlSystemGetDriverVersion",
        "nvmlSystemGetNVMLVersion",
        "nvmlDeviceGetName",
        "nvmlDeviceGetVbiosVersion",
        "nvmlDeviceGetPciInfo_v3",
    }
)
"""Calls whose texts many machines have in common; those of any other call are replaced."""

_UUID = re.compile(r"(GPU|MIG)-(?!GPU-)[0-9A-Za-z-]{36}")
_LETTER = re.compile(r"[0-9A-Za-z]")


class Mask:
    """Replaces the same text by the same other text, so that what belonged together still does.

    A uuid becomes one of the same form that counts up; of any other text only the length and what
    is no letter or digit stay, and the number at its end.
    """

    def __init__(self) -> None:
        self._masked: dict[str, str] = {}

    def calls(self, calls: Iterable[Call]) -> Iterator[Call]:
        """Yield the calls with everything replaced that is not shared by many machines."""
        for call in calls:
            arguments = tuple(self._argument(call.symbol, each) for each in call.arguments)
            yield call._replace(arguments=arguments)

    def text(self, text: str) -> str:
        """Return what stands for a text; the uuids in it are replaced one by one."""
        if _UUID.search(text):
            return _UUID.sub(lambda found: self._uuid(found[0]), text)
        return self._other(text)

    def _argument(self, symbol: str, argument: Argument) -> Argument:
        match argument:
            case Text(str(answer)) if symbol not in SHARED:
                return Text(self.text(answer))
            case Memory(_, _, given, answer) if symbol not in SHARED:
                rows = answer and tuple(self._row(row) for row in answer)
                return argument._replace(given=tuple(self._row(row) for row in given), answer=rows)
        return argument

    def _row(self, row: Row) -> Row:
        return tuple(self._scalar(value) for value in row)

    def _scalar(self, value: Scalar) -> Scalar:
        # Handles and numbers that JSON lacks are words too, and tell nothing of a machine.
        is_word = isinstance(value, str) and (value.startswith("handle ") or value in _NUMBERS)
        return self.text(value) if isinstance(value, str) and not is_word else value

    def _uuid(self, uuid: str) -> str:
        if uuid not in self._masked:
            number = len(self._masked) + 1
            self._masked[uuid] = f"{uuid[:3]}-00000000-0000-0000-0000-{number:012d}"
        return self._masked[uuid]

    def _other(self, text: str) -> str:
        if text and text not in self._masked:
            blank, number = _LETTER.sub("0", text), str(len(self._masked) + 1)
            room = max(0, len(text) - len(number))
            self._masked[text] = blank[:room] + number[-len(text) :]
        return self._masked.get(text, text)


_NUMBERS = frozenset({"nan", "inf", "-inf"})
