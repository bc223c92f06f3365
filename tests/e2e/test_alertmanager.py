"""A GPU that fills up is told by tunewatch, Prometheus and Alertmanager: the real programs."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from alerts.promrules.files import FILES
from exporter.simulation import H100, SimulatedGpu
from tests.support.program import daemon, tunewatch
from tests.support.promtool import program
from tests.support.slack_server import SlackServer, slack_server
from tests.support.smtp_server import Mailbox, smtp_server
from tests.support.stack import alertmanager, port, running, until, until_answers

FALLS_WITHIN = 12.0
"""Seconds after which the GPU has less memory in use than the limit."""
PATIENCE = 40.0


def used(index: int, at: float) -> float:
    """Return how full a simulated GPU is at an instant, in percent."""
    gpu = SimulatedGpu(index, H100, at, at)
    return 100 * gpu.memory_used / H100.memory_total


def falling(now: float) -> int:
    """Return the GPU of seven whose memory is freed the fastest: their waves are apart."""
    return max(range(7), key=lambda index: used(index, now) - used(index, now + FALLS_WITHIN))


@dataclass
class Stack:
    """The programs, and where what they say arrives."""

    folder: Path
    prometheus: subprocess.Popen[bytes]
    chat: SlackServer
    mail: Mailbox

    def watch(self, limit: float) -> None:
        """Have Prometheus watch the memory of GPUs."""
        _generate(self.folder, self.chat, self.mail, limit)
        self.prometheus.send_signal(signal.SIGHUP)

    def said(self, *words: str) -> bool:
        """Whether a message with all these words came to the chat."""
        posts = [post.body.decode() for post in self.chat.posts if post.path == "/services/T/B/x"]
        return any(all(word in post for word in words) for post in posts)

    def mailed(self, *words: str) -> bool:
        """Whether a mail with all these words came."""
        texts = [f"{mail['Subject']} {_text(mail)}" for mail in self.mail.messages]
        return any(all(word in text for word in words) for text in texts)


def _text(mail: Any) -> str:  # noqa: ANN401 - what the mail server keeps
    return str(mail.get_body(preferencelist=("html",)).get_content())


def _generate(folder: Path, chat: SlackServer, mail: Mailbox, limit: float) -> None:
    """Write what `tunewatch rules` makes of a configuration, told without delay."""
    slack = folder / "slack-url"
    slack.write_text(f"http://{chat.address}/services/T/B/x")
    email = {"smarthost": f"127.0.0.1:{mail.port}", "username": "", "require_tls": False}
    config = {
        "thresholds": {"max_gpu_memory_pct": limit},
        "rules": {"gpu_memory_high": {"for": "0s", "keep_firing_for": "2s"}},
        "notify": {"via": "prometheus"},
        "nvml": {"interval": "1s"},
        "prometheus": {
            "slack": {"url_file": str(slack)},
            "email": email,
            "watchdog_url": f"http://{chat.address}/watchdog",
        },
    }
    file = folder / "tunewatch.yaml"
    file.write_text(yaml.safe_dump(config))
    done = tunewatch("rules", "--config.file", file.name, "--write", ".", cwd=folder)
    assert done.returncode == 0, done.stderr
    tree = yaml.safe_load((folder / FILES["alertmanager"]).read_text())
    _hasten(tree["route"])
    (folder / "hasty.yml").write_text(yaml.safe_dump(tree))


def _hasten(route: dict[str, Any]) -> None:
    """Tell what happened within a second."""
    route.update(group_wait="0s", group_interval="1s")
    for nested in route.get("routes", ()):
        _hasten(nested)


def _prometheus_config(folder: Path, scraped: int, told: int) -> None:
    config = {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": [FILES["prometheus"]],
        "alerting": {"alertmanagers": [{"static_configs": [{"targets": [f"127.0.0.1:{told}"]}]}]},
        "scrape_configs": [
            {
                "job_name": "tunewatch",
                "static_configs": [
                    {"targets": [f"127.0.0.1:{scraped}"], "labels": {"node": "gpu-1"}}
                ],
            }
        ],
    }
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config))


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    prometheus = program("prometheus", "prometheus")
    with ExitStack() as held:
        chat, mail = held.enter_context(slack_server()), held.enter_context(smtp_server())
        _generate(tmp_path, chat, mail, 100.0)
        flags = ("--no-collector.mlflow", "--nvml.simulate=7", "--config.file=tunewatch.yaml")
        scraped = held.enter_context(daemon(*flags, cwd=tmp_path)).address().port
        told, seen = port(), port()
        _prometheus_config(tmp_path, scraped, told)
        alertmanager_log, prometheus_log = (
            tmp_path / "alertmanager.log",
            tmp_path / "prometheus.log",
        )
        telling = [
            *(*alertmanager(), "--config.file=hasty.yml", "--storage.path=alertmanager"),
            *(f"--web.listen-address=127.0.0.1:{told}", "--cluster.listen-address="),
        ]
        seeing = [
            *(prometheus, "--config.file=prometheus.yml", "--storage.tsdb.path=prometheus"),
            *(f"--web.listen-address=127.0.0.1:{seen}", "--rules.alert.resend-delay=1s"),
        ]
        held.enter_context(running(telling, alertmanager_log))
        watching = held.enter_context(running(seeing, prometheus_log))
        until_answers(told, "/-/ready", alertmanager_log)
        until_answers(seen, "/-/ready", prometheus_log)
        yield Stack(tmp_path, watching, chat, mail)


@pytest.mark.timeout(150)
def test_a_full_gpu_is_told_to_chat_and_mail_and_so_is_its_end(stack: Stack) -> None:
    now = time.time()
    index = falling(now)
    stack.watch(used(index, now + FALLS_WITHIN))
    who = f"GPU {index} on gpu-1"
    until(lambda: stack.said("FIRING warning", who), PATIENCE, "the chat is told")
    until(lambda: stack.mailed("FIRING", who), PATIENCE, "a mail comes")
    until(lambda: stack.said("RESOLVED warning", who), PATIENCE, "the chat is told of the end")
    until(lambda: stack.mailed("RESOLVED", who), PATIENCE, "a mail comes of the end")
    posts = [post for post in stack.chat.posts if post.path == "/watchdog"]
    assert "TunewatchWatchdog" in {json.loads(p.body)["commonLabels"]["alertname"] for p in posts}
    first = json.loads(next(p.body for p in stack.chat.posts if p.path != "/watchdog"))
    assert first["channel"] == "#training-alerts"
    text = first["attachments"][0]["text"]
    assert "What to do: A longer batch may run out of memory" in text
    assert "|What this means>" in text
