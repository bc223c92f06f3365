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
WITHOUT_A_GPU = "without a GPU, try --nvml.simulate 2, or run without GPUs: --no-collector.nvml"

NO_GPU = Problem(
    "the NVIDIA driver shows no GPU",
    f"check `nvidia-smi -L` on the host; {IN_A_CONTAINER}; {WITHOUT_A_GPU}",
)

RELEASED = Problem(
    "NVML was given back on purpose, so that the driver can be unloaded",
    "send this process SIGUSR2 to take it back",
)
STUCK = Problem(
    "NVML cannot be given back: a call into the driver does not return",
    "end this process, or see the kernel log of the host for what the driver waits for",
)

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
        "reboot the host or reload the driver; then the new library is loaded by itself, except in"
        " a container, which must be created anew (in Kubernetes: delete the pod)",
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
    pynvml.NVML_ERROR_TIMEOUT: Problem(
        "no GPU returns from a call",
        "the driver hangs: see the kernel log of the host (Xid lines, blocked tasks) and reboot it",
    ),
    pynvml.NVML_ERROR_GPU_NOT_FOUND: NO_GPU,
}


_REMEDIES = {
    pynvml.NVML_ERROR_GPU_IS_LOST: "see the Xid lines of the kernel log, and reboot the host",
    pynvml.NVML_ERROR_RESET_REQUIRED: "stop what runs on it and reset it (`nvidia-smi -r -i {}`)",
    pynvml.NVML_ERROR_TIMEOUT: "a call does not return; see the host's kernel log and reboot it",
}
"""What to do for one GPU where that is not what is to be done for all."""


def device_remedy(index: int, code: int) -> str:
    """Say what a person can do about one GPU that answers nothing but `code`."""
    return _REMEDIES.get(code, "").format(index) or source_down(code).remedy


def field_remedy(code: int) -> str:
    """Say what a person can do about single readings that are refused."""
    if code == pynvml.NVML_ERROR_NO_PERMISSION:
        return (
            "it is asked again every ten minutes; run this as root, or its container with the"
            " capability SYS_ADMIN (for MIG: with NVIDIA_MIG_MONITOR_DEVICES=all)"
        )
    return "it is asked again each time; see the kernel log of the host"


def source_down(code: int) -> SourceDown:
    """Return the exception that tells what the return code `code` of the library means."""
    known = PROBLEMS.get(code)
    if known is None:
        known = Problem(
            f"the NVIDIA driver answers {code_name(code)}",
            "try `nvidia-smi` on the host and see the kernel log",
        )
    return SourceDown(*known)
