"""The life of a run: stalled, failed, ended without its closing summary, training for too long."""

from __future__ import annotations

from collections.abc import Iterator

from alerts.history import RunHistory
from alerts.model import Outcome, Severity, Verdict
from alerts.rules.moment import Moment
from alerts.thresholds import Limits, StallTuning

STALLED = "run_stalled"
STALLED_ACTION = (
    "Look whether the training process still lives (logs, nvidia-smi): it hangs, or it was killed "
    "and its run was left RUNNING. Restart it from its last checkpoint."
)
FAILED = "run_failed"
FAILED_ACTION = "Read the traceback in the job's log, then resume from the last checkpoint."
INCOMPLETE = "run_incomplete"
INCOMPLETE_ACTION = (
    "The trainer never wrote its closing summary: the script crashed or was interrupted, whatever "
    "the status says. Read its log, then resume from the last checkpoint."
)
TOO_LONG = "training_time_exceeded"
TOO_LONG_ACTION = "Check that the run still improves; stop it, or raise max_training_time_hours."
MIN_INTERVALS = 3


def stall_limit(history: RunHistory, tuning: StallTuning) -> float:
    """Return the silence in seconds after which a run counts as stalled.

    max(10 min, 10 x median interval, 3 x longest gap); 60 min while there are fewer than three
    intervals, and after the trainer's closing summary.
    """
    silence = history.silence
    if history.closed or silence.intervals < MIN_INTERVALS:
        return max(tuning.early_silence, 3 * silence.longest_gap)
    return max(tuning.min_silence, 10 * silence.typical_gap, 3 * silence.longest_gap)


def silent_seconds(history: RunHistory, moment: Moment) -> float:
    """Return for how long nothing was heard of the run while the tracking server answered."""
    return _open(history.silence.heard_at, moment)


def _open(since: float | None, moment: Moment) -> float:
    """Return the seconds that the tracking server has answered since `since`."""
    if since is None or moment.listening_since is None:
        return 0.0
    return max(0.0, moment.now - max(since, moment.listening_since))


def judge_stalled(history: RunHistory, limits: Limits, moment: Moment) -> Iterator[Verdict]:
    """Breach when a run that trained has been silent for longer than its own habits explain.

    While the server has not answered for as long as that, a silent run may or may not be stalled.
    """
    expects_points = history.loss.logged >= 2 or history.is_trainer_run
    if not history.facts.running or history.facts.is_parent or not expects_points:
        return
    limit = stall_limit(history, limits.rules.run_stalled)
    silent = silent_seconds(history, moment)
    heard_at = history.silence.heard_at
    heard_lately = heard_at is not None and moment.now - heard_at <= limit
    outcome = Outcome.CLEAR if heard_lately else Outcome.UNKNOWN
    yield Verdict(
        STALLED,
        Outcome.BREACH if silent > limit else outcome,
        Severity.CRITICAL,
        silent,
        limit,
        f"nothing new for {silent / 60:.0f} min, the run is still marked RUNNING",
        evidence={"typical_gap_seconds": history.silence.typical_gap},
        step=history.step,
        epoch=history.epoch_at(history.step) if history.step is not None else None,
    )


def judge_training_time(history: RunHistory, limits: Limits, moment: Moment) -> Iterator[Verdict]:
    """Compare the time spent training with the limit; pauses count up to the stall limit."""
    threshold = limits.thresholds.max_training_time_hours
    if threshold is None or not history.facts.running or history.facts.is_parent:
        return
    hours = training_seconds(history, limits, moment) / 3600
    yield Verdict(
        TOO_LONG,
        Outcome.BREACH if hours > threshold else Outcome.CLEAR,
        Severity.WARNING,
        hours,
        threshold,
        f"training for {hours:.1f} h",
        step=history.step,
        epoch=history.epoch_at(history.step) if history.step is not None else None,
    )


def training_seconds(history: RunHistory, limits: Limits, moment: Moment) -> float:
    """Return the seconds spent training so far: gaps between points, and the open one."""
    silence = history.silence
    since = silence.heard_at if silence.counted_at is None else silence.counted_at
    open_gap = min(_open(since, moment), stall_limit(history, limits.rules.run_stalled))
    return silence.trained_seconds + (open_gap if history.facts.running else 0.0)


def judge_end(history: RunHistory, limits: Limits, moment: Moment) -> Iterator[Verdict]:  # noqa: ARG001 - no limit to read
    """Tell a failed run, and a trainer's run that ended without its closing summary."""
    if not moment.ended:
        return
    status = history.facts.status
    step = history.step
    epoch = history.epoch_at(step) if step is not None else None
    if status == "FAILED":
        yield Verdict(
            FAILED,
            Outcome.BREACH,
            Severity.CRITICAL,
            summary="the run FAILED",
            step=step,
            epoch=epoch,
        )
    elif history.is_trainer_run and not history.closed and not _only_evaluated(history):
        yield Verdict(
            INCOMPLETE,
            Outcome.BREACH,
            Severity.WARNING,
            summary=f"the run is {status} but its trainer never finished",
            step=step,
            epoch=epoch,
        )


def _only_evaluated(history: RunHistory) -> bool:
    """Whether this is the run of an evaluation script, which has no summary to write."""
    return history.loss.last is None and bool(history.evals)
