"""What NVML's return codes mean for a reader: which concern a field, a device or everything."""

from __future__ import annotations

import pynvml

UNSUPPORTED = frozenset(
    {
        pynvml.NVML_ERROR_NOT_SUPPORTED,
        pynvml.NVML_ERROR_NOT_FOUND,
        pynvml.NVML_ERROR_FUNCTION_NOT_FOUND,
        pynvml.NVML_ERROR_ARGUMENT_VERSION_MISMATCH,
        pynvml.NVML_ERROR_DEPRECATED,
    }
)
"""The card or the driver will never answer this; asking again is for after a new init."""

DEVICE_GONE = frozenset({pynvml.NVML_ERROR_GPU_IS_LOST, pynvml.NVML_ERROR_RESET_REQUIRED})
"""This device answers nothing any more; the others may."""

LIBRARY_GONE = frozenset(
    {
        pynvml.NVML_ERROR_UNINITIALIZED,
        pynvml.NVML_ERROR_DRIVER_NOT_LOADED,
        pynvml.NVML_ERROR_LIB_RM_VERSION_MISMATCH,
        pynvml.NVML_ERROR_GPU_NOT_FOUND,
    }
)
"""Nothing answers before the library was initialised anew.

UNKNOWN is not here: some virtual cards answer it for one field for ever. Where it comes for
everything, every device is found gone, which has the same effect.
"""

_NAMES: dict[int, str] = {
    value: name.removeprefix("NVML_ERROR_")
    for name, value in vars(pynvml).items()
    if name.startswith("NVML_ERROR_")
}


UNREADABLE = pynvml.NVML_ERROR_CORRUPTED_INFOROM
"""What is said of a text that is none: pynvml decodes, and gives no code for what it cannot."""


def code_name(code: int) -> str:
    """Return the header's name of a return code.

    Not `str(error)`: for a code that pynvml has no text of, that asks the driver, which may hang.
    """
    return _NAMES.get(code, f"code {code}")
