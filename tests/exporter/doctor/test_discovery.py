"""Where configurations are found, in the many forms that people give them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from alerts.documents import DocumentError
from exporter.doctor import inputs
from exporter.doctor.discovery import Found, find
from exporter.doctor.training import Training
from tests.support.doctoring import examined, told, training

SHELL = ["bash", "-c"]
SCRIPT = """\
export RANKS=$(hostname)
NAME=$(basename $MODEL_URL)
cat >sft.yaml <<EOL
model_name_or_path: /models/$NAME
stage: sft
do_train: true
seed: $SEED
EOL
if [ $RANKS -gt 1 ]; then
  FORCE_TORCHRUN=1 llamafactory-cli train sft.yaml
else
  llamafactory-cli train sft.yaml lora_rank=8
fi
cat >merge.yaml <<EOL
model_name_or_path: /models/$NAME
export_dir: merged
EOL
llamafactory-cli export merge.yaml
"""


def volcano(**container: object) -> str:
    """Return a job of an operator, whose pods lie deeper than those of a Job."""
    one = {"name": "t", "env": [{"name": "SEED", "value": "7"}], **container}
    task = {"replicas": 1, "template": {"spec": {"containers": [one]}}}
    job = {"apiVersion": "batch.volcano.sh/v1alpha1", "kind": "Job", "spec": {"tasks": [task]}}
    return yaml.safe_dump(job, sort_keys=False)


def searched(folder: Path, **files: str) -> Found:
    for name, text in files.items():
        (folder / f"{name}.yaml").write_text(text)
    return find(inputs.read([str(folder / f"{name}.yaml") for name in files]))


def only(found: Found) -> Training:
    (one,) = found.trainings
    return one


def values(one: Training) -> Mapping[str, Any]:
    return {key: setting.value for key, setting in one.settings.items()}


def test_a_file_that_is_trained_from_twice_is_looked_at_once(tmp_path: Path) -> None:
    found = searched(tmp_path, job=volcano(command=[*SHELL, SCRIPT]))
    one = only(found)
    assert found.elsewhere == ()
    assert (one.value("seed"), one.is_unknown("model_name_or_path")) == (7, True)
    assert "export_dir" not in one.settings


@pytest.mark.parametrize("key", ["command", "args"])
def test_a_script_that_is_no_list_is_read_all_the_same(tmp_path: Path, key: str) -> None:
    assert only(searched(tmp_path, job=volcano(**{key: SCRIPT}))).value("seed") == 7


def test_a_configuration_of_flags_is_one_too(tmp_path: Path) -> None:
    flags = ["train", "--stage", "sft", "--do_train", "--seed", "$(SEED)", "--val_size=0.1"]
    text = volcano(command=["llamafactory-cli"], args=[*flags, "--fp16", "--report_to", "none"])
    expected = {"stage": "sft", "do_train": True, "seed": 7, "val_size": 0.1}
    one = only(searched(tmp_path, job=text))
    assert values(one) == {**expected, "fp16": True, "report_to": "none"}
    findings = told(examined(text, tmp_path), text)
    assert ("report-to", "error", "- --report_to") in findings
    assert ("precision", "warning", "- --fp16") in findings


def test_flags_behind_a_file_are_refused_as_llama_factory_does(tmp_path: Path) -> None:
    script = "cat > t.yaml <<E\nstage: sft\nE\nllamafactory-cli train t.yaml --max_samples 5"
    text = volcano(command=[*SHELL, script])
    errors = [str(one) for one in examined(text, tmp_path) if one.check == "unknown-key"]
    assert any("'--max_samples': did you mean 'max_samples'?" in one for one in errors)


def test_a_file_beside_the_manifest_is_found_by_its_name(tmp_path: Path) -> None:
    text = volcano(command=["llamafactory-cli", "train", "/config/one.yaml"])
    found = searched(tmp_path, job=text, one=training(seed=3), other=training(seed=4))
    ran = {one.value("seed"): one.workload is not None for one in found.trainings}
    assert ran == {3: True, 4: False}


def test_a_file_of_another_name_is_for_the_only_job_that_waits(tmp_path: Path) -> None:
    text = volcano(command=["llamafactory-cli", "train", "/config/one.yaml", "seed=5"])
    found = searched(tmp_path, job=text, any=training(seed=3))
    one = only(found)
    assert (one.value("seed"), one.workload is not None, found.elsewhere) == (5, True, ())


def test_what_is_not_given_is_named(tmp_path: Path) -> None:
    text = volcano(command=["llamafactory-cli", "train", "/config/one.yaml"])
    found = searched(tmp_path, job=text)
    assert found.trainings == ()
    ((path, place),) = found.elsewhere
    assert (path, text.split("\n")[place.line - 1].strip()) == (
        "/config/one.yaml",
        "- llamafactory-cli",
    )
    (finding,) = examined(text, tmp_path)
    assert "warning: the job trains from /config/one.yaml, which is not among" in str(finding)


def test_text_that_is_no_configuration_need_not_be_yaml(tmp_path: Path) -> None:
    kept = {"values.yaml": "a: {{ .Values.b }}", "notes.txt": "stage: [", "train.yaml": training()}
    store = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": kept}
    assert only(searched(tmp_path, store=yaml.safe_dump(store))).value("stage") == "sft"
    broken = {**store, "data": {"train.yaml": "stage: [sft"}}
    with pytest.raises(DocumentError, match=r"train.yaml: not valid YAML"):
        searched(tmp_path, store=yaml.safe_dump(broken))


def test_of_a_configuration_that_predicts_nothing_is_asked(tmp_path: Path) -> None:
    text = "stage: sft\ndo_predict: true\npredict_with_generate: true\n"
    assert told(examined(text, tmp_path), text) == [("task", "note", "do_predict: true")]
