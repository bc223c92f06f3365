"""Where generated rules and the generated Alertmanager configuration point to."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, ConfigDict, Field

from alerts.documents import Section


def _web_address(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("should be a web address such as https://grafana.example.org")
    if parts.username or parts.password:
        raise ValueError("must not hold a user or a password: everybody who is told sees it")
    if set("{}") & set(url):
        raise ValueError("must not hold braces")
    return url.rstrip("/")


def _file_name(path: str) -> str:
    if "://" in path:
        raise ValueError("is a file that holds the webhook's address, not the address itself")
    return path


WebAddress = Annotated[str, AfterValidator(_web_address)]


class SlackReceiver(Section):
    """The Slack channel; its webhook stands in a file that Alertmanager reads."""

    channel: str = "#training-alerts"
    url_file: Annotated[str, AfterValidator(_file_name)] = "/etc/alertmanager/secrets/slack-url"


class EmailReceiver(Section):
    """The mailbox; the password stands in a file that Alertmanager reads.

    Without a `username` Alertmanager does not log in.
    """

    model_config = ConfigDict(validate_by_name=True, validate_by_alias=True)

    to: str = "training-alerts@example.org"
    sender: str = Field(default="alertmanager@example.org", alias="from")
    smarthost: str = "mail.example.org:587"
    username: str = "alertmanager"
    password_file: str = "/etc/alertmanager/secrets/smtp-password"  # noqa: S105 - where it is, not what it is
    require_tls: bool = True


class PrometheusSettings(Section):
    """What `tunewatch rules` cannot know: names and addresses around the generated files.

    `job` is what Prometheus calls the scrapes of tunewatch. `runbook_url` is where the folder of
    these alerts can be read, `dashboards_url` is Grafana, and `watchdog_url` is called while
    Prometheus and Alertmanager work, so that its silence is the alarm. A receiver that is null is
    left out.
    """

    job: Annotated[str, Field(pattern=r"^[A-Za-z0-9_./-]+$")] = "tunewatch"
    runbook_url: WebAddress = "https://example.org/tunewatch/alerts"
    dashboards_url: WebAddress = "https://grafana.example.org"
    watchdog_url: WebAddress | None = "https://watchdog.example.org/tunewatch"
    slack: SlackReceiver | None = SlackReceiver()
    email: EmailReceiver | None = EmailReceiver()
