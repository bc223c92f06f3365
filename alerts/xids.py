"""Xid errors: what the codes of the NVIDIA driver mean, and what to do about each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

ACTION = (
    "Restart what ran on this GPU from its last checkpoint, elsewhere. Look the code up in "
    "NVIDIA's catalog of Xid errors and in the kernel's log (dmesg), then reset the GPU or reboot "
    "the node."
)
_RESET = (
    "Restart what ran on this GPU from its last checkpoint, elsewhere; then drain the GPU and "
    "reset it (nvidia-smi --gpu-reset), or reboot the node. If the code comes back, have the board "
    "replaced."
)
_REBOOT = (
    "The GPU does not answer until the node is rebooted, better powered off and on. Restart its "
    "jobs elsewhere; if the code comes back, have seat, power and cooling of the board looked at."
)
_CONTAINED = (
    "The process that was hit is dead, others on this GPU are not: restart it from its last "
    "checkpoint. Reset the GPU when it is idle."
)
_LINK = (
    "Jobs that use several GPUs of this node may hang or fail: restart them elsewhere, reset the "
    "GPUs, and have the link looked at if the code comes back (nvidia-smi nvlink --errorcounters)."
)
_FIRMWARE = (
    "The GPU's own processor hangs: restart its jobs elsewhere and reset the GPU or reboot the "
    "node. If the code comes back, update the driver."
)


class Xid(NamedTuple):
    """What a code means, and what to do about it."""

    meaning: str
    action: str = ACTION


XIDS: Mapping[int, Xid] = {
    13: Xid("graphics engine exception, as a faulty kernel causes"),
    31: Xid("memory page fault, as a faulty kernel causes"),
    43: Xid("the GPU stopped processing for one program"),
    45: Xid("a program's work was cleaned up before its end"),
    48: Xid("uncorrectable (double-bit) ECC error", _RESET),
    61: Xid("internal microcontroller breakpoint", _RESET),
    62: Xid("internal microcontroller halt", _RESET),
    63: Xid("a bad memory row or page was noted for replacement", _RESET),
    64: Xid("a bad memory row or page could not be noted for replacement", _RESET),
    74: Xid("NVLink error", _LINK),
    79: Xid("the GPU has fallen off the bus", _REBOOT),
    92: Xid("many corrected ECC errors", _RESET),
    94: Xid("contained uncorrectable ECC error", _CONTAINED),
    95: Xid("uncontained uncorrectable ECC error", _RESET),
    119: Xid("the GPU's system processor (GSP) does not answer", _FIRMWARE),
    120: Xid("error of the GPU's system processor (GSP)", _FIRMWARE),
    140: Xid("unrecovered ECC error", _RESET),
}
"""The codes that people meet, after NVIDIA's catalog of Xid errors."""
