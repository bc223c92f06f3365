"""What is wrong with GPUs: Xid errors, errors in memory, memory out of use."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from grafana_foundation_sdk.builders import common
from grafana_foundation_sdk.builders import table as tables
from grafana_foundation_sdk.builders import timeseries as curves

from alerts import signals
from alerts.thresholds import XidTuning
from alerts.xids import XIDS as MEANINGS
from grafana import gpus, units
from grafana.boards.gpus.fleet import TO_GPU
from grafana.gpus import GPU_LEGEND, every
from grafana.looks import (
    ORANGE,
    PLAIN,
    RED,
    Mapped,
    colored_cell,
    decimals,
    levels,
    link,
    mapped,
    width,
)
from grafana.panels import About, Panel, timeseries
from grafana.queries import GPU
from grafana.tables import Column, merged
from grafana.targets import curve

PLACE = {"node": "Node", "gpu": "GPU", "uuid": ""}
NO_ERRORS = "None of the chosen GPUs counts errors in its memory (ECC)"


def _color(code: int) -> str:
    tuning = XidTuning()
    return RED if code in tuning.critical else ORANGE if code in tuning.warning else PLAIN


WORDS: Mapped = {
    str(code): (f"{code}: {xid.meaning}", _color(code)) for code, xid in MEANINGS.items()
}
"""What Xid codes mean, by code; the colour is that of the alert, if there is one."""


def _xids() -> tables.Panel:
    about = About(
        501,
        "Xid errors in the range",
        "Errors that the driver reported, newest first. Red and orange ones raise an alert, which "
        "says what to do: mostly drain the GPU and reset it. The others are caused by programs: "
        "look in the log of the run.",
        units.NONE,
        "No Xid error in this range",
    )
    by = (*GPU, "xid")
    last = f"({every(signals.GPU_XID_AT, by=by)} > time() - $__range_s) * 1000"
    # The first error of a code begins its series: nothing has grown by then.
    grown = gpus.grown("nvidia_gpu_xid_errors_total", by=by)
    # Graver codes count from zero: only those that came are shown.
    count = f"clamp_min(round({grown}), 1) and on (node, uuid, xid) {last}"
    columns = [
        Column(last, "Last", units.DATE, looks=(width(170),)),
        Column(count, "Times", looks=(decimals(0), width(70))),
    ]
    newest = common.TableSortByFieldState().display_name("Last").desc(desc=True)
    panel = merged(about, {**PLACE, "xid": "Xid"}, columns).sort_by([newest]).height(6)
    panel.override_by_name("GPU", [link("This GPU alone", TO_GPU), width(60)])
    return panel.override_by_name("Xid", [mapped(WORDS), colored_cell()])


def _memory() -> tables.Panel:
    about = About(
        601,
        "Health of the memory",
        "Uncorrected errors mean wrong numbers: restart what ran there from its last checkpoint, "
        "and reset the GPU. Rows or pages that wait need a reset; a row that could not be replaced "
        "needs another board. Corrected errors are harmless unless they grow fast.",
        units.NONE,
        NO_ERRORS,
    )
    panel = merged(about, PLACE, [*_errors(), *_rows()])
    return panel.override_by_name("GPU", [link("This GPU alone", TO_GPU), width(60)])


BAD = (levels({None: PLAIN, 1: RED}), colored_cell(), decimals(0))
WAITS = (levels({None: PLAIN, 1: ORANGE}), colored_cell(), decimals(0))


def _errors() -> Iterator[Column]:
    lifetime = "nvidia_gpu_ecc_lifetime_errors_total"
    uncorrected, corrected = 'kind="uncorrected"', 'kind="corrected"'
    yield Column(gpus.summed(signals.GPU_ECC, uncorrected), "Uncorrected", looks=BAD)
    yield Column(gpus.summed(signals.GPU_ECC, corrected), "Corrected", looks=(decimals(0),))
    yield Column(gpus.summed(lifetime, uncorrected), "Uncorrected ever", looks=(decimals(0),))
    yield Column(gpus.summed(lifetime, corrected), "Corrected ever", looks=(decimals(0),))


def _rows() -> Iterator[Column]:
    replaced = "nvidia_gpu_remapped_rows"
    yield Column(every(replaced, 'kind="uncorrectable"'), "Rows replaced", looks=(decimals(0),))
    yield Column(every(signals.GPU_REMAP_PENDING), "Rows that wait", looks=WAITS)
    yield Column(every(signals.GPU_REMAP_FAILURE), "Beyond repair", looks=BAD)
    spare = every("nvidia_gpu_row_remapper_banks", 'availability="none"')
    yield Column(spare, "Banks without spare rows", looks=WAITS)
    yield Column(gpus.summed("nvidia_gpu_retired_pages"), "Pages retired", looks=(decimals(0),))
    yield Column(every("nvidia_gpu_retired_pages_pending"), "Pages that wait", looks=WAITS)


def _growth() -> curves.Panel:
    about = About(
        602,
        "ECC errors an hour",
        "Errors in memory, by kind and place. Any uncorrected one is too many: see the table. "
        "Corrected ones that come ever faster announce a failing board: plan its replacement.",
        units.NONE,
        "No new error in memory",
    )
    rate = gpus.growth(signals.GPU_ECC, by=(*GPU, "kind", "location"))
    return timeseries(
        about, curve(f"{rate} * 3600 > 0", f"{GPU_LEGEND} {{{{kind}}}} {{{{location}}}}")
    )


XIDS: Sequence[Panel] = (_xids(),)
MEMORY: Sequence[Panel] = (_memory(), _growth().span(24))
