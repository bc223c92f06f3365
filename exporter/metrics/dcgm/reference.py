"""The reference page of the aliases: what dcgm-exporter shows, and what we give of it."""

from __future__ import annotations

import sys
from collections.abc import Mapping

from exporter.metrics.dcgm import METRICS
from exporter.metrics.family import Metric

DEFAULTS = (
    *("DCGM_FI_DEV_SM_CLOCK", "DCGM_FI_DEV_MEM_CLOCK", "DCGM_FI_DEV_MEMORY_TEMP"),
    *("DCGM_FI_DEV_GPU_TEMP", "DCGM_FI_DEV_POWER_USAGE", "DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION"),
    *("DCGM_FI_DEV_PCIE_REPLAY_COUNTER", "DCGM_FI_DEV_PCIE_TX_THROUGHPUT"),
    *("DCGM_FI_DEV_PCIE_RX_THROUGHPUT", "DCGM_FI_DEV_GPU_UTIL", "DCGM_FI_DEV_MEM_COPY_UTIL"),
    *("DCGM_FI_DEV_ENC_UTIL", "DCGM_FI_DEV_DEC_UTIL", "DCGM_FI_DEV_XID_ERRORS"),
    *("DCGM_FI_DEV_FB_FREE", "DCGM_FI_DEV_FB_USED", "DCGM_FI_DEV_NVLINK_BANDWIDTH_TOTAL"),
    *("DCGM_FI_DEV_VGPU_LICENSE_STATUS", "DCGM_FI_DEV_UNCORRECTABLE_REMAPPED_ROWS"),
    *("DCGM_FI_DEV_CORRECTABLE_REMAPPED_ROWS", "DCGM_FI_DEV_ROW_REMAP_FAILURE"),
    *("DCGM_FI_PROF_GR_ENGINE_ACTIVE", "DCGM_FI_PROF_PIPE_TENSOR_ACTIVE"),
    *("DCGM_FI_PROF_DRAM_ACTIVE", "DCGM_FI_PROF_PCIE_TX_BYTES", "DCGM_FI_PROF_PCIE_RX_BYTES"),
)
"""What dcgm-exporter's two lists have switched on."""

LACKING: Mapping[str, str] = {
    "DCGM_FI_DEV_PCIE_TX_THROUGHPUT": "the driver takes 20 ms to answer: use"
    " `DCGM_FI_PROF_PCIE_TX_BYTES`",
    "DCGM_FI_DEV_PCIE_RX_THROUGHPUT": "the driver takes 20 ms to answer: use"
    " `DCGM_FI_PROF_PCIE_RX_BYTES`",
    "DCGM_FI_DEV_NVLINK_BANDWIDTH_TOTAL": "DCGM does not say what it counts: use"
    " `nvidia_gpu_nvlink_transmit_bytes_total` and `…_receive_bytes_total`",
    "DCGM_FI_DEV_VGPU_LICENSE_STATUS": "licences of virtual GPUs are not read",
}
"""What of it we do not give, and why."""

_INTRODUCTION = """\
# Moving in from dcgm-exporter

With `nvml: {dcgm_aliases: true}` in the configuration (and a restart) the page shows the readings
of GPUs a second time, by the names, labels and units of NVIDIA's dcgm-exporter, so that Grafana's
dashboard 12239 and alerts that were written for DCGM work unchanged. Our own series stay as they
are. Scrape tunewatch instead of dcgm-exporter: two of them would count every GPU twice.

Labels are `gpu`, `UUID`, `pci_bus_id`, `device`, `modelName`, `Hostname` (`--node.name`) and
`DCGM_FI_DRIVER_VERSION`. What a divided GPU has by its instances carries `GPU_I_PROFILE` and
`GPU_I_ID`, and is not shown for the GPU as a whole; DCGM repeats the other values at each instance,
here they are there once.

Four things differ:

- There is no `pod`, `namespace` or `container`: these are labels of the scraped target, and with
  Prometheus' default `honor_labels: false` would arrive as `exported_pod` and so on. Join
  `nvidia_gpu_pod_info` instead: `DCGM_FI_DEV_GPU_UTIL * on (UUID) group_left (workload_namespace,
  workload_pod) label_replace(nvidia_gpu_pod_info, "UUID", "$1", "uuid", "(.*)")`.
- `DCGM_FI_DEV_XID_ERRORS` has `err_code`, but no `err_msg`.
- `DCGM_FI_PROF_*` need a GPU since Hopper, and are averages since the last reading.
- `DCGM_FI_DEV_*_VIOLATION`, which are off there, have had several units: use
  `nvidia_gpu_throttle_seconds_total`.

This page is written by `python -m exporter.metrics.dcgm.reference`.

| metric | type | unit, or why not | on by default there | here |
|---|---|---|---|---|
"""


def markdown() -> str:
    """Write the page: what is given in the order of the catalog, then what is not."""
    given = (_row(metric) for metric in METRICS)
    lacking = (f"| `{name}` | | {why} | yes | no |\n" for name, why in LACKING.items())
    return "".join((_INTRODUCTION, *given, *lacking))


def _row(metric: Metric) -> str:
    default = "yes" if metric.name in DEFAULTS else "no"
    return f"| `{metric.name}` | {metric.kind} | {metric.help} | {default} | yes |\n"


if __name__ == "__main__":
    sys.stdout.write(markdown())
