"""Where messages send people: commands that can be pasted, addresses that are addresses."""

from __future__ import annotations

import shlex
from dataclasses import replace

import pytest
from pydantic import ValidationError

from alerts.model import PodName, Subject
from alerts.notify.escape import link
from alerts.notify.links import dashboard_link, pod_commands
from alerts.notify.message import compose
from alerts.thresholds import Notify
from tests.support.message_cases import FIRING
from tests.support.notices import run_context

RUN = Subject("run", "0f3c/9a&b")


def commands(namespace: str, pod: str) -> list[str]:
    return list(pod_commands(PodName(namespace, pod)))


def test_the_pod_is_looked_at_with_kubectl() -> None:
    assert commands("ml", "train-x7k2p") == [
        "kubectl -n ml logs --tail=100 train-x7k2p",
        "kubectl -n ml exec train-x7k2p -- nvidia-smi",
    ]


def test_without_a_namespace_it_is_the_default_one() -> None:
    assert commands("", "train")[0] == "kubectl logs --tail=100 train"


@pytest.mark.parametrize("name", ["a; rm -rf ~", "$(reboot)", "`reboot`", "it's", 'a"b', "a b|c"])
def test_names_are_quoted_for_the_shell(name: str) -> None:
    logs, smi = commands(name, name)
    assert shlex.split(logs) == ["kubectl", "-n", name, "logs", "--tail=100", name]
    assert shlex.split(smi) == ["kubectl", "-n", name, "exec", name, "--", "nvidia-smi"]


@pytest.mark.parametrize("pod", ["", "--kubeconfig=/tmp/x", "a\nreboot", "a\x1b[2J", "x" * 254])
def test_what_no_pod_is_called_gives_no_command(pod: str) -> None:
    assert commands("ml", pod) == []


def test_an_impossible_namespace_is_left_out() -> None:
    assert commands("-oyaml", "train")[0] == "kubectl logs --tail=100 train"


def test_the_dashboard_of_a_run() -> None:
    template = "https://grafana.example/d/run?var-run_id={run_id}"
    assert dashboard_link(template, RUN).endswith("var-run_id=0f3c%2F9a%26b")
    assert dashboard_link(template, Subject("gpu", "GPU-1", "node-a")) == ""
    assert dashboard_link("https://g.example/d/all", Subject("gpu", "GPU-1")).endswith("/d/all")
    assert dashboard_link("", RUN) == ""


@pytest.mark.parametrize("url", ["https://g.example/d?run={run_id}", "http://g/d", None])
def test_a_good_dashboard_address(url: str | None) -> None:
    assert Notify(dashboard_url=url).dashboard_url == url


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("grafana.example/d", "a web address"),
        ("javascript:alert(1)", "a web address"),
        ("https:///d", "a web address"),
        ("https://[::1/d", "Invalid IPv6 URL"),
        ("https://ops:hunter2@g.example/d", "user or password"),
        ("https://g.example/d?run={run}", "one placeholder"),
        ("https://g.example/{}", "one placeholder"),
    ],
)
def test_a_bad_dashboard_address_is_refused(url: str, problem: str) -> None:
    with pytest.raises(ValidationError, match=problem):
        Notify(dashboard_url=url)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://ops:hunter2@mlflow.example/#/runs/1", "https://mlflow.example/#/runs/1"),
        ("https://a/?q=<b>|\"'", "https://a/?q=%3Cb%3E%7C%22%27"),
        ("https://a/b c", "https://a/b%20c"),
        ("javascript:alert(1)", ""),
        ("file:///etc/passwd", ""),
        ("https://a/\n#b", ""),
        ("https://a/" + "x" * 300, ""),
    ],
)
def test_a_link_is_an_address_of_the_web(url: str, shown: str) -> None:
    assert link(url) == shown
    known = run_context()
    about = replace(known, facts=replace(known.facts, url=url))
    message = compose(replace(FIRING, about=about))
    for text in (message.text, message.slack, message.html):
        assert "hunter2" not in text
        assert "javascript:" not in text
    assert (f"MLflow run: {shown}" in message.text) is bool(shown)
