"""The C structures of `nvml.h` that the stand-in fills in, written down from the header.

They are deliberately not those of pynvml: a layout that the two do not share would be a broken ABI,
and shows as nonsense values.
"""

from __future__ import annotations

from ctypes import Structure, c_char, c_int, c_longlong, c_uint, c_ulonglong
from typing import ClassVar

MEMORY_V2 = 0x02000028
TEMPERATURE_V1 = 0x0100000C


class Memory(Structure):
    """`nvmlMemory_t`."""

    _fields_: ClassVar = [("total", c_ulonglong), ("free", c_ulonglong), ("used", c_ulonglong)]


class MemoryV2(Structure):
    """`nvmlMemory_v2_t`."""

    _fields_: ClassVar = [
        ("version", c_uint),
        ("total", c_ulonglong),
        ("reserved", c_ulonglong),
        ("free", c_ulonglong),
        ("used", c_ulonglong),
    ]


class Utilization(Structure):
    """`nvmlUtilization_t`: percent."""

    _fields_: ClassVar = [("gpu", c_uint), ("memory", c_uint)]


class Temperature(Structure):
    """`nvmlTemperature_v1_t`."""

    _fields_: ClassVar = [("version", c_uint), ("sensor", c_uint), ("temperature", c_int)]


class PciInfo(Structure):
    """`nvmlPciInfo_t` as `nvmlDeviceGetPciInfo_v3` fills it in."""

    _fields_: ClassVar = [
        ("bus_id_legacy", c_char * 16),
        ("domain", c_uint),
        ("bus", c_uint),
        ("device", c_uint),
        ("device_id", c_uint),
        ("subsystem_id", c_uint),
        ("bus_id", c_char * 32),
    ]


class FieldValue(Structure):
    """`nvmlFieldValue_t`; `value` stands for the union of eight bytes."""

    _fields_: ClassVar = [
        ("field", c_uint),
        ("scope", c_uint),
        ("timestamp", c_longlong),
        ("latency", c_longlong),
        ("value_type", c_uint),
        ("code", c_uint),
        ("value", c_ulonglong),
    ]
