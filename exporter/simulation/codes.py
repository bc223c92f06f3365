"""The return codes of NVML that the stand-in answers, as `nvml.h` numbers them."""

from __future__ import annotations

from enum import IntEnum


class Return(IntEnum):
    """`nvmlReturn_t`; the names are the header's without their prefix `NVML_ERROR_`."""

    SUCCESS = 0
    UNINITIALIZED = 1
    INVALID_ARGUMENT = 2
    NOT_SUPPORTED = 3
    NO_PERMISSION = 4
    NOT_FOUND = 6
    INSUFFICIENT_SIZE = 7
    DRIVER_NOT_LOADED = 9
    TIMEOUT = 10
    FUNCTION_NOT_FOUND = 13
    GPU_IS_LOST = 15
    RESET_REQUIRED = 16
    LIB_RM_VERSION_MISMATCH = 18
    ARGUMENT_VERSION_MISMATCH = 25
    DEPRECATED = 26
    GPU_NOT_FOUND = 28
    UNKNOWN = 999


class NvmlFailure(Exception):  # noqa: N818 - carries a C return code to the edge of the library
    """Ends a simulated call with `code`, one of `Return` or a newer one, instead of success."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code
