"""`tunewatch notify`: a sample of each severity to every channel, and how that went."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from alerts.notify.channel import Result
from alerts.notify.message import compose
from alerts.notify.redact import Redactor
from exporter.app.channels import plan
from exporter.app.samples import samples
from exporter.config import load_config


class Trial(NamedTuple):
    """How one sample fared; `text` says it in a line without secrets."""

    text: str
    delivered: bool


def trials(
    config_file: Path | None, environ: Mapping[str, str], redactor: Redactor, now: float
) -> Iterator[Trial]:
    """Send the samples one by one, whatever a channel's own severity is, and say how each went.

    Raises alerts.documents.DocumentError for a bad configuration and
    alerts.notify.settings.ChannelError for a channel without a usable address.
    """
    config = load_config(config_file)
    channels = plan(config.notify, environ, redactor).channels
    if not channels:
        why = "notify.via is prometheus" if config.notify.via == "prometheus" else "no channels"
        yield Trial(f"nobody to tell: {why}", delivered=True)
    for channel in channels:
        for notice in samples(now):
            delivery = channel.send(compose(notice))
            severity = notice.transition.severity
            detail = f": {delivery.detail}" if delivery.detail else ""
            outcome = delivery.result.value.replace("_", " ")
            yield Trial(
                f"{channel.name}: {severity.value}: {outcome}{redactor.mask(detail)}",
                delivery.result is Result.DELIVERED,
            )
