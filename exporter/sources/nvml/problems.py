"""What stands between us and the GPUs, in words, and what a person can do about it."""

from __future__ import annotations

from typing import NamedTuple

import pynvml

from exporter.sources import SourceDown
from exporter.sources.nvml.codes import code_name


class Problem(NamedTuple):
    """Why no GPU can be read, and the remedy."""

    problem: str
    remedy: str


IN_A_CONTAINER = (
    "run a container with the NVIDIA runtime (Kubernetes: runtimeClassName: nvidia) and"
    " NVIDIA_VISIBLE_DEVICES=all, NVIDIA_DRIVER_CAPABILITIES=utility"
)
WITHOUT_A_GPU = "without a GPU, switch this off with --no-collector.nvml or try --nvml.simulate 2"

NO_GPU = Problem(
    "the NVIDIA driver shows no GPU",
    f"check `nvidia-smi -L` on the host; {IN_A_CONTAINER}; {WITHOUT_A_GPU}",
)

_LOST = "`nvidia-smi` and the kernel log (Xid lines) say why; reset the GPUs or reboot the host"

PROBLEMS = {
    pynvml.NVML_ERROR_LIBRARY_NOT_FOUND: Problem(
        "the NVIDIA driver library libnvidia-ml.so.1 was not found, or cannot be loaded",
        f"install the NVIDIA driver; {IN_A_CONTAINER}; {WITHOUT_A_GPU}",
    ),
    pynvml.NVML_ERROR_FUNCTION_NOT_FOUND: Problem(
        "the library found as libnvidia-ml.so.1 is no NVML that we know",
        "install an NVIDIA driver of branch 450 or later; look for a stray copy on LD_LIBRARY_PATH",
    ),
    pynvml.NVML_ERROR_UNINITIALIZED: Problem(
        "the driver library was shut down under us", "it is opened again by itself"
    ),
    pynvml.NVML_ERROR_DRIVER_NOT_LOADED: Problem(
        "the NVIDIA kernel driver is not loaded",
        "load it on the host (`modprobe nvidia`), and see the kernel log if that fails",
    ),
    pynvml.NVML_ERROR_LIB_RM_VERSION_MISMATCH: Problem(
        "driver library and kernel driver are of different versions, as after a driver upgrade",
        "reboot the host or reload the driver, and then restart this process (in Kubernetes delete"
        " the pod): the old library stays loaded in it",
    ),
    pynvml.NVML_ERROR_NO_PERMISSION: Problem(
        "the driver refuses us access to the GPUs",
        "give this user read and write access to /dev/nvidiactl and /dev/nvidia[0-9]*;"
        f" {IN_A_CONTAINER}",
    ),
    pynvml.NVML_ERROR_UNKNOWN: Problem(
        "the driver answers nothing but 'unknown error'",
        "in a container its GPU devices were taken away (`systemctl daemon-reload` does that):"
        " recreate the container; otherwise see the kernel log of the host",
    ),
    pynvml.NVML_ERROR_GPU_IS_LOST: Problem("every GPU is lost", _LOST),
    pynvml.NVML_ERROR_RESET_REQUIRED: Problem("every GPU waits for a reset", _LOST),
    pynvml.NVML_ERROR_GPU_NOT_FOUND: NO_GPU,
}


def source_down(code: int) -> SourceDown:
    """Return the exception that tells what the return code `code` of the library means."""
    known = PROBLEMS.get(code)
    if known is None:
        known = Problem(
            f"the NVIDIA driver answers {code_name(code)}",
            "try `nvidia-smi` on the host and see the kernel log",
        )
    return SourceDown(*known)
