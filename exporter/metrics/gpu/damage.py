"""What is wrong with a GPU: errors in memory, memory out of use, and the way out."""

from __future__ import annotations

from collections.abc import Callable

from alerts import signals
from exporter.metrics.gpu.rows import Row, Series, gauge, keyed, labelled, states
from exporter.snapshot import RECOVERY_ACTIONS, Gpu, RemappedRows, RetiredPages

KINDS = ("corrected", "uncorrected")
LOCATIONS = ("dram", "sram")
WHOLE = "all"
"""The location of errors on a GPU that does not tell where they were."""


def _ecc(name: str, text: str, counter: str) -> Row[Gpu]:
    """Sums over the locations are right: either all of them are told, or only the total."""

    def series(gpu: Gpu) -> Series:
        for kind in KINDS:
            located = {where: gpu.ecc_locations.get((kind, counter, where)) for where in LOCATIONS}
            if None in located.values():
                located = {WHOLE: gpu.ecc_errors.get((kind, counter))}
            for where, count in located.items():
                yield (kind, where), count

    return Row(labelled(name, "counter", text, "kind", "location"), series)


def _rows(name: str, text: str, value: Callable[[RemappedRows], float]) -> Row[Gpu]:
    return gauge(
        name, text, lambda gpu: None if gpu.remapped_rows is None else value(gpu.remapped_rows)
    )


def _remapped(gpu: Gpu) -> Series:
    if gpu.remapped_rows:
        yield ("correctable",), gpu.remapped_rows.correctable
        yield ("uncorrectable",), gpu.remapped_rows.uncorrectable


def _retired(gpu: Gpu) -> Series:
    pages = gpu.retired_pages or RetiredPages()
    yield ("single_bit",), pages.single_bit
    yield ("double_bit",), pages.double_bit


ROWS: tuple[Row[Gpu], ...] = (
    _ecc(
        signals.GPU_ECC,
        "ECC errors since the driver was loaded; the location is dram or sram, or all where the GPU"
        " does not tell them apart",
        "volatile",
    ),
    _ecc(
        "nvidia_gpu_ecc_lifetime_errors_total",
        "ECC errors in the life of the board, or since its counters were cleared; the location is"
        " dram or sram, or all",
        "aggregate",
    ),
    gauge(
        "nvidia_gpu_ecc_mode",
        "1 while errors in memory are corrected and counted (ECC)",
        lambda gpu: gpu.ecc_enabled,
    ),
    Row(
        labelled(
            "nvidia_gpu_remapped_rows",
            "gauge",
            "Rows of memory that were replaced by spare ones, by the kind of error that they had",
            "kind",
        ),
        _remapped,
    ),
    _rows(
        signals.GPU_REMAP_PENDING,
        "1 while a row waits for the next reset of the GPU to be replaced",
        lambda rows: rows.pending,
    ),
    _rows(
        signals.GPU_REMAP_FAILURE,
        "1 if a row could not be replaced: the board is to be exchanged",
        lambda rows: rows.failure,
    ),
    keyed(
        labelled(
            "nvidia_gpu_row_remapper_banks",
            "gauge",
            "Banks of memory by how many of their spare rows are left",
            "availability",
        ),
        lambda gpu: gpu.remapper_banks,
    ),
    Row(
        labelled(
            "nvidia_gpu_retired_pages",
            "gauge",
            "Pages of memory taken out of use, by the errors that they had",
            "cause",
        ),
        _retired,
    ),
    gauge(
        "nvidia_gpu_retired_pages_pending",
        "1 while a page waits for the next reset of the GPU to be taken out of use",
        lambda gpu: gpu.retired_pages and gpu.retired_pages.pending,
    ),
    states(
        "nvidia_gpu_recovery_action",
        "What the driver wants done to bring the GPU back to health: 1 for the present action",
        "action",
        RECOVERY_ACTIONS,
        lambda gpu: gpu.recovery_action,
    ),
)
