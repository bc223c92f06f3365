"""What the log was told of devices and fields, so that it is told once."""

from __future__ import annotations

import logging
import re

from exporter.sources.nvml.codes import UNSUPPORTED, code_name
from exporter.sources.nvml.problems import device_remedy, field_remedy

log = logging.getLogger("tunewatch.nvml")

_NUMBER = re.compile(r"\.\d+\b")


class Notices:
    """Outlives the library's sessions; bounded by the devices that there are times fields."""

    def __init__(self) -> None:
        self._refusals: set[tuple[str, str, int]] = set()
        self._untold: dict[tuple[str, int], list[str]] = {}
        self._lost: set[int] = set()
        self._answered: dict[int, tuple[str, float]] = {}
        """Who answered last at each index, and when (Unix seconds)."""
        self._missing = 0
        self._deaf = False

    def refused(self, uuid: str, field: str, code: int) -> None:
        """Note that a field's series are absent; all links of a GPU are one field."""
        refusal = uuid, _NUMBER.sub("", field), code
        if refusal not in self._refusals:
            self._refusals.add(refusal)
            self._untold.setdefault((uuid, code), []).append(refusal[1])

    def tell_refusals(self, index: int, uuid: str) -> None:
        """Tell once per device and field, in one line for each reason."""
        for of, code in [key for key in self._untold if key[0] == uuid]:
            fields = ", ".join(self._untold.pop((of, code)))
            told = index, uuid, fields, code_name(code)
            if code in UNSUPPORTED:
                log.info("GPU %d (%s) does not give %s: %s", *told)
            else:
                line = "GPU %d (%s) does not give %s: %s; %s"
                log.warning(line, *told, field_remedy(code))

    def forget_refusals(self, uuid: str) -> None:
        """Drop what is not yet told of a device that answers nothing at all."""
        for of, code in [key for key in self._untold if key[0] == uuid]:
            for field in self._untold.pop((of, code)):
                self._refusals.discard((of, field, code))

    def forget(self, uuid: str) -> None:
        """Forget what was told of an instance that is no more."""
        self.forget_refusals(uuid)
        self._refusals = {refusal for refusal in self._refusals if refusal[0] != uuid}

    def counted(self, before: int, now: int) -> None:
        """Tell that the driver shows more or fewer GPUs than before."""
        gpus = f"{now} GPU{'' if now == 1 else 's'}"
        if now > before:
            log.info("the driver shows %s, it showed %d", gpus, before)
            return
        log.warning(
            "the driver shows %s, it showed %d: if nobody took one out, see the Xid lines of the"
            " kernel log, and reboot the host",
            gpus,
            before,
        )

    def expected(self, expected: int | None, seen: int) -> None:
        """Tell that the driver shows fewer GPUs than the machine has, once for each number."""
        missing = max(0, (expected or 0) - seen)
        if missing > self._missing:
            log.warning(
                "the driver shows %d of the %d GPUs that are on the PCI bus: see the lines with"
                " NVRM and Xid in the kernel log, and reboot the host",
                seen,
                expected,
            )
        elif self._missing and not missing:
            log.info("the driver shows all GPUs that are on the PCI bus")
        self._missing = missing

    def deaf(self, *, now: bool) -> None:
        """Tell that Xid errors may go unseen, once until they do no longer."""
        if now and not self._deaf:
            log.warning(
                "a wait for Xid errors does not return; their counts are absent until it does; the"
                " kernel log of the host has them"
            )
        self._deaf = now

    def gone(self, index: int, code: int) -> None:
        """Tell that a device stopped answering, once until it answers again."""
        if index not in self._lost:
            self._lost.add(index)
            log.warning(
                "GPU %d (%s) does not answer: %s; its series end until it does; %s",
                index,
                self.uuid_of(index),
                code_name(code),
                device_remedy(index, code),
            )

    def answering(self, index: int, uuid: str, now: float) -> None:
        """Remember who answered and when, and tell where it had stopped doing so."""
        if self.uuid_of(index) != uuid:
            # After the driver has counted anew, nobody is where somebody else is now.
            others = {i: who for i, who in self._answered.items() if who[0] != uuid}
            self._answered = others
        self._answered[index] = uuid, now
        if index in self._lost:
            self._lost.discard(index)
            log.info("GPU %d (%s) answers again", index, uuid)

    def uuid_of(self, index: int) -> str:
        """Return the uuid last seen at `index`, or words for a GPU that never answered."""
        return self._answered[index][0] if index in self._answered else f"unknown, index {index}"

    def answered_at(self, index: int) -> float | None:
        """Return when (Unix seconds) the GPU at `index` answered last; None is never."""
        return self._answered[index][1] if index in self._answered else None
