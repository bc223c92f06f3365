"""Which GPUs answer, how many there should be, and what was heard of those that fell silent."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from alerts import signals
from exporter.metrics.family import Family, Metric, Sample
from exporter.metrics.gpu.rows import DEVICE, labelled
from exporter.snapshot import Gpu, Gpus, Unanswered

DEVICES = Metric("nvidia_gpu_devices", "gauge", "GPUs that the driver counts, lost ones too")
EXPECTED = Metric(
    "nvidia_gpu_devices_expected", "gauge", "GPUs that the machine has on its PCI bus"
)
MISSING = Metric(
    signals.GPUS_MISSING,
    "gauge",
    "GPUs that do not answer, and GPUs on the PCI bus that the driver does not count",
)
LOST = Metric(
    "nvidia_gpu_lost",
    "gauge",
    "1 while a GPU that the driver counts does not answer",
    ("uuid",),
)
UP = Metric("nvidia_gpu_up", "gauge", "1 if the GPU answered at the last reading, else 0", DEVICE)
ANSWERED_AT = Metric(
    "nvidia_gpu_last_success_timestamp_seconds", "gauge", "When the GPU answered last", DEVICE
)
XIDS = labelled(
    "nvidia_gpu_xid_errors_total",
    "counter",
    "Xid errors that the driver has reported since this process began, by code, also of GPUs that"
    " do not answer any more; the codes after which a GPU is not as it was count from zero",
    "xid",
)
XID_AT = labelled(
    signals.GPU_XID_AT, "gauge", "When an Xid error with this code was reported last", "xid"
)

METRICS: tuple[Metric, ...] = (DEVICES, EXPECTED, MISSING, LOST, UP, ANSWERED_AT, XIDS, XID_AT)


def families(gpus: Gpus) -> Iterator[Family]:
    """Yield what is known of all GPUs, also of those that gave no answer now."""
    yield Family(DEVICES, [Sample((), gpus.seen)])
    if gpus.expected is not None:
        yield Family(EXPECTED, [Sample((), gpus.expected)])
    missing = len(gpus.lost) + max(0, (gpus.expected or 0) - gpus.seen)
    yield Family(MISSING, [Sample((), missing)])
    yield Family(LOST, [Sample((uuid,), 1.0) for uuid in gpus.lost])
    yield Family(UP, _up(gpus))
    yield Family(ANSWERED_AT, _answered(gpus))
    all_gpus: tuple[Gpu | Unanswered, ...] = (*gpus.gpus, *gpus.unanswered)
    yield Family(XIDS, _by_code((gpu, gpu.xids) for gpu in all_gpus))
    yield Family(XID_AT, _by_code((gpu, gpu.xid_at) for gpu in all_gpus))


def _up(gpus: Gpus) -> list[Sample]:
    answering = [Sample(_device(gpu), 1.0) for gpu in gpus.gpus]
    return answering + [Sample(_device(gpu), 0.0) for gpu in gpus.unanswered]


def _answered(gpus: Gpus) -> list[Sample]:
    times = [(_device(gpu), gpu.collected_at) for gpu in gpus.gpus]
    times += [(_device(gpu), gpu.answered_at) for gpu in gpus.unanswered]
    return [Sample(device, at) for device, at in times if at is not None]


def _by_code(
    found: Iterable[tuple[Gpu | Unanswered, Mapping[int, float]]],
) -> list[Sample]:
    return [
        Sample((*_device(gpu), str(code)), value)
        for gpu, by_code in found
        for code, value in by_code.items()
    ]


def _device(gpu: Gpu | Unanswered) -> tuple[str, str]:
    return str(gpu.index), gpu.uuid
