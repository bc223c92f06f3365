"""Faults that a test or a demonstration switches on while the stand-in library is in use."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field

from exporter.simulation.codes import NvmlFailure, Return

EVERY_SYMBOL = "*"
SECONDS_A_HANG_LASTS_AT_MOST = 3600.0


class Hang:
    """A call that does not return before `release`; `entered` is set once a caller is caught."""

    def __init__(self) -> None:
        self.entered = threading.Event()
        self._released = threading.Event()

    def release(self) -> None:
        """Let every caught caller go on, and catch nobody from now on."""
        self._released.set()

    def catch(self) -> None:
        """Block the calling thread until the hang is released."""
        self.entered.set()
        self._released.wait(SECONDS_A_HANG_LASTS_AT_MOST)


@dataclass(frozen=True, slots=True)
class Fault:
    """What befalls a call: it waits `latency` seconds, hangs, and then fails with `code`."""

    code: Return = Return.SUCCESS
    latency: float = 0.0
    hang: Hang | None = None

    def befall(self) -> None:
        """Hold the calling thread up as told; raises NvmlFailure where the call is to fail."""
        if self.latency > 0:
            time.sleep(self.latency)
        if self.hang is not None:
            self.hang.catch()
        if self.code is not Return.SUCCESS:
            raise NvmlFailure(self.code)


@dataclass(slots=True)
class Faults:
    """The faults in force, each for one C symbol or all, and for one device index or all."""

    _in_force: dict[tuple[str, int | None], Fault] = field(default_factory=dict)

    def set(self, fault: Fault, symbol: str = EVERY_SYMBOL, device: int | None = None) -> None:
        """Put `fault` in force; it takes the place of an earlier one for the same target."""
        self._in_force[symbol, device] = fault

    def fail(self, code: Return, symbol: str = EVERY_SYMBOL, device: int | None = None) -> None:
        """Make calls answer `code`."""
        self.set(Fault(code=code), symbol, device)

    def delay(self, seconds: float, symbol: str = EVERY_SYMBOL, device: int | None = None) -> None:
        """Make calls take `seconds` longer."""
        self.set(Fault(latency=seconds), symbol, device)

    def hang(self, symbol: str = EVERY_SYMBOL, device: int | None = None) -> Hang:
        """Make calls never return, until the returned hang is released."""
        hang = Hang()
        self.set(Fault(hang=hang), symbol, device)
        return hang

    def clear(self, symbol: str = EVERY_SYMBOL, device: int | None = None) -> None:
        """Take one fault back; a fault that is not in force is no error."""
        self._in_force.pop((symbol, device), None)

    def befall(self, symbol: str, device: int | None) -> None:
        """Apply every fault that covers this call; raises NvmlFailure where it is to fail."""
        if not self._in_force:
            return
        targets = [(s, d) for s in (EVERY_SYMBOL, symbol) for d in (None, device)]
        for target in dict.fromkeys(targets):
            if (fault := self._in_force.get(target)) is not None:
                fault.befall()
