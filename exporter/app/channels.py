"""Whom to tell: channels from configuration and environment, the console where there are none."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from alerts.notify.apprise_channel import AppriseChannel
from alerts.notify.channel import Channel, Match
from alerts.notify.console import ConsoleChannel
from alerts.notify.recipients import by_recipient
from alerts.notify.redact import Redactor
from alerts.notify.settings import (
    ChannelError,
    ChannelSettings,
    Secret,
    from_environment,
    from_file,
    from_variable,
    heartbeat_url,
)
from alerts.notify.validate import validate
from alerts.outbox import Pace
from alerts.thresholds import ChannelEntry, Notify


@dataclass(frozen=True, slots=True)
class Plan:
    """Whom to tell, and how often; everything in it was checked."""

    channels: tuple[Channel, ...]
    heartbeat: Secret | None
    pace: Pace


def plan(
    notify: Notify, environ: Mapping[str, str], redactor: Redactor, known: Iterable[Channel] = ()
) -> Plan:
    """Return whom to tell by these settings; channels of `known` that stay are not opened anew.

    Raises alerts.notify.settings.ChannelError naming what has no usable address.
    """
    heartbeat = heartbeat_url(notify.heartbeat_url_env, notify.heartbeat_url_file, environ)
    if heartbeat is not None:
        redactor.learn_url(heartbeat.reveal())
    pace = Pace(repeat=notify.repeat.warning, repeat_critical=notify.repeat.critical)
    if notify.via == "prometheus":
        # Alertmanager tells people; were we to tell them too, they would hear everything twice.
        return Plan((), heartbeat, pace)
    return Plan(open_channels(notify, environ, redactor, known), heartbeat, pace)


def open_channels(
    notify: Notify, environ: Mapping[str, str], redactor: Redactor, known: Iterable[Channel] = ()
) -> tuple[Channel, ...]:
    """Open every channel that is not `known` and teach the log to mask its address.

    Raises alerts.notify.settings.ChannelError naming each channel without a usable address.
    """
    wanted = tuple(_wanted(notify, environ))
    for settings in wanted:
        redactor.learn_url(settings.url.reveal())
    console = [channel for channel in known if isinstance(channel, ConsoleChannel)]
    same = {channel.settings: channel for channel in known if isinstance(channel, AppriseChannel)}
    validate([settings for settings in wanted if settings not in same])
    channels: list[Channel] = [same.get(s) or AppriseChannel(s) for s in wanted]
    if notify.console or (notify.console is None and not channels):
        channels.append(console[0] if console else ConsoleChannel(sys.stdout))
    names = [channel.name for channel in channels]
    if len(set(names)) < len(names):
        raise ChannelError(
            f"channel '{names[-1]}': the console itself goes by this name; give the channel "
            "another one, or set notify.console to false"
        )
    return tuple(channels)


def _wanted(notify: Notify, environ: Mapping[str, str]) -> Iterator[ChannelSettings]:
    """Yield the settings of every channel; mail has one for each recipient."""
    found = [_settings(entry, environ) for entry in notify.channels]
    found += from_environment(environ, [settings.name for settings in found])
    for settings in found:
        for number, url in enumerate(by_recipient(settings.url.reveal()), start=1):
            # No name of a channel holds a slash, so this one is free.
            name = settings.name if number == 1 else f"{settings.name}/{number}"
            yield replace(settings, name=name, url=Secret(url))


def _settings(entry: ChannelEntry, environ: Mapping[str, str]) -> ChannelSettings:
    if entry.url_file is not None:
        settings = from_file(entry.name, entry.url_file, entry.min_severity)
    else:
        settings = from_variable(entry.name, entry.url_env or "", environ, entry.min_severity)
    return replace(settings, match=Match(entry.match.experiments, entry.match.rules))
