"""The C structures of `nvml.h` that the stand-in fills in, written down from the header.

They are deliberately not those of pynvml: a layout that the two do not share would be a broken ABI,
and shows as nonsense values.
"""

from __future__ import annotations

from ctypes import Structure, c_char, c_double, c_int, c_longlong, c_uint, c_ulonglong, c_void_p
from typing import ClassVar

MEMORY_V2 = 0x02000028
TEMPERATURE_V1 = 0x0100000C
MARGIN_TEMPERATURE_V1 = 0x01000008


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


class Bar1Memory(Structure):
    """`nvmlBAR1Memory_t`."""

    _fields_: ClassVar = [("total", c_ulonglong), ("free", c_ulonglong), ("used", c_ulonglong)]


class MarginTemperature(Structure):
    """`nvmlMarginTemperature_v1_t`."""

    _fields_: ClassVar = [("version", c_uint), ("margin", c_int)]


class RemapperHistogram(Structure):
    """`nvmlRowRemapperHistogramValues_t`: banks by how many spare rows they have left."""

    _fields_: ClassVar = [
        ("max", c_uint),
        ("high", c_uint),
        ("partial", c_uint),
        ("low", c_uint),
        ("none", c_uint),
    ]


class DeviceAttributes(Structure):
    """`nvmlDeviceAttributes_t`: what a MIG device has a share of; memory in MiB."""

    _fields_: ClassVar = [
        ("multiprocessors", c_uint),
        ("copy_engines", c_uint),
        ("decoders", c_uint),
        ("encoders", c_uint),
        ("jpeg_engines", c_uint),
        ("optical_flow_engines", c_uint),
        ("compute_slices_of_gpu", c_uint),
        ("compute_slices", c_uint),
        ("memory", c_ulonglong),
    ]


class GpmSupport(Structure):
    """`nvmlGpmSupport_t`."""

    _fields_: ClassVar = [("version", c_uint), ("supported", c_uint)]


class GpmMetric(Structure):
    """`nvmlGpmMetric_t`; the names and the unit stay empty."""

    _fields_: ClassVar = [
        ("id", c_uint),
        ("code", c_uint),
        ("value", c_double),
        ("short_name", c_void_p),
        ("long_name", c_void_p),
        ("unit", c_void_p),
    ]


class GpmQuestion(Structure):
    """The head of `nvmlGpmMetricsGet_t`; as many metrics as asked for follow it."""

    _fields_: ClassVar = [
        ("version", c_uint),
        ("count", c_uint),
        ("earlier", c_void_p),
        ("later", c_void_p),
    ]
