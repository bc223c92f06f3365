"""What is told of the job around a configuration: where MLflow is, the tags, and the GPU."""

from __future__ import annotations

from pathlib import Path

import pytest

from exporter.config import DEFAULT_CONFIG, Config, MlflowSection
from exporter.doctor import Level
from tests.support.doctoring import examined, job, told, training

WRITTEN_OUT = '            - {name: MLFLOW_TRACKING_PASSWORD, value: "hunter2"}\n'
TAGS = "            - name: MLFLOW_TAGS\n"
ENV = "          env:\n"

CASES = [
    (
        [("  MLFLOW_TRACKING_URI: https://mlflow.example.org\n", "")],
        ("tracking-uri", "error", "env:"),
        "Job llama-sft has no MLFLOW_TRACKING_URI",
    ),
    (
        [(ENV, f'{ENV}            - {{name: MLFLOW_TRACKING_URI, value: "sqlite:///x.db"}}\n')],
        ("tracking-uri", "error", '- {name: MLFLOW_TRACKING_URI, value: "sqlite:///x.db"}'),
        "is no server",
    ),
    (
        [(ENV, f'{ENV}            - {{name: MLFLOW_TRACKING_URI, value: "http://localhost:5"}}\n')],
        ("tracking-uri", "error", '- {name: MLFLOW_TRACKING_URI, value: "http://localhost:5"}'),
        "the container itself",
    ),
    (
        [(ENV, f'{ENV}            - {{name: MLFLOW_TRACKING_URI, value: "http://u:pw@h"}}\n')],
        ("tracking-uri", "error", '- {name: MLFLOW_TRACKING_URI, value: "http://u:pw@h"}'),
        "holds a password that everybody can read",
    ),
    (
        [("  MLFLOW_EXPERIMENT_NAME: llama-sft\n", "")],
        ("experiment", "warning", "env:"),
        "lands in the experiment 'Default'",
    ),
    (
        [(ENV, ENV + WRITTEN_OUT)],
        ("secrets", "error", '- {name: MLFLOW_TRACKING_PASSWORD, value: "hunter2"}'),
        "take it from a Secret",
    ),
    (
        [
            (
                ENV,
                ENV + "            - {name: KEY, valueFrom: {secretKeyRef: "
                "{name: mlflow-credentials, key: TOKEN}}}\n",
            )
        ],
        (
            "secrets",
            "error",
            "- {name: KEY, valueFrom: {secretKeyRef: {name: mlflow-credentials, key: TOKEN}}}",
        ),
        "the pod will not start",
    ),
    (
        [("name: mlflow-credentials}", "name: mlflow-login}")],
        ("secrets", "note", "- secretRef: {name: mlflow-login}"),
        "kubectl get secret mlflow-login -n llm-training",
    ),
    (
        [
            (
                "  MLFLOW_TRACKING_USERNAME: trainer # may write; the user of tunewatch need not\n",
                "",
            ),
            ("  MLFLOW_TRACKING_PASSWORD: change-me\n", ""),
        ],
        ("secrets", "note", "env:"),
        "unless its server asks for no password",
    ),
    (
        [("MLFLOW_TAGS\n", "OTHER_TAGS\n")],
        ("pod-tags", "warning", "env:"),
        "nobody knows on which GPU",
    ),
    ([('"k8s.node": ', '"k8s.node" ')], ("pod-tags", "error", TAGS.strip()), "not valid JSON"),
    (
        [('"k8s.pod": "$(POD_NAME)",', "")],
        ("pod-tags", "warning", TAGS.strip()),
        "add it, from the field metadata.name",
    ),
    (
        [('"k8s.pod": "$(POD_NAME)"', '"k8s.pod": "llama-sft-0"')],
        ("pod-tags", "warning", TAGS.strip()),
        "every pod of a job has a name of its own",
    ),
    (
        [("fieldPath: metadata.name}", "fieldPath: metadata.uid}")],
        (
            "pod-tags",
            "error",
            "- {name: POD_NAME, valueFrom: {fieldRef: {fieldPath: metadata.uid}}}",
        ),
        "use the field metadata.name",
    ),
    (
        [("- {name: POD_NAME, value", "- {name: POD, value")],
        ("pod-tags", "error", TAGS.strip()),
        "$(POD_NAME): it is not defined before MLFLOW_TAGS",
    ),
    (
        [('"param.lora_rank": "$(LORA_RANK)",', "")],
        ("param-tags", "warning", TAGS.strip()),
        "has no param.lora_rank, which no trainer logs",
    ),
    (
        [("lora_rank: ${LORA_RANK}", "lora_rank: 64")],
        ("param-tags", "warning", TAGS.strip()),
        "param.lora_rank says '16', but lora_rank is '64'",
    ),
    (
        [(", nvidia.com/gpu: 1", "")],
        ("gpu", "warning", "- name: trainer"),
        "asks for no GPU",
    ),
    (
        [('  EVAL_STEPS: "100"\n', "")],
        ("variable", "warning", "eval_steps: ${EVAL_STEPS}"),
        "${EVAL_STEPS} has no value: nothing in these files sets it",
    ),
    (
        [("<<EOF", "<<'EOF'")],
        ("variable", "error", "eval_steps: ${EVAL_STEPS}"),
        "nothing replaces ${EVAL_STEPS} here",
    ),
    (
        [('  VAL_SIZE: "0.05" ', '  VAL_SIZE: "0" ')],
        ("validation-set", "error", "val_size: ${VAL_SIZE}"),
        "val_size is 0, so",
    ),
    (
        [('train.yaml"\n          envFrom', 'train.yaml" val_size=0\n          envFrom')],
        (
            "validation-set",
            "error",
            'exec llamafactory-cli train "${OUTPUT_DIR}/train.yaml" val_size=0',
        ),
        "val_size is 0, so",
    ),
    (
        [('train "${OUTPUT_DIR}/train.yaml"', "train /elsewhere/train.yml")],
        (
            "not-among-the-files",
            "note",
            "exec llamafactory-cli train /elsewhere/train.yml",
        ),
        "give that file too",
    ),
    (
        [("  backoffLimit: 2\n", "  activeDeadlineSeconds: 7200\n")],
        ("never-fires", "warning", "activeDeadlineSeconds: 7200"),
        "max_training_time_hours can never fire: Kubernetes ends the job after 2 h",
    ),
    (
        [('"k8s.pod": "$(POD_NAME)",', "")],
        ("never-fires", "note", TAGS.strip()),
        "gpu_idle_while_training can never fire",
    ),
]


