"""Whether the container knows where MLflow is, and how to log in."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase
from urllib.parse import urlsplit

from exporter.config import Config
from exporter.doctor.checks.check import error, note, warning
from exporter.doctor.environment import Variable
from exporter.doctor.finding import Remark, shown
from exporter.doctor.training import Training

URI = "MLFLOW_TRACKING_URI"
CREDENTIALS = ("MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN")
SECRETS = CREDENTIALS[1:]
LOOPBACK = ("localhost", "127.0.0.1", "::1")


def tracking_uri(training: Training, _config: Config) -> Iterator[Remark]:
    """Without an address the callback writes into the container, where nobody looks."""
    workload = training.workload
    if workload is None:
        what = "what runs this is not among the files, so its MLFLOW_ variables are not checked"
        yield note(training.place, what, "give the manifest of the job too")
        return
    variable = training.environment.get(URI)
    if variable is None and not training.environment.unseen:
        what = f"{workload.name} has no {URI}, so its metrics stay in the container"
        yield error(workload.env_place, what, "set it from the Secret of MLflow")
    elif variable is None:
        # Another check names the Secret that is not here.
        return
    elif variable.value is not None:
        yield from _address(variable, variable.value)


def _address(variable: Variable, uri: str) -> Iterator[Remark]:
    try:
        parts = urlsplit(uri)
        host = parts.hostname or ""
    except ValueError:
        yield error(variable.place, f"{URI} is no address", "write it as https://HOST")
        return
    if parts.password:
        what = f"{URI} holds a password that everybody can read here"
        yield error(variable.place, what, f"keep {' and '.join(CREDENTIALS[:2])} in a Secret")
    if parts.scheme in ("http", "https") and host in LOOPBACK:
        what = f"{URI} is {shown(host)}, which is the container itself"
        yield error(variable.place, what, "name the Service of MLflow")
    elif (
        parts.scheme not in ("http", "https", "databricks", "databricks-uc") and uri != "databricks"
    ):
        what = f"{URI} is no server, so its metrics stay in the container"
        yield error(variable.place, what, "write it as https://HOST")


def experiment(training: Training, config: Config) -> Iterator[Remark]:
    """Runs of all teams end in `Default` where nobody says otherwise."""
    if training.workload is None or training.environment.unseen:
        return
    variable = training.environment.get("MLFLOW_EXPERIMENT_NAME")
    if variable is None:
        what = "MLFLOW_EXPERIMENT_NAME is not set, so the run lands in the experiment 'Default'"
        yield warning(training.workload.env_place, what, "set it in the ConfigMap")
        return
    name, mirror = variable.value, config.mlflow
    if name is None:
        return
    if not _fits(name, mirror.experiments) or _fits(name, mirror.exclude_experiments):
        what = f"tunewatch is configured not to watch the experiment '{shown(name)}'"
        yield error(variable.place, what, "add it to 'mlflow.experiments' of its configuration")


def _fits(name: str, globs: Iterable[str]) -> bool:
    return any(fnmatchcase(name, glob) for glob in globs)


def secrets(training: Training, _config: Config) -> Iterator[Remark]:
    """Passwords belong in a Secret, and that must have what is taken from it."""
    if training.workload is None:
        return
    for name in SECRETS:
        variable = training.environment.get(name)
        if variable is not None and variable.value:
            what = f"{name} is written out where everybody can read it"
            yield error(variable.place, what, "take it from a Secret with secretKeyRef")
    for name, variable in training.environment.variables.items():
        if variable.is_missing:
            what = f"{shown(name)} {variable.origin}: the pod will not start"
            yield error(variable.place, what, "add the key, or correct its name")
        elif name.startswith("MLFLOW_") and "not among the files" in variable.origin:
            yield note(variable.place, f"{shown(name)} {variable.origin}", _ask(training, variable))
    for title, place in training.environment.unseen:
        yield note(place, f"{title} is not among the files", _ask_for(training, title))
    if not any(map(training.environment.get, CREDENTIALS)) and not training.environment.unseen:
        what = f"none of {', '.join(CREDENTIALS)} is set"
        remedy = "add the Secret of MLflow, unless its server asks for no password"
        yield note(training.workload.env_place, what, remedy)


def _ask(training: Training, variable: Variable) -> str:
    title = variable.origin.removeprefix("comes from ").partition(",")[0]
    return _ask_for(training, title)


def _ask_for(training: Training, title: str) -> str:
    kind, _, name = title.partition(" ")
    namespace = training.workload.namespace if training.workload else ""
    where = f" -n {shown(namespace)}" if namespace else ""
    return f"see that it is there: kubectl get {kind.lower()} {shown(name)}{where}"
