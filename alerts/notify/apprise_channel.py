"""Slack, e-mail and about a hundred other services; the only door to Apprise.

Apprise and its 180 plugins cost some 40 MiB, so they are imported with the first message.
"""

from __future__ import annotations

import contextlib
import logging
import re
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from enum import Enum, auto
from pathlib import Path
from typing import Any
from urllib.parse import quote

from alerts.model import Severity
from alerts.notify import as_slack
from alerts.notify.apprise_causes import CauseLogger
from alerts.notify.channel import Delivery, Result
from alerts.notify.escape import defuse, sentence
from alerts.notify.notice import Message
from alerts.notify.redact import Redactor
from alerts.notify.settings import ChannelError, ChannelSettings

_HELP = "https://github.com/caronc/apprise/wiki shows the form of each service's URL"
_STATUS = re.compile(r"\berror=(\d{3})\b")
_REJECTIONS = (401, 403, 404, 410)
_RATE_LIMITED = 429
_KINDS = {Severity.INFO: "info", Severity.WARNING: "warning", Severity.CRITICAL: "failure"}


class Template(Enum):
    """In which dress a service gets a message."""

    TEXT = auto()
    SLACK = auto()
    MAIL = auto()


class AppriseChannel:
    """One notification URL; retries are the outbox's, so Apprise is told to make none.

    `monotonic` (seconds) and `sleep` keep the pace that a service asks for. To be used by one
    thread at a time.
    """

    def __init__(
        self,
        settings: ChannelSettings,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.name = settings.name
        self.min_severity = settings.min_severity
        self.match = settings.match
        self.settings = settings
        self._redactor = Redactor()
        self._redactor.learn_url(settings.url.reveal())
        self._apprise: Any = None
        self._template = Template.TEXT
        self._causes = CauseLogger(logging.getLogger("apprise"))
        self._monotonic = monotonic
        self._sleep = sleep
        self._rest = 0.0
        self._rested_at = monotonic()

    def validate(self) -> None:
        """Raise ChannelError, which never shows the URL, when Apprise cannot use the URL."""
        if self._apprise is None:
            self._apprise = self._load()

    def prepare(self) -> None:
        """Load what sending takes, and wait until the service may be asked again."""
        with contextlib.suppress(ChannelError):
            self.validate()
        self._sleep(max(0.0, self._rested_at - self._monotonic()))

    def send(self, message: Message) -> Delivery:
        """Send the message and tell how that went; takes as long as the URL's time limits."""
        try:
            self.validate()
        except ChannelError as error:
            return Delivery(Result.REJECTED, str(error))
        self._sleep(max(0.0, self._rested_at - self._monotonic()))
        self._causes.cause = None
        kind = "success" if message.kind.resolves else _KINDS[message.severity]
        result = self._apprise.notify(notify_type=kind, **self._dressed(message))
        self._rested_at = self._monotonic() + self._rest
        return self._delivery(result)

    def _dressed(self, message: Message) -> dict[str, str | None]:
        """Return the message as the service shows it best."""
        if self._template is Template.SLACK:
            title = as_slack.header(message.title)
            body = message.slack or as_slack.from_text(message.text)
            # Without a format Apprise hands the text on as it is.
            return {"title": title, "body": body, "body_format": None}
        if self._template is Template.MAIL and message.html:
            return {"title": message.title, "body": message.html, "body_format": "html"}
        # Declared as text, Apprise escapes it for whatever the service understands.
        title, text = defuse(message.title), defuse(message.text)
        return {"title": title, "body": text, "body_format": "text"}

    def _load(self) -> Any:  # noqa: ANN401 - apprise is imported without types
        import apprise  # noqa: PLC0415 - not before a message is to be sent

        url = _with_limits(self.settings.url.reveal())
        # Without a limit of its own Apprise sends on this thread; with one it would use a small
        # pool that all channels share and that hanging ones can fill. A redirected POST becomes a
        # GET, whose success would hide that nobody got anything.
        asset = apprise.AppriseAsset(
            service_timeout=0, app_id="tunewatch", app_desc="tunewatch", http_redirects=False
        )
        with _muted("apprise"):
            service = apprise.Apprise.instantiate(url, asset=asset)
            self._template = _template(service)
            if self._template is Template.SLACK:
                service = apprise.Apprise.instantiate(_with_blocks(url), asset=asset)
        if service is None:
            raise ChannelError(
                f"channel '{self.name}': {self.settings.origin or 'its URL'} is not a URL that "
                f"Apprise can use (unknown scheme or malformed); {_HELP}"
            )
        # Apprise would keep the pace by a clock that people set, and sleep for as long as that was.
        self._rest, service.request_rate_per_sec = float(service.request_rate_per_sec), 0
        service.logger = self._causes
        channel = apprise.Apprise(asset=asset)
        channel.add(service)
        return channel

    def _delivery(self, result: Any) -> Delivery:  # noqa: ANN401 - apprise.AppriseResult
        """Read the end of the one attempt from its status and from what the plugin logged."""
        # Not the result's own word: `?optional=yes` in a URL makes it a success in any case.
        if any(attempt for service in result for attempt in service.attempts):
            return Delivery(Result.DELIVERED)
        lines = [str(entry.message) for entry in result.logs()]
        cause = self._causes.cause
        lines += [cause.words] if cause else []
        detail = sentence(self._redactor.mask("; ".join(lines))) or result.status.name.lower()
        status = next((int(found[1]) for line in lines if (found := _STATUS.search(line))), None)
        if status is None and cause is not None and cause.rejected:
            return Delivery(Result.REJECTED, detail)
        if status is None:
            return Delivery(Result.FAILED, detail, uncertain=cause is None or cause.sent)
        if status == _RATE_LIMITED:
            return Delivery(Result.RATE_LIMITED, detail)
        return Delivery(Result.REJECTED if status in _REJECTIONS else Result.FAILED, detail)


def _with_limits(url: str) -> str:
    """Add time limits (seconds to connect and to read) unless the URL has its own.

    Mail servers may examine a message for long before they accept it, and giving up earlier would
    send it once more with every retry.
    """
    mail = url.lower().startswith("mailto")
    seconds = 30 if mail else 5
    defaults = (f"cto={seconds}", f"rto={seconds}", "overflow=truncate")
    # So marked, a mail is not answered by those who are on vacation (RFC 3834).
    return _with(url, (*defaults, "%2BAuto-Submitted=auto-generated") if mail else defaults)


def _template(service: Any) -> Template:  # noqa: ANN401 - an Apprise plugin
    """Return what the service understands; Slack's workflows take one plain variable."""
    protocol = getattr(service, "secure_protocol", None)
    if protocol == "slack" and not str(service.mode).startswith(("workflow", "trigger")):
        return Template.SLACK
    return Template.MAIL if protocol == "mailtos" else Template.TEXT


def _with_blocks(url: str) -> str:
    """Add our Slack template unless the URL has one of its own."""
    template = quote(str(Path(__file__).with_name("slack.json")), safe="")
    return _with(url, (f"template={template}",))


def _with(url: str, defaults: Iterable[str]) -> str:
    """Add `defaults` (key=value) to the URL where it does not set those keys."""
    added = [default for default in defaults if default.partition("=")[0] + "=" not in url]
    return url + ("&" if "?" in url else "?") + "&".join(added) if added else url


@contextmanager
def _muted(logger_name: str) -> Iterator[None]:
    """Drop what this thread logs there: Apprise quotes the parts of a URL that it refuses."""
    thread = threading.get_ident()

    def is_other(_record: logging.LogRecord) -> bool:
        return threading.get_ident() != thread

    logger = logging.getLogger(logger_name)
    logger.addFilter(is_other)
    try:
        yield
    finally:
        logger.removeFilter(is_other)
