"""The page on the doctor: how it reads files, and the table of its checks."""

from __future__ import annotations

import sys

from exporter.doctor import coverage, reach
from exporter.doctor.checks import CHECKS
from exporter.doctor.examine import ELSEWHERE
from exporter.doctor.finding import Level

_PAGE = """\
# `tunewatch doctor`

Looks over a training configuration before it runs, and says how to mend each line:

```console
$ tunewatch doctor train.yaml
train.yaml:1: note: what runs this is not among the files, so its MLFLOW_ variables are not \
checked: give the manifest of the job too
train.yaml:11: warning: min_loss_decrease_per_epoch, fast_fall_plateau can never fire: the run has \
1 epoch of the 3 that it takes: train for so many, or do without
train.yaml:15: error: report_to is 'none', so nothing reaches MLflow: set 'report_to: mlflow'
1 problem, 1 warning, 1 note
```

It takes a `train.yaml` of LLaMA-Factory, manifests of Kubernetes, a folder of them, or `-` for what
`kubectl kustomize … |` or `kubectl get -o yaml … |` writes. In manifests it finds the configuration

* that a container writes from a here-document, with `${VARIABLES}` as the shell would replace them:
  from `env`, `envFrom`, the ConfigMaps among the files, and what the script sets itself;
* that lies in a ConfigMap, which nothing replaces variables in unless the script has `envsubst`;
* that `llamafactory-cli train` is given, with `key=value` behind it, if the file is given too; or
  all of it as `--key value`.

Of a Secret only the names of its keys are read. What the files do not hold is named, and not
guessed: no check speaks of a value that it does not know.

`--config.file` has the thresholds (default: those of the design), `--output json` prints one object
per finding, `--offline` asks no server whether it is there. The exit code is 0 without problems
(`--strict`: without warnings too), 1 with some, 2 for what cannot be read.

| check | at worst | looks at |
|---|---|---|
"""

_END = """
The arguments that LLaMA-Factory takes are in [arguments.csv](arguments.csv); `arguments.py` says
from which releases. This page is written by `python -m exporter.doctor.reference`.
"""


def rows() -> list[tuple[str, Level, str]]:
    """Return name, gravest level and subject of everything that makes findings."""
    return [
        *((check.name, check.level, check.asks) for check in CHECKS),
        (coverage.NAME, coverage.LEVEL, coverage.ASKS),
        (reach.NAME, reach.LEVEL, reach.ASKS),
        (ELSEWHERE, Level.WARNING, "what a job trains from and nobody has given"),
    ]


def reference() -> str:
    """Write the page."""
    table = "".join(
        f"| `{name}` | {level.name.lower()} | {asks} |\n" for name, level, asks in rows()
    )
    return _PAGE + table + _END


if __name__ == "__main__":
    sys.stdout.write(reference())
