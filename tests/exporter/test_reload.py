"""Another configuration while the process runs: taken over as a whole, or not at all."""

from __future__ import annotations

import logging
import os
import threading
from pathlib import Path

import pytest

from alerts.documents import DocumentError
from alerts.notify.settings import ChannelError
from exporter.app.reload import LOOK_SECONDS, Configuration
from exporter.config import DEFAULT_CONFIG, Config, config_hash

GOOD = "thresholds: {max_gpu_memory_pct: 90}\n"
OTHER = "thresholds: {max_gpu_memory_pct: 80}\n"
BAD = "thresholds: {max_gpu_memory_pct: 900}\n"
NOW = 1000.0


class Applied(list[tuple[float | None, float]]):
    """The memory threshold and time of each configuration that was put in force."""

    def __call__(self, config: Config, now: float) -> None:
        self.append((config.thresholds.max_gpu_memory_pct, now))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "tunewatch.yaml"
    path.write_text(GOOD)
    return path


@pytest.fixture
def configuration(file: Path) -> Configuration:
    return Configuration(file, NOW)


@pytest.fixture
def applied(configuration: Configuration) -> Applied:
    applied = Applied()
    configuration.apply = applied
    return applied


def test_a_bad_file_keeps_the_process_from_starting(file: Path) -> None:
    file.write_text(BAD)
    with pytest.raises(DocumentError, match="max_gpu_memory_pct"):
        Configuration(file, NOW)


def test_a_file_that_stays_as_it_is_is_left_alone(
    configuration: Configuration, applied: Applied
) -> None:
    assert configuration.watch(NOW + 5) == LOOK_SECONDS
    assert applied == []
    assert configuration.reloaded_at == NOW


def test_a_file_that_changes_is_taken_over(
    configuration: Configuration, applied: Applied, file: Path
) -> None:
    before = configuration.hash
    file.write_text(OTHER)
    configuration.watch(NOW + 5)
    assert applied == [(80, NOW + 5)]
    assert configuration.reloaded_at == NOW + 5
    assert configuration.hash == config_hash(configuration.config) != before
    configuration.watch(NOW + 10)
    assert len(applied) == 1


@pytest.mark.parametrize(
    "entry", ["channels: [{name: ops, url_file: %s}]", "heartbeat_url_file: %s"]
)
def test_an_address_that_rotates_is_taken_over(file: Path, entry: str) -> None:
    """Kubernetes replaces a mounted secret while the configuration stays as it is."""
    secret = file.with_name("url")
    secret.write_text("json://one")
    file.write_text(f"notify: {{{entry % secret}}}\n")
    configuration, applied = Configuration(file, NOW), Applied()
    configuration.apply = applied
    configuration.watch(NOW + 5)
    assert applied == []
    secret.write_text("json://another")
    configuration.watch(NOW + 10)
    configuration.watch(NOW + 15)
    assert [at for _, at in applied] == [NOW + 10]


def test_an_address_that_comes_after_its_configuration_is_taken_over(
    configuration: Configuration, file: Path
) -> None:
    secret, tried = file.with_name("url"), []

    def apply(_config: Config, now: float) -> None:
        tried.append(now)
        if not secret.exists():
            raise ChannelError("cannot read url")

    configuration.apply = apply
    file.write_text(f"notify: {{channels: [{{name: ops, url_file: {secret}}}]}}\n")
    for look in (5, 10):
        configuration.watch(NOW + look)
    assert configuration.problem
    secret.write_text("json://one")
    configuration.watch(NOW + 15)
    assert tried == [NOW + 5, NOW + 15]
    assert configuration.problem == ""


