"""Who is told by Alertmanager, and in which words; secrets stay in files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from alerts.promrules.settings import EmailReceiver, PrometheusSettings, SlackReceiver

TEAM = "tunewatch-team"
TOLD_ONCE = "tunewatch-events"
"""The same people, who are not told that an event is over."""
WATCHDOG = "tunewatch-watchdog"
CHANGES = "5m"

Tree = Mapping[str, Any]

_ESCAPED = ' | reReplaceAll "&" "&amp;" | reReplaceAll "<" "&lt;" | reReplaceAll ">" "&gt;"'
"""A run's name must not call a Slack channel together; mail is escaped by Alertmanager itself."""
_HEADLINE = (
    "[{{ .Status | toUpper }}"
    '{{ if eq .Status "firing" }} {{ .CommonLabels.severity | toUpper }}{{ end }}] '
    "{{ with .CommonAnnotations.summary }}{{ .%s }}{{ else }}{{ .Alerts | len }} alerts"
    "{{ with .CommonLabels.run_name }} of {{ .%s }}{{ end }}"
    "{{ with .CommonLabels.node }} on {{ . }}{{ end }}{{ end }}"
)
_SUBJECT = _HEADLINE % ("", "")
_TITLE = _HEADLINE % (_ESCAPED, _ESCAPED)
_SLACK_TEXT = (
    "{{ range .Alerts }}"
    "*{{ .Status | toUpper }} {{ .Labels.severity }}* "
    f"{{{{ .Annotations.summary{_ESCAPED} }}}}"
    '{{ if eq .Status "firing" }}'
    f"\n{{{{ .Annotations.description{_ESCAPED} }}}}"
    "{{ with .Annotations.runbook_url }}\n<{{ . }}|What this means>{{ end }}"
    "{{ with .Annotations.dashboard_url }} · <{{ . }}|Dashboard>{{ end }}"
    "{{ end }}\n\n{{ end }}"
)
_MAIL = (
    "{{ range .Alerts }}"
    "<p><b>{{ .Status | toUpper }} {{ .Labels.severity }}</b> {{ .Annotations.summary }}"
    '{{ if eq .Status "firing" }}'
    "<br>{{ .Annotations.description }}"
    '<br><a href="{{ .Annotations.runbook_url }}">What this means</a>'
    ' · <a href="{{ .Annotations.dashboard_url }}">Dashboard</a>'
    "{{ end }}</p>\n{{ end }}"
)
_COLOR = (
    '{{ if eq .Status "resolved" }}good'
    '{{ else if eq .CommonLabels.severity "critical" }}danger{{ else }}warning{{ end }}'
)


def globals_of(prometheus: PrometheusSettings) -> Tree:
    """Return where mail and chat are sent, without any secret."""
    found: dict[str, Any] = {"resolve_timeout": CHANGES}
    if prometheus.slack:
        found["slack_api_url_file"] = prometheus.slack.url_file
    if prometheus.email:
        found |= _smtp(prometheus.email)
    return found


def _smtp(email: EmailReceiver) -> Tree:
    found: dict[str, Any] = {
        "smtp_smarthost": email.smarthost,
        "smtp_from": email.sender,
        "smtp_require_tls": email.require_tls,
    }
    if email.username:
        found |= {
            "smtp_auth_username": email.username,
            "smtp_auth_password_file": email.password_file,
        }
    return found


def receivers(prometheus: PrometheusSettings) -> Iterator[Tree]:
    """Yield the receivers: people, people who are told once, and the watchdog's listener."""
    for name in (TEAM, TOLD_ONCE):
        yield {"name": name, **_channels(prometheus, send_resolved=name == TEAM)}
    if prometheus.watchdog_url:
        url = prometheus.watchdog_url
        yield {"name": WATCHDOG, "webhook_configs": [{"url": url, "send_resolved": False}]}


def _channels(
    prometheus: PrometheusSettings, *, send_resolved: bool
) -> Mapping[str, Sequence[Tree]]:
    found: dict[str, Sequence[Tree]] = {}
    if prometheus.slack:
        found["slack_configs"] = [_slack(prometheus.slack) | {"send_resolved": send_resolved}]
    if prometheus.email:
        found["email_configs"] = [_email(prometheus.email) | {"send_resolved": send_resolved}]
    return found


def _slack(slack: SlackReceiver) -> dict[str, Any]:
    return {
        "channel": slack.channel,
        "color": _COLOR,
        "title": _TITLE,
        "text": _SLACK_TEXT,
        "fallback": _TITLE,
    }


def _email(email: EmailReceiver) -> dict[str, Any]:
    return {"to": email.to, "headers": {"Subject": _SUBJECT}, "html": _MAIL}
