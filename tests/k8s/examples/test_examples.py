"""The example of a training job: valid, well, and doing what its README says when it is run."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import kubernetes_validate  # type: ignore[import-untyped]  # ships no types
import pytest
import yaml

from exporter.attribution import Place, join
from exporter.config import TAG_PARAMS
from exporter.doctor import inputs
from exporter.doctor.discovery import find
from exporter.metrics.runs import families
from exporter.snapshot import PodUse, Runs
from tests.support.doctoring import CONFIG_MAP, EXAMPLES, JOB, SECRET
from tests.support.kustomize import Document, documents, render
from tests.support.mlflow_store import START, Store

FILES = sorted(EXAMPLES.glob("*.yaml"))
GPU = "GPU-11111111-2222-3333-4444-555555555555"
FIELDS = {
    "metadata.name": "llama-sft-x7k2p",
    "metadata.namespace": "llm-training",
    "spec.nodeName": "gpu-node-1",
}
"""What Kubernetes knows of one pod of the job."""
EXPECTED = {
    "stage": "sft",
    "do_train": True,
    "finetuning_type": "lora",
    "lora_rank": 16,
    "lora_alpha": 32,
    "template": "llama3",
    "cutoff_len": 2048,
    "dataset": "support_tickets",
    "bf16": True,
    "report_to": "mlflow",
    "val_size": 0.05,
    "eval_strategy": "steps",
    "eval_steps": 100,
    "logging_steps": 10,
    "save_steps": 100,
    "save_total_limit": 3,
    "seed": 42,
    "data_seed": 42,
}


def one(path: Path) -> Document:
    (found,) = documents(path.read_text(encoding="utf-8"))
    return found


def container() -> Document:
    (found,) = one(JOB)["spec"]["template"]["spec"]["containers"]
    return dict(found)


def environment() -> dict[str, str]:
    """Return the variables of a container, put together as the kubelet does."""
    stores = {"configMapRef": one(CONFIG_MAP)["data"], "secretRef": one(SECRET)["stringData"]}
    found: dict[str, str] = {}
    for source in container()["envFrom"]:
        found |= stores[next(iter(source))]
    for entry in container()["env"]:
        field = entry.get("valueFrom", {}).get("fieldRef", {}).get("fieldPath")
        value = FIELDS[field] if field else entry["value"]
        known = dict(found)
        found[entry["name"]] = re.sub(
            r"\$\((\w+)\)", lambda match, known=known: known.get(match[1], match[0]), value
        )
    return found


def job_is_run(folder: Path) -> tuple[dict[str, Any], list[str]]:
    """Run the script of the job in bash; return the file that it writes, and what it starts."""
    trainer = folder / "bin" / "llamafactory-cli"
    trainer.parent.mkdir()
    trainer.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    trainer.chmod(0o755)
    path = f"{trainer.parent}:{Path(shutil.which('bash') or '').parent}:/usr/bin:/bin"
    output = str(folder / "saves" / "one")
    done = subprocess.run(
        [*container()["command"], *container()["args"]],
        env={**environment(), "PATH": path, "OUTPUT_DIR": output},
        capture_output=True,
        text=True,
        check=True,
    )
    started = done.stdout.splitlines()
    found: dict[str, Any] = yaml.safe_load(Path(started[-1]).read_text(encoding="utf-8"))
    return {**found, "output_dir": found["output_dir"].removeprefix(output)}, started[:-1]


def test_the_job_writes_its_configuration_and_trains_from_it(tmp_path: Path) -> None:
    settings, started = job_is_run(tmp_path)
    assert started == ["train"]
    assert {key: settings[key] for key in EXPECTED} == EXPECTED


def test_the_doctor_reads_what_the_job_writes(tmp_path: Path) -> None:
    (training,) = find(inputs.read([str(EXAMPLES)])).trainings
    read = {key: setting.value for key, setting in training.settings.items()}
    written, _ = job_is_run(tmp_path)
    assert {**read, "output_dir": ""} == written


def tags() -> Mapping[str, str]:
    """Return the tags that the Trainer's callback sets: it reads the variable as JSON."""
    found: dict[str, str] = json.loads(environment()["MLFLOW_TAGS"])
    return found


def test_the_tags_tell_what_no_trainer_logs(tmp_path: Path) -> None:
    settings, _ = job_is_run(tmp_path)
    told = {name: tags()[f"param.{name}"] for name in TAG_PARAMS}
    assert told == {name: str(settings[name]) for name in TAG_PARAMS}


def test_a_run_with_these_tags_is_joined_with_the_gpu_of_its_pod(local: Store) -> None:
    run = local.begin(name=environment()["RUN_NAME"])
    for name, value in tags().items():
        run.tag(name, value)
    run.log(1, START * 1000, loss=2.0)
    watcher = local.watch(tag_params=TAG_PARAMS)
    watcher.poll(START)
    shown = watcher.shown(run.run_id)
    assert shown
    pod = PodUse(GPU, FIELDS["metadata.namespace"], FIELDS["metadata.name"], "trainer")
    joined = join([Place(FIELDS["spec.nodeName"], GPU, 0)], [pod], [shown])
    assert joined.gpus == {run.run_id: (GPU,)}
    page = {family.metric.name: family.samples for family in families(Runs((shown,)))}
    (sample,) = page["mlflow_run_pod_info"]
    assert {*FIELDS.values(), "llama-sft"} <= set(sample.labels)
    params = {sample.labels[-2:] for sample in page["mlflow_run_param_info"]}
    assert ("lora_rank", "16") in params


@pytest.mark.parametrize("release", ["1.29", str(kubernetes_validate.latest_version())])
def test_objects_are_valid_without_a_field_too_many(release: str) -> None:
    objects = [found for path in FILES for found in documents(path.read_text(encoding="utf-8"))]
    kinds = {found["kind"] for found in objects if found["kind"] != "Kustomization"}
    assert kinds == {"Namespace", "ConfigMap", "Secret", "PersistentVolumeClaim", "Job"}
    for found in objects:
        if found["kind"] != "Kustomization":
            kubernetes_validate.validate(found, release, strict=True)


def test_all_that_is_named_is_there() -> None:
    spec = one(JOB)["spec"]["template"]["spec"]
    (claim,) = (v["persistentVolumeClaim"] for v in spec["volumes"] if "persistentVolumeClaim" in v)
    assert claim["claimName"] == one(EXAMPLES / "storage.yaml")["metadata"]["name"]
    assert {v["name"] for v in spec["volumes"]} == {m["name"] for m in container()["volumeMounts"]}
    named = {next(iter(source.values()))["name"] for source in container()["envFrom"]}
    assert named == {one(CONFIG_MAP)["metadata"]["name"], one(SECRET)["metadata"]["name"]}


def test_a_render_is_the_same_and_holds_no_secret() -> None:
    objects = render(EXAMPLES)
    assert {found["kind"] for found in objects} == {
        *("Namespace", "ConfigMap", "PersistentVolumeClaim", "Job")
    }
    everywhere = {found["metadata"].get("namespace") for found in objects[1:]}
    assert everywhere == {"llm-training"}
    (job,) = (found for found in objects if found["kind"] == "Job")
    (rendered,) = job["spec"]["template"]["spec"]["containers"]
    assert rendered["args"] == container()["args"]
