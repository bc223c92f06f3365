"""What the demonstration's programs are started with."""

from __future__ import annotations

import socket
from pathlib import Path

from alerts.thresholds import USER_THRESHOLDS
from exporter.config import load_config
from exporter.demo.loopback import HOST, answers, free_port
from exporter.demo.programs import configuration


def test_the_configuration_is_valid_and_has_the_thresholds_of_the_design(tmp_path: Path) -> None:
    file = tmp_path / "tunewatch.yaml"
    file.write_text(configuration(mlflow_port=5001))
    config = load_config(file)
    assert config.thresholds == USER_THRESHOLDS
    assert config.mlflow.tracking_uri == "http://127.0.0.1:5001"
    assert config.mlflow.interval == 2


def test_a_port_in_use_is_refused_when_asked_for_and_avoided_when_not() -> None:
    with socket.create_server((HOST, 0)) as taken:
        port = taken.getsockname()[1]
        assert free_port(port, usual=0) is None
        other = free_port(None, usual=port)
        assert other not in (None, port)
        assert free_port(other, usual=port) == other


def test_nobody_answers_at_a_free_port() -> None:
    port = free_port(None, usual=0)
    assert port
    assert not answers(port, "/health")
