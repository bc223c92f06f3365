"""Whether the run will say in which pod it trains, and with what no trainer logs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from exporter.attribution.join import NAMESPACE_TAG, POD_TAG
from exporter.config import Config
from exporter.doctor.checks.check import error, warning
from exporter.doctor.environment import Marks, Variable, left_over
from exporter.doctor.finding import Remark, shown
from exporter.doctor.training import Training

NAME = "MLFLOW_TAGS"
FIELDS = {
    NAMESPACE_TAG: "metadata.namespace",
    POD_TAG: "metadata.name",
    "k8s.node": "spec.nodeName",
}
"""Fields of the downward API that the tags of a pod are made of."""
PARAM = "param."
_EXAMPLE = (
    "define POD_NAMESPACE, POD_NAME and NODE_NAME with fieldRef before it, and write it as "
    '{"k8s.namespace": "$(POD_NAMESPACE)", "k8s.pod": "$(POD_NAME)", "k8s.node": "$(NODE_NAME)"}'
)


def pod_tags(training: Training, _config: Config) -> Iterator[Remark]:
    """Tags with namespace, pod and node join a run with its GPUs."""
    workload, variable = training.workload, training.environment.get(NAME)
    if workload is None:
        return
    if variable is None:
        if not training.environment.unseen:
            what = f"{NAME} is not set, so nobody knows on which GPU the run trains"
            yield warning(workload.env_place, what, _EXAMPLE)
        return
    tags, problem = _read(variable)
    if problem:
        yield error(variable.place, f"{NAME} {problem}", _EXAMPLE)
    if tags is None:
        return
    for tag, path in FIELDS.items():
        yield from _pod_tag(training, variable, tags, (tag, path))


def _pod_tag(
    training: Training, variable: Variable, tags: Mapping[str, str], wanted: tuple[str, str]
) -> Iterator[Remark]:
    tag, path = wanted
    value = tags.get(tag)
    if value is None:
        what = f"{NAME} has no {tag}, so the run is not joined with its pod"
        yield warning(variable.place, what, f"add it, from the field {path}")
        return
    waits = Marks.names(value)
    for name in left_over(value):
        what = f"{tag} would be the text $({shown(name)}): it is not defined before {NAME}"
        remedy = "define it above, in 'env' of the container; ConfigMaps are not expanded"
        yield error(variable.place, what, remedy)
        return
    source = training.environment.get(waits[0]) if waits else None
    if source is not None and source.field and source.field != path:
        what = f"{tag} is made from {source.field}"
        yield error(source.place, what, f"use the field {path}")
    elif not waits and tag == POD_TAG:
        what = f"{tag} is always '{shown(value)}', but every pod of a job has a name of its own"
        yield warning(variable.place, what, f"take it from the field {path}")


def params(training: Training, config: Config) -> Iterator[Remark]:
    """What people compare and no trainer logs is told in tags, and must be true."""
    variable = training.environment.get(NAME)
    if training.workload is None or variable is None:
        return
    tags, _ = _read(variable)
    if tags is None:
        return
    names = [name for name in config.mlflow.tag_params if training.has(name)]
    missing = [name for name in names if PARAM + name not in tags]
    if missing:
        what = f"{NAME} has no {', '.join(PARAM + name for name in missing)}, which no trainer logs"
        yield warning(variable.place, what, "add what train.yaml has, so that runs can be compared")
    for name in names:
        told, given = tags.get(PARAM + name), training.value(name)
        if told is None or given is None or Marks.names(told):
            continue
        if told.strip() != str(given).strip():
            what = f"{PARAM}{name} says '{shown(told)}', but {name} is '{shown(given)}'"
            remedy = "take both from one variable of the ConfigMap"
            yield warning(variable.place, what, remedy)


def _read(variable: Variable) -> tuple[Mapping[str, str] | None, str]:
    """Return the tags, or what is wrong with them; neither where the value is not known."""
    # A script may compute the whole of it.
    if variable.value is None or variable.value in map(Marks.mark, Marks.names(variable.value)):
        return None, ""
    try:
        tags = json.loads(variable.value)
    except (ValueError, RecursionError):
        return None, "is not valid JSON, which ends the run as soon as it begins"
    if not isinstance(tags, dict):
        return None, "should be a JSON object of tags"
    return {key: value if isinstance(value, str) else str(value) for key, value in tags.items()}, ""


def gpus(training: Training, _config: Config) -> Iterator[Remark]:
    """A pod that asks for no GPU gets none, or one that nobody accounts for."""
    workload = training.workload
    if workload is not None and not workload.asks_for_gpu:
        what = f"{workload.name} asks for no GPU, so the kubelet knows of none that it has"
        remedy = "add 'resources: {limits: {nvidia.com/gpu: 1}}'"
        yield warning(workload.place, what, remedy)
