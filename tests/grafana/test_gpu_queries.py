"""What dashboards ask about GPUs and about tunewatch, in a real Prometheus's own test runner."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from grafana import conditions, gpus, instances, processes, users
from grafana.queries import max_by, on_node, series
from tests.support.promtool import Case, judge

NODE = 'node="n1"'
ONE = 'gpu="0",uuid="GPU-1"'
TWO = 'gpu="1",uuid="GPU-2"'
PART = 'gpu="0",uuid="MIG-1"'
NAMED = 'profile="1g.10gb",gpu_instance="7",compute_instance="0",parent_uuid="GPU-1"'
CHOICES = {
    "node": ".*",
    "uuid": ".+",
    "parent": "",
    "job": "tunewatch",
    "__rate_interval": "2m",
    "__range": "10m",
}
Series = Mapping[str, str]


def series_of(name: str, gpu: str, more: str = "", pod: str = "a") -> str:
    labels = ",".join(filter(None, (NODE, gpu, more, f'pod="{pod}"')))
    return f"{name}{{{labels}}}"


def info(*devices: str) -> Series:
    return {series_of("nvidia_gpu_info", gpu): "1x10" for gpu in devices}


def run(name: str) -> str:
    """Return the series that says that a run trains on the first GPU, as its holder shows it."""
    labels = f'experiment="e",run_id="{name}",run_name="{name}",uuid="GPU-1",node="other"'
    return f"tunewatch_run_gpu_info{{{labels}}}"


def asked(expr: str, chosen: Mapping[str, str]) -> str:
    values = {**CHOICES, **chosen}
    return re.sub(r"\$(\w+)", lambda named: values.get(named[1], named[0]), expr)


GPU_1, GPU_2 = f"{{{NODE},{ONE}}}", f"{{{NODE},{TWO}}}"
MIG_1 = f'{{{NODE},gpu="0 1g.10gb 7 0",uuid="MIG-1"}}'
ENERGY = "nvidia_gpu_energy_joules_total"
THROTTLE = "nvidia_gpu_throttle_active"
MARGIN = "nvidia_gpu_temperature_margin_celsius"
NOW = "nvidia_gpu_temperature_celsius"
USED, TOTAL = "nvidia_gpu_memory_used_bytes", "nvidia_gpu_memory_total_bytes"
DIVIDED: Series = {
    **info(ONE, TWO),
    series_of("nvidia_gpu_mig_mode", ONE): "1x10",
    series_of("nvidia_gpu_mig_mode", TWO): "0x10",
    series_of(USED, ONE): "8x10",
    series_of(TOTAL, ONE): "10x10",
    series_of(USED, TWO): "5x10",
    series_of(TOTAL, TWO): "10x10",
    series_of("nvidia_mig_info", PART, NAMED): "1x10",
    series_of("nvidia_mig_memory_used_bytes", PART): "3x10",
    series_of("nvidia_mig_memory_total_bytes", PART): "4x10",
}
UP = {series_of("nvidia_gpu_up", ONE): "1x10", series_of("nvidia_gpu_up", TWO): "0x10"}
SOURCE = 'job="tunewatch",source="nvml"'

Known = tuple[str, Series, Mapping[str, float]]
CASES: Mapping[str, Known] = {
    "a node has the name that the scrape stamps": (
        max_by(("node",), on_node(series("nvidia_gpu_devices"))),
        {'nvidia_gpu_devices{node="n1",instance="10.0.0.1:10390"}': "8x10"},
        {'{node="n1"}': 8},
    ),
    "or else the target's address": (
        max_by(("node",), on_node(series("nvidia_gpu_devices"))),
        {
            'nvidia_gpu_devices{instance="ws-1:10390"}': "1x10",
            'nvidia_gpu_devices{instance="[::1]:10390"}': "2x10",
        },
        {'{node="ws-1"}': 1, '{node="[::1]"}': 2},
    ),
    "energy adds up over pods that follow one another": (
        gpus.grown(ENERGY),
        {
            series_of(ENERGY, ONE, pod="a"): "0+60x4 stale",
            series_of(ENERGY, ONE, pod="b"): "_ _ _ _ _ 300+60x5",
        },
        # Prometheus extends each of the two by half an interval to where the other was.
        {GPU_1: 270 + 330},
    ),
    "a GPU that tells a margin has it left": (
        gpus.headroom(),
        {
            series_of(MARGIN, ONE): "21x10",
            series_of("nvidia_gpu_temperature_margin_max_celsius", ONE): "-2x10",
            series_of(NOW, ONE): "66x10",
        },
        {GPU_1: 23},
    ),
    "a GPU that tells temperatures has the rest": (
        gpus.headroom(),
        {
            series_of(NOW, ONE): "66x10",
            series_of("nvidia_gpu_temperature_slowdown_celsius", ONE): "87x10",
            series_of("nvidia_gpu_temperature_max_celsius", ONE): "83x10",
            series_of(NOW, TWO): "70x10",
            series_of("nvidia_gpu_temperature_slowdown_celsius", TWO): "87x10",
        },
        {GPU_1: 17, GPU_2: 17},
    ),
    "the gravest reason sets the clocks": (
        conditions.clocks(),
        {
            series_of(THROTTLE, ONE, 'reason="gpu_idle"'): "0x10",
            series_of(THROTTLE, ONE, 'reason="sw_power_cap"'): "1x10",
            series_of(THROTTLE, ONE, 'reason="hw_thermal_slowdown"'): "1x10",
            series_of(THROTTLE, TWO, 'reason="gpu_idle"'): "0x10",
        },
        {GPU_1: 2, GPU_2: 0},
    ),
    "what does not answer is worst": (
        conditions.health(),
        {**UP, series_of("nvidia_gpu_row_remap_pending", ONE): "1x10"},
        {GPU_1: 2, GPU_2: 6},
    ),
    "uncorrected errors count wherever they were": (
        conditions.health(),
        {
            **UP,
            series_of("nvidia_gpu_ecc_errors_total", ONE, 'kind="uncorrected",location="dram"'): (
                "0x10"
            ),
            series_of("nvidia_gpu_ecc_errors_total", ONE, 'kind="uncorrected",location="sram"'): (
                "1x10"
            ),
            series_of("nvidia_gpu_recovery_action", TWO, 'action="none"'): "1x10",
        },
        {GPU_1: 3, GPU_2: 6},
    ),
    "a divided GPU is told by its instances": (
        instances.memory(),
        DIVIDED,
        {GPU_2: 0.5, MIG_1: 0.75},
    ),
    "a run is placed by uuid, whoever exports it": (
        max_by(("node", "gpu", "run_id"), users.trained()),
        {**info(ONE), run("r1"): "1x10", run("r2"): "1x10"},
        {f'{{{NODE},gpu="0",run_id="{name}"}}': 1 for name in ("r1", "r2")},
    ),
    "of two runs on a GPU its row has one": (
        f"count by (uuid) ({users.last_run()})",
        {**info(ONE), run("r1"): "1x10", run("r2"): "1x10"},
        {'{uuid="GPU-1"}': 1},
    ),
    "a source that should be there is down": (
        processes.source(),
        {
            f"tunewatch_source_{name}{{{NODE},{SOURCE}}}": value
            for name, value in {"up": "0x10", "expected": "1x10", "stuck": "0x10"}.items()
        },
        {f'{{{NODE},source="nvml"}}': 4},
    ),
    "one that nobody expects is not there": (
        processes.source(),
        {
            f"tunewatch_source_{name}{{{NODE},{SOURCE}}}": value
            for name, value in {"up": "0x10", "expected": "0x10", "stuck": "0x10"}.items()
        },
        {f'{{{NODE},source="nvml"}}': 2},
    ),
    "rules that Prometheus lacks are not loaded": (processes.rules(), {}, {"{}": 0}),
    "rules are in sync while only the watchdog fires": (
        processes.rules(),
        {'ALERTS{alertname="TunewatchWatchdog",alertstate="firing"}': "1x10"},
        {"{}": 1},
    ),
    "rules of another configuration are out of sync": (
        processes.rules(),
        {
            'ALERTS{alertname="TunewatchWatchdog",alertstate="firing"}': "1x10",
            'ALERTS{alertname="TunewatchRulesOutOfSync",alertstate="pending"}': "1x10",
        },
        {"{}": 2},
    ),
}
ALONE: Mapping[str, Known] = {
    "an instance that is chosen is shown alone": (
        instances.memory(),
        DIVIDED,
        {MIG_1: 0.75},
    ),
    "together with what its GPU alone can tell": (
        gpus.whole_memory(),
        DIVIDED,
        {GPU_1: 0.8},
    ),
}
THE_INSTANCE = {"uuid": "MIG-1", "parent": "GPU-1"}


def case(known: Known, chosen: Mapping[str, str]) -> Case:
    expr, given, expected = known
    samples: Sequence[Mapping[str, object]] = [
        {"labels": labels, "value": value} for labels, value in expected.items()
    ]
    test = {"expr": asked(expr, chosen), "eval_time": "10m", "exp_samples": samples}
    return Case(
        "groups: []",
        {
            "interval": "1m",
            "input_series": [{"series": name, "values": told} for name, told in given.items()],
            "promql_expr_test": [test],
        },
    )


def test_queries_answer_right(tmp_path: Path) -> None:
    cases = {name: case(known, {}) for name, known in CASES.items()}
    cases |= {name: case(known, THE_INSTANCE) for name, known in ALONE.items()}
    numbered = {f"case{number}": (name, cases[name]) for number, name in enumerate(cases)}
    judged = judge(tmp_path, {key: found for key, (_, found) in numbered.items()})
    wrong = {numbered[key][0]: told.differences for key, told in judged.items() if not told.holds}
    assert wrong == {}


def test_every_number_has_its_word() -> None:
    assert list(conditions.CLOCKS_WORDS) == [str(n) for n in range(len(conditions.CLOCKS) + 1)]
    assert len(conditions.HEALTH) == 7
