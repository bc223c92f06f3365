"""Channels and the heartbeat of a running process follow its configuration."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from exporter.server import Address
from tests.support.http import request
from tests.support.program import daemon, environment, eventually, tunewatch
from tests.support.slack_server import SlackServer, slack_server

FLAGS = ("--nvml.simulate=2", "--node.name=node-1", "--config.file=tunewatch.yaml")
RULES = "rules: {gpu_memory_high: {for: 0s, severity: critical}}\n"
QUIET = "thresholds: {}\nnotify: {console: false}\n" + RULES
LOUD = """\
thresholds: {max_gpu_memory_pct: 0}
notify:
  channels: [{name: ops, url_file: url}]
  heartbeat_url_file: beat
"""


@pytest.fixture
def server() -> Iterator[SlackServer]:
    with slack_server() as running:
        yield running


def reload(address: Address, folder: Path, text: str) -> int:
    (folder / "tunewatch.yaml").write_text(text)
    return request(address, "/-/reload", method="POST").status


def shows(address: Address, line: str) -> bool:
    return f"\n{line}\n" in request(address, "/metrics").text


def test_channels_follow_the_configuration(tmp_path: Path, server: SlackServer) -> None:
    (tmp_path / "tunewatch.yaml").write_text(QUIET)
    (tmp_path / "url").write_text(f"json://{server.address}/hook-s3cr3t\n")
    with daemon(*FLAGS, cwd=tmp_path) as running:
        address = running.address()
        eventually(lambda: shows(address, 'tunewatch_source_up{source="nvml"} 1.0'))
        assert "tunewatch_notifications_total" not in request(address, "/metrics").text

        assert reload(address, tmp_path, LOUD + RULES) == 500, "there is no file `beat`"
        assert not server.posts
        (tmp_path / "beat").write_text(f"http://{server.address}/beat-s3cr3t\n")
        assert reload(address, tmp_path, LOUD + RULES) == 200
        eventually(lambda: len(server.posts) == 1)
        assert "2 alerts" in json.loads(server.posts[0].body)["message"]
        delivered = 'tunewatch_notifications_total{channel="ops",outcome="delivered"}'
        eventually(lambda: shows(address, f"{delivered} 1.0"))
        # The server answers posts alone: a heartbeat that is refused is counted.
        eventually(lambda: shows(address, 'tunewatch_heartbeats_total{outcome="failed"} 1.0'))

        by_prometheus = LOUD.replace("notify:\n", "notify:\n  via: prometheus\n")
        assert reload(address, tmp_path, by_prometheus + RULES) == 200
        firing = json.loads(request(address, "/api/v1/alerts").body)["alerts"]
        assert len(firing) == 2, "judged and shown, but not told"
        assert reload(address, tmp_path, QUIET) == 200
        eventually(lambda: json.loads(request(address, "/api/v1/alerts").body)["alerts"] == [])
    assert len(server.posts) == 1
    log = "\n".join(running.lines)
    assert "s3cr3t" not in log


def test_a_sample_of_each_severity_goes_to_every_channel(
    tmp_path: Path, server: SlackServer
) -> None:
    (tmp_path / "tunewatch.yaml").write_text(
        "notify: {console: true, channels: [{name: ops, url_env: OPS, min_severity: critical}]}"
    )
    (tmp_path / "url").write_text(f"json://{server.address}/hook-s3cr3t")
    environ = environment(
        tmp_path,
        OPS=f"json://{server.address}/hook-s3cr3t",
        TUNEWATCH_CONFIG_FILE="tunewatch.yaml",
    )
    done = tunewatch("notify", cwd=tmp_path, environ=environ)
    assert (done.returncode, done.stderr) == (0, "")
    reported = [line for line in done.stdout.splitlines() if line.endswith(": delivered")]
    assert reported == [
        f"{channel}: {severity}: delivered"
        for channel in ("ops", "console")
        for severity in ("info", "warning", "critical")
    ]
    assert "This is a test" in done.stdout
    assert [json.loads(post.body)["type"] for post in server.posts] == [
        "info",
        "warning",
        "failure",
    ]


def test_a_channel_that_fails_fails_the_trial(tmp_path: Path, server: SlackServer) -> None:
    server.mood = "gone"
    environ = environment(tmp_path, TUNEWATCH_NOTIFY_URLS=f"json://{server.address}/hook-s3cr3t")
    done = tunewatch("notify", cwd=tmp_path, environ=environ)
    assert done.returncode == 1
    assert done.stdout.count("json: critical: rejected: ") == 1
    assert "error=404" in done.stdout
    assert "s3cr3t" not in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("config", "code", "said"),
    [
        ("notify: {via: prometheus}", 0, "nobody to tell: notify.via is prometheus\n"),
        ("notify: {console: false}", 0, "nobody to tell: no channels\n"),
        ("notify: {channels: [{name: a, url_env: ABSENT}]}", 2, ""),
        ("notify: {channel: []}", 2, ""),
    ],
)
def test_who_has_nobody_to_tell_is_told_so(
    tmp_path: Path, config: str, code: int, said: str
) -> None:
    (tmp_path / "tunewatch.yaml").write_text(config)
    done = tunewatch("notify", "--config.file", "tunewatch.yaml", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (code, said)
    assert bool(done.stderr) is (code == 2)
