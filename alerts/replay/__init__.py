"""What the thresholds would have said about a finished run: when, and why."""

from alerts.replay.play import relive, replay, watch_of
from alerts.replay.recording import Recording, read_recording

__all__ = ["Recording", "read_recording", "relive", "replay", "watch_of"]