def test_nothing_is_wrong_with_the_example(tmp_path: Path) -> None:
    assert examined(job(), tmp_path) == []


@pytest.mark.parametrize(("edits", "expected", "words"), CASES, ids=[case[2] for case in CASES])
def test_what_is_wrong_is_told_at_its_line(
    tmp_path: Path, edits: list[tuple[str, str]], expected: tuple[str, str, str], words: str
) -> None:
    text = job(*edits)
    findings = examined(text, tmp_path)
    assert expected in told(findings, text)
    assert words in "\n".join(map(str, findings))


def test_a_key_may_be_missing_where_it_is_optional(tmp_path: Path) -> None:
    reference = "{name: mlflow-credentials, key: TOKEN, optional: true}"
    entry = f"            - {{name: KEY, valueFrom: {{secretKeyRef: {reference}}}}}\n"
    assert examined(job((ENV, ENV + entry)), tmp_path) == []


def test_no_password_is_ever_repeated(tmp_path: Path) -> None:
    uri = '            - {name: MLFLOW_TRACKING_URI, value: "http://u:hunter2@h"}\n'
    text = job((ENV, ENV + WRITTEN_OUT + uri), ("change-me", "hunter2"))
    findings = examined(text, tmp_path)
    assert findings
    assert "hunter2" not in "\n".join(map(str, findings))


def test_an_experiment_that_tunewatch_does_not_watch_is_told(tmp_path: Path) -> None:
    mirror = MlflowSection(experiments=("prod-*",))
    config = Config(thresholds=DEFAULT_CONFIG.thresholds, mlflow=mirror)
    (finding,) = examined(job(), tmp_path, config)
    assert (finding.check, finding.remark.level) == ("experiment", Level.ERROR)
    assert "not to watch the experiment 'llama-sft'" in str(finding)


CONFIG_MAP = """\
apiVersion: v1
kind: ConfigMap
metadata: {name: training}
data:
  train.yaml: |
"""
MOUNTING = """\
---
apiVersion: v1
kind: List
items:
  - apiVersion: batch/v1
    kind: CronJob
    metadata: {name: nightly}
    spec:
      jobTemplate:
        spec:
          template:
            spec:
              volumes: [{name: config, configMap: {name: training}}]
              containers:
                - name: trainer
                  command: [llamafactory-cli, train, /config/train.yaml]
                  env:
                    - {name: DATA, value: support}
                    - {name: MLFLOW_TRACKING_URI, value: "https://mlflow.example"}
                    - {name: MLFLOW_TRACKING_TOKEN, valueFrom: {secretKeyRef: {name: m, key: t}}}
                    - {name: MLFLOW_EXPERIMENT_NAME, value: nightly}
                  resources: {limits: {nvidia.com/gpu: 1}}
"""


def mounted(start: str = "[llamafactory-cli, train, /config/train.yaml]", **keys: object) -> str:
    lines = training(**keys).splitlines()
    body = "".join(f"    {line}\n" for line in lines)
    return (
        CONFIG_MAP + body + MOUNTING.replace("[llamafactory-cli, train, /config/train.yaml]", start)
    )


def test_a_mounted_configuration_is_found_with_the_job_that_mounts_it(tmp_path: Path) -> None:
    text = mounted(val_size=0)
    findings = told(examined(text, tmp_path), text)
    assert ("validation-set", "error", "val_size: 0") in findings
    assert ("pod-tags", "warning", "env:") in findings
    assert "tracking-uri" not in {check for check, _, _ in findings}


def test_nothing_replaces_variables_of_a_mounted_file_but_envsubst(tmp_path: Path) -> None:
    text = mounted(dataset="${DATA}")
    blamed = ("variable", "error", "dataset: ${DATA}")
    assert blamed in told(examined(text, tmp_path), text)
    start = (
        '[sh, -c, "envsubst < /config/train.yaml > /tmp/t.yaml && llamafactory-cli train x.yaml"]'
    )
    text = mounted(start, dataset="${DATA}", lora_rank="${RANK}")
    found = told(examined(text, tmp_path), text)
    assert blamed not in found
    assert ("variable", "warning", "lora_rank: ${RANK}") in found


def test_a_file_beside_the_manifest_belongs_to_the_job_that_trains_from_it(tmp_path: Path) -> None:
    text = training() + MOUNTING
    checks = {check for check, _, _ in told(examined(text, tmp_path), text)}
    assert checks == {"secrets", "pod-tags", "never-fires"}