def test_a_file_of_the_same_size_and_time_but_another_place_has_changed(
    configuration: Configuration, applied: Applied, file: Path
) -> None:
    """Kubernetes swaps a link when a ConfigMap changes."""
    other = file.with_name("other.yaml")
    other.write_text(OTHER)
    stat = file.stat()
    os.utime(other, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    other.rename(file)
    configuration.watch(NOW + 5)
    assert applied == [(80, NOW + 5)]


def test_a_bad_file_changes_nothing_and_is_told_once(
    configuration: Configuration, applied: Applied, file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    before = (configuration.config, configuration.hash)
    file.write_text(BAD + "nvml: 3\n")
    configuration.watch(NOW + 5)
    configuration.watch(NOW + 10)
    assert applied == []
    assert (configuration.config, configuration.hash) == before
    assert configuration.reloaded_at == NOW
    assert "max_gpu_memory_pct" in configuration.problem
    assert [r.levelname for r in caplog.records] == ["ERROR", "ERROR"], "one for each mistake"
    assert all("the configuration before stays in force" in r.message for r in caplog.records)


def test_a_file_that_is_mended_is_taken_over(
    configuration: Configuration, applied: Applied, file: Path
) -> None:
    file.write_text(BAD)
    configuration.watch(NOW + 5)
    file.write_text(OTHER)
    configuration.watch(NOW + 10)
    assert configuration.problem == ""
    assert applied == [(80, NOW + 10)]


def test_a_file_that_vanishes_changes_nothing(
    configuration: Configuration, applied: Applied, file: Path
) -> None:
    file.unlink()
    configuration.watch(NOW + 5)
    assert "cannot read the file" in configuration.problem
    file.write_text(OTHER)
    configuration.watch(NOW + 10)
    assert applied == [(80, NOW + 10)]
    assert configuration.problem == ""


def test_who_asks_gets_a_reload_of_a_file_that_has_not_changed(
    configuration: Configuration, applied: Applied
) -> None:
    configuration.ask()
    configuration.watch(NOW + 5)
    configuration.watch(NOW + 10)
    assert applied == [(90, NOW + 5)]


def test_a_reload_answers_what_is_wrong(configuration: Configuration, file: Path) -> None:
    assert configuration.reload(NOW + 5) == ""
    file.write_text(BAD)
    problem = configuration.reload(NOW + 6)
    assert problem.startswith(f"{file}:1: thresholds.max_gpu_memory_pct: should be less than")
    assert configuration.problem == problem


def test_channels_that_cannot_be_opened_change_nothing(
    configuration: Configuration, file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(_config: Config, _now: float) -> None:
        raise ChannelError("channel 'a' has no address\nchannel 'b' has none either")

    configuration.apply = refuse
    before = configuration.config
    file.write_text(OTHER)
    assert "channel 'b'" in configuration.reload(NOW + 5)
    assert configuration.config is before
    assert [record.levelname for record in caplog.records] == ["ERROR", "ERROR"]
    configuration.apply = lambda _config, _now: None
    assert configuration.reload(NOW + 6) == configuration.problem == ""


def test_sections_that_are_read_once_ask_for_a_restart(
    configuration: Configuration, file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    file.write_text(OTHER + "nvml: {interval: 5}\nmlflow: {interval: 5}\n")
    configuration.reload(NOW + 5)
    assert caplog.messages == ["restart tunewatch for the changes in: nvml, mlflow"]
    configuration.reload(NOW + 6)
    assert len(caplog.messages) == 2, "as long as what runs differs from what is written"
    file.write_text(OTHER)
    configuration.reload(NOW + 7)
    assert len(caplog.messages) == 2


def test_without_a_file_the_defaults_stay() -> None:
    configuration = Configuration(None, NOW)
    applied = Applied()
    configuration.apply = applied
    configuration.watch(NOW + 5)
    assert applied == []
    assert configuration.reload(NOW + 6) == ""
    assert configuration.config == DEFAULT_CONFIG


def test_what_cannot_be_applied_is_not_in_force(configuration: Configuration, file: Path) -> None:
    def fails(_config: Config, _now: float) -> None:
        raise RuntimeError

    configuration.apply = fails
    file.write_text(OTHER)
    with pytest.raises(RuntimeError):
        configuration.reload(NOW + 5)
    assert configuration.config.thresholds.max_gpu_memory_pct == 90


def test_two_reloads_at_once_follow_each_other(configuration: Configuration) -> None:
    """A signal, a request and a changed file may come together."""
    inside = 0
    most = 0
    ready = threading.Barrier(4)

    def apply(_config: Config, _now: float) -> None:
        nonlocal inside, most
        inside += 1
        most = max(most, inside)
        inside -= 1

    def reload() -> None:
        ready.wait()
        for _ in range(20):
            configuration.reload(NOW)

    configuration.apply = apply
    threads = [threading.Thread(target=reload) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 1
