"""A library of C callbacks that answers as NVML does, with attributes named as its symbols."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from ctypes import CFUNCTYPE, c_int, c_uint, c_ulonglong, c_void_p
from typing import Any

from exporter.simulation.abi import DeviceFunction, Out, write_number, write_text
from exporter.simulation.codes import NvmlFailure, Return
from exporter.simulation.events import SUPPORTED_EVENTS, Events
from exporter.simulation.faults import Faults
from exporter.simulation.functions import DEVICE_FUNCTIONS
from exporter.simulation.hardware import SimulatedGpu, SimulatedGpus
from exporter.simulation.instances import INSTANCE_FUNCTIONS, instance_of
from exporter.simulation.performance import Samples, write_support
from exporter.simulation.processes import ProcessTable
from exporter.simulation.samples import write_samples

SESSION_BITS = 16
SLOT_BITS = 8

Signatures = dict[str, tuple[tuple[type[Any], ...], Callable[..., None]]]
"""Functions that are not about one device: argument types and work, by symbol."""


class SimulatedLibrary:
    """Takes the place of the loaded `libnvidia-ml.so.1`: `pynvml.nvmlLib = library`.

    Every symbol is a function pointer made by ctypes, so that what crosses it crosses a C ABI. An
    unknown or hidden symbol raises AttributeError, as a driver that is too old does. Handles die
    with the session (from init to the last shutdown) that gave them out.
    """

    def __init__(self, gpus: SimulatedGpus) -> None:
        self.gpus = gpus
        self.faults = Faults()
        self.events = Events()
        self.performance = Samples()
        self.processes = ProcessTable()
        self.on_symbols_changed: Callable[[], None] = lambda: None
        self.calls: Counter[str] = Counter()
        """How often each symbol was called."""
        self.users = 0
        """Inits that are not yet shut down."""
        self.sessions = 0
        """Times that the library went from closed to open."""
        self._hidden: set[str] = set()
        functions = {
            **{symbol: _not_supported(function) for symbol, function in INSTANCE_FUNCTIONS.items()},
            **DEVICE_FUNCTIONS,
            **self.processes.functions(),
        }
        # The pointers must live as long as anyone may call them: ctypes keeps no reference.
        self._pointers = {
            **{name: self._device_pointer(name, f) for name, f in functions.items()},
            **self._library_pointers(),
            **self._event_pointers(),
            **self._performance_pointers(),
        }

    def __getattr__(self, symbol: str) -> Any:  # noqa: ANN401 - ctypes function pointers
        """Return the function pointer of a C symbol."""
        missing = symbol in self._hidden or symbol in self.gpus.driver.missing
        if symbol.startswith("_") or missing or symbol not in self._pointers:
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
        functions: Signatures = {
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

    def _event_pointers(self) -> dict[str, Any]:
        functions: Signatures = {
            "nvmlEventSetCreate": ((Out,), self._event_set),
            "nvmlEventSetWait_v2": ((c_void_p, Out, c_uint), self.events.wait),
            "nvmlEventSetFree": ((c_void_p,), self.events.free),
        }
        pointers = {name: self._pointer(name, *function) for name, function in functions.items()}
        register, types = "nvmlDeviceRegisterEvents", "nvmlDeviceGetSupportedEventTypes"
        pointers[register] = self._pointer(
            register, (c_void_p, c_ulonglong, c_void_p), self._register, device_of=_index_of
        )
        supported = DeviceFunction(
            (Out,), lambda _gpu, out: write_number(c_ulonglong, out, SUPPORTED_EVENTS)
        )
        pointers[types] = self._device_pointer(types, supported)
        samples = DeviceFunction((c_uint, c_ulonglong, Out, Out, Out), write_samples)
        pointers["nvmlDeviceGetSamples"] = self._device_pointer("nvmlDeviceGetSamples", samples)
        return pointers

    def _performance_pointers(self) -> dict[str, Any]:
        samples = self.performance

        def take_of_instance(gpu: SimulatedGpu, gpu_instance: int, number: int | None) -> None:
            samples.take(gpu, number, gpu_instance)

        plain: Signatures = {
            "nvmlGpmSampleAlloc": ((Out,), samples.make),
            "nvmlGpmSampleFree": ((c_void_p,), samples.free),
            "nvmlGpmMetricsGet": ((Out,), samples.answer),
        }
        of_device = {
            "nvmlGpmQueryDeviceSupport": DeviceFunction((Out,), write_support),
            "nvmlGpmSampleGet": DeviceFunction((c_void_p,), samples.take),
            "nvmlGpmMigSampleGet": DeviceFunction((c_uint, c_void_p), take_of_instance),
            "nvmlDeviceGetMigDeviceHandleByIndex": DeviceFunction((c_uint, Out), self._mig_handle),
        }
        return {
            **{name: self._pointer(name, *function) for name, function in plain.items()},
            **{name: self._device_pointer(name, function) for name, function in of_device.items()},
        }

    def _device_pointer(self, symbol: str, function: DeviceFunction) -> Any:  # noqa: ANN401 - ctypes
        of_instance = INSTANCE_FUNCTIONS.get(symbol) or _not_supported(function)

        def call(handle: int | None, *arguments: int) -> None:
            gpu = self.gpus.gpu(self._device_of(handle))
            slot = _slot_of(handle)
            if slot is None:
                function.call(gpu, *arguments)
            else:
                of_instance.call(instance_of(gpu, slot), *arguments)

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
            self.calls[symbol] += 1
            try:
                self.faults.befall(symbol, device_of(*arguments))
                call(*arguments)
            except NvmlFailure as failure:
                return failure.code
            return Return.SUCCESS

        return CFUNCTYPE(c_int, *argtypes)(answer)

    def _device_of(self, handle: int | None) -> int:
        self._require_session()
        if (handle or 0) >> SESSION_BITS != self.sessions:
            raise NvmlFailure(Return.INVALID_ARGUMENT)
        if (index := _index_of(handle)) >= self.gpus.count:
            raise NvmlFailure(Return.GPU_IS_LOST)
        return index

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
        if not self.users:
            self.events.end()

    def _event_set(self, out: int) -> None:
        self._require_session()
        c_void_p.from_address(out).value = self.events.create()

    def _register(self, handle: int | None, types: int, number: int | None) -> None:
        self.events.register(number, self._device_of(handle), handle or 0, types)

    def _driver_version(self, out: int, size: int) -> None:
        self._require_session()
        write_text(out, size, self.gpus.driver.version)

    def _nvml_version(self, out: int, size: int) -> None:
        self._require_session()
        write_text(out, size, self.gpus.driver.nvml_version)

    def _cuda_version(self, out: int) -> None:
        write_number(c_int, out, self.gpus.driver.cuda)

    def _count(self, out: int) -> None:
        self._require_session()
        write_number(c_uint, out, self.gpus.count)

    def _handle(self, index: int, out: int) -> None:
        self._require_session()
        if index >= self.gpus.count:
            raise NvmlFailure(Return.INVALID_ARGUMENT)
        c_void_p.from_address(out).value = (self.sessions << SESSION_BITS) + index + 1

    def _mig_handle(self, gpu: SimulatedGpu, slot: int, out: int) -> None:
        instance_of(gpu, slot)
        session = self.sessions << SESSION_BITS
        c_void_p.from_address(out).value = session + (slot + 1 << SLOT_BITS) + gpu.index + 1


def _not_supported(function: DeviceFunction) -> DeviceFunction:
    def call(*_arguments: object) -> None:
        raise NvmlFailure(Return.NOT_SUPPORTED)

    return DeviceFunction(function.argtypes, call)


def _index_of(handle: int | None, *_arguments: int) -> int:
    return ((handle or 0) & ((1 << SLOT_BITS) - 1)) - 1


def _slot_of(handle: int | None) -> int | None:
    number = (handle or 0) >> SLOT_BITS & ((1 << SESSION_BITS - SLOT_BITS) - 1)
    return number - 1 if number else None
