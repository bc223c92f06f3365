"""The two programs of the demonstration: a real tracking server, and tunewatch beside it."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import yaml

from alerts.thresholds import USER_THRESHOLDS
from exporter.demo.child import Child, module
from exporter.demo.crew import DemoError
from exporter.demo.loopback import HOST, NoAnswer, request

POLL_SECONDS = 2


def require_mlflow() -> None:
    """Raise DemoError unless the full distribution is there; the light one has no server."""
    try:
        distribution("mlflow")
    except PackageNotFoundError as error:
        raise DemoError(
            "the demonstration needs MLflow's own server, and only the light mlflow-skinny is "
            "installed: pip install 'tunewatch[demo]'"
        ) from error


def start_mlflow(folder: Path, port: int) -> Child:
    """Start a tracking server that keeps everything in `folder`."""
    arguments = [
        *("server", "--host", HOST, "--port", str(port)),
        *("--backend-store-uri", f"sqlite:///{folder / 'mlflow.db'}"),
        *("--default-artifact-root", str(folder / "artifacts"), "--no-serve-artifacts"),
        # With its defaults the server takes 17 processes and 3 GiB.
        *("--workers", "1"),
    ]
    settings = {
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_DISABLE_TELEMETRY": "true",
    }
    command = module("mlflow", *arguments)
    log = folder / "mlflow.log"
    return Child("the MLflow server", command, folder=folder, settings=settings, log=log)


def is_our_mlflow(folder: Path, port: int) -> bool:
    """Whether the server that answers by now is the one that keeps its files in `folder`.

    Another program may have taken the port meanwhile, and nobody else's server is played to.
    """
    try:
        status, text = request(port, "GET", "/api/2.0/mlflow/experiments/get?experiment_id=0")
    except NoAnswer:
        return False
    return status == 200 and str(folder) in text


def start_tunewatch(folder: Path, port: int, config: Path, simulated_gpus: int) -> Child:
    """Start the daemon with a configuration file; what it prints goes to our console."""
    arguments = [
        *("run", "--config.file", str(config), "--web.listen-address", f"{HOST}:{port}"),
        *("--state.file", str(folder / "state.json")),
        *("--log.level", "warn"),
    ]
    if simulated_gpus:
        arguments += ["--nvml.simulate", str(simulated_gpus)]
    settings = {"MLFLOW_DISABLE_TELEMETRY": "true"}
    command = module("exporter", *arguments)
    return Child("tunewatch", command, folder=folder, settings=settings)


def configuration(mlflow_port: int) -> str:
    """Return the daemon's configuration: what a user writes, and a quick poll."""
    return yaml.safe_dump(
        {
            "thresholds": USER_THRESHOLDS.model_dump(),
            "mlflow": {
                "tracking_uri": f"http://{HOST}:{mlflow_port}",
                "interval": f"{POLL_SECONDS}s",
            },
            "nvml": {"interval": f"{POLL_SECONDS}s"},
        },
        sort_keys=False,
    )
