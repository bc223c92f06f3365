"""A library of C callbacks that answers as NVML does, with attributes named as its symbols."""

from __future__ import annotations

from collections.abc import Callable
from ctypes import CFUNCTYPE, c_int, c_uint, c_void_p
from typing import Any

from exporter.simulation.codes import NvmlFailure, Return
from exporter.simulation.faults import Faults
from exporter.simulation.functions import (
    DEVICE_FUNCTIONS,
    DeviceFunction,
    Out,
    write_number,
    write_text,
)
from exporter.simulation.hardware import SimulatedGpus

DRIVER_VERSION = "580.95.05"
NVML_VERSION = "13.580.95.05"
CUDA_VERSION = 13000
SESSION_BITS = 16


class SimulatedLibrary:
    """Takes the place of the loaded `libnvidia-ml.so.1`: `pynvml.nvmlLib = library`.

    Every symbol is a function pointer made by ctypes, so that what crosses it crosses a C ABI. An
    unknown or hidden symbol raises AttributeError, as a driver that is too old does. Handles die
    with the session (from init to the last shutdown) that gave them out.
    """

    def __init__(self, gpus: SimulatedGpus) -> None:
        self.gpus = gpus
        self.faults = Faults()
        self.on_symbols_changed: Callable[[], None] = lambda: None
        self.users = 0
        """Inits that are not yet shut down."""
        self.sessions = 0
        """Times that the library went from closed to open."""
        self._hidden: set[str] = set()
        # The pointers must live as long as anyone may call them: ctypes keeps no reference.
        self._pointers = {
            **{name: self._device_pointer(name, f) for name, f in DEVICE_FUNCTIONS.items()},
            **self._library_pointers(),
        }

    def __getattr__(self, symbol: str) -> Any:  # noqa: ANN401 - ctypes function pointers
        """Return the function pointer of a C symbol."""
        if symbol.startswith("_") or symbol in self._hidden or symbol not in self._pointers:
            raise AttributeError(symbol)
        return self._pointers[symbol]

    def hide(self, symbol: str) -> None:
        """Make `symbol` missing, as in a driver that is older or newer than the caller."""
        self._hidden.add(symbol)
        self.on_symbols_changed()

    def show(self, symbol: str) -> None:
        """Bring a hidden symbol back."""
        self._hidden.discard(symbol)
        self.on_symbols_changed()

    def _library_pointers(self) -> dict[str, Any]:
        text, number = (Out, c_uint), (Out,)
        functions: dict[str, tuple[tuple[type[Any], ...], Callable[..., None]]] = {
            "nvmlInit_v2": ((), self._init),
            "nvmlInitWithFlags": ((c_uint,), self._init),
            "nvmlShutdown": ((), self._shutdown),
            "nvmlSystemGetDriverVersion": (text, self._driver_version),
            "nvmlSystemGetNVMLVersion": (text, self._nvml_version),
            "nvmlSystemGetCudaDriverVersion": (number, self._cuda_version),
            "nvmlDeviceGetCount_v2": (number, self._count),
        }
        pointers = {name: self._pointer(name, *function) for name, function in functions.items()}
        by_index = "nvmlDeviceGetHandleByIndex_v2"
        pointers[by_index] = self._pointer(
            by_index, (c_uint, Out), self._handle, device_of=lambda index, _out: index
        )
        return pointers

    def _device_pointer(self, symbol: str, function: DeviceFunction) -> Any:  # noqa: ANN401 - ctypes
        def call(handle: int | None, *arguments: int) -> None:
            self._require_session()
            if (handle or 0) >> SESSION_BITS != self.sessions:
                raise NvmlFailure(Return.INVALID_ARGUMENT)
            if (index := _index_of(handle)) >= self.gpus.count:
                raise NvmlFailure(Return.GPU_IS_LOST)
            function.call(self.gpus.gpu(index), *arguments)

        argtypes: tuple[type[Any], ...] = (c_void_p, *function.argtypes)
        return self._pointer(symbol, argtypes, call, device_of=_index_of)

    def _pointer(
        self,
        symbol: str,
        argtypes: tuple[type[Any], ...],
        call: Callable[..., None],
        device_of: Callable[..., int | None] = lambda *_arguments: None,
    ) -> Any:  # noqa: ANN401 - ctypes function pointers
        def answer(*arguments: int) -> int:
            try:
                self.faults.befall(symbol, device_of(*arguments))
                call(*arguments)
            except NvmlFailure as failure:
                return failure.code
            return Return.SUCCESS

        return CFUNCTYPE(c_int, *argtypes)(answer)

    def _require_session(self) -> None:
        if not self.users:
            raise NvmlFailure(Return.UNINITIALIZED)

    def _init(self, _flags: int = 0) -> None:
        if not self.users:
            self.sessions += 1
        self.users += 1

    def _shutdown(self) -> None:
        self._require_session()
        self.users -= 1

    def _driver_version(self, out: int, size: int) -> None:
        self._require_session()
        write_text(out, size, DRIVER_VERSION)

    def _nvml_version(self, out: int, size: int) -> None:
        self._require_session()
        write_text(out, size, NVML_VERSION)

    def _cuda_version(self, out: int) -> None:
        write_number(c_int, out, CUDA_VERSION)

    def _count(self, out: int) -> None:
        self._require_session()
        write_number(c_uint, out, self.gpus.count)

    def _handle(self, index: int, out: int) -> None:
        self._require_session()
        if index >= self.gpus.count:
            raise NvmlFailure(Return.INVALID_ARGUMENT)
        c_void_p.from_address(out).value = (self.sessions << SESSION_BITS) + index + 1


def _index_of(handle: int | None, *_arguments: int) -> int:
    return ((handle or 0) & ((1 << SESSION_BITS) - 1)) - 1
