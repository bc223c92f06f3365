"""What is known of a subject now: curves, latest values, the best evaluation, GPUs."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence

from alerts.model import (
    GpuObservation,
    Inventory,
    PerplexityTask,
    RunContext,
    SourceObservation,
)
from alerts.notify.escape import plain, sentence
from alerts.notify.notice import About
from alerts.notify.numbers import number, perplexity
from alerts.notify.story import Block, Caps, Drawing, Line
from alerts.sparkline import sparkline

WIDTH = 24

BANDS: dict[PerplexityTask, float] = {"lm": 20.0, "domain": 10.0, "task": 5.0}
"""Below which perplexity a model is good: in general, in its domain, at its task."""


def standing(about: About, caps: Caps) -> Iterator[Block]:
    """Yield how the subject of an alert fares now; what is not known has no line."""
    if isinstance(about, RunContext):
        yield from _run(about, caps)
    elif isinstance(about, GpuObservation):
        yield from gpu_lines((about,), caps)
    elif isinstance(about, Inventory):
        yield Line(f"{about.seen - len(about.lost)} GPUs answer", plain(about.node, caps.word))
    elif isinstance(about, SourceObservation) and about.reason:
        yield Line(sentence(about.reason, caps.sentence))


def gpu_lines(gpus: Sequence[GpuObservation], caps: Caps) -> Iterator[Line]:
    """Yield one line for each GPU, and one for those that are too many."""
    shown = gpus[: max(1, caps.facts)]
    for gpu in shown:
        known = ", ".join(_of_gpu(gpu))
        if known:
            yield Line(known, f"GPU {gpu.index} on {plain(gpu.node, caps.word)}")
    if len(gpus) > len(shown):
        yield Line(f"and {len(gpus) - len(shown)} more GPUs", tone="quiet")


def _of_gpu(gpu: GpuObservation) -> Iterator[str]:
    used, total = gpu.memory_used_bytes, gpu.memory_total_bytes
    if used is not None and total is not None and total > 0:
        gib = f"{number(used / 2**30)} of {number(total / 2**30)} GiB"
        yield f"{gib} of memory used ({number(100 * used / total, 3)} %)"
    if gpu.utilization is not None:
        yield f"{number(gpu.utilization, 3)} % busy"


def _run(run: RunContext, caps: Caps) -> Iterator[Block]:
    yield from _lines(_place(run, caps))
    yield from _curves(run)
    yield from _lines(" · ".join(_latest(run)))
    yield from _lines(_perplexity(run))
    yield from _best(run, caps)
    yield from gpu_lines(run.gpus, caps)


def _lines(*texts: str) -> Iterator[Line]:
    return (Line(text) for text in texts if text)


def _place(run: RunContext, caps: Caps) -> str:
    """Return the experiment, and how far the run has come."""
    experiment = plain(run.facts.experiment, min(caps.name, 150))
    parts = [f"Experiment {experiment}"] if experiment else []
    if run.step is not None:
        epoch = f", epoch {number(run.epoch, 3)}" if run.epoch is not None else ""
        parts.append(f"now at step {run.step}{epoch}")
    if run.resumed_at is not None:
        parts.append(f"resumed at step {run.resumed_at}")
    line = ", ".join(parts)
    return line[:1].upper() + line[1:]


def _curves(run: RunContext) -> Iterator[Block]:
    """Yield both losses, each between its first and its last number; phones show 40 columns."""
    tails = [("train", run.train_tail, "point"), ("eval", run.eval_tail, "evaluation")]
    known = [(name, tail, noun) for name, tail, noun in tails if tail]
    if not known:
        return
    counts = [f"{len(tail)} {noun}{'' if len(tail) == 1 else 's'}" for _, tail, noun in known]
    yield Line(f"Loss over the last {' and '.join(counts)}:")
    starts = [number(tail[0], 3) for _, tail, _ in known]
    width = max(map(len, starts))
    lines = (
        f"{name:<5} {start:>{width}} {sparkline(tail, WIDTH)} {number(tail[-1], 3)}"
        for (name, tail, _), start in zip(known, starts, strict=True)
    )
    yield Drawing(tuple(lines))


def _latest(run: RunContext) -> Iterable[str]:
    if run.learning_rate is not None:
        yield f"Learning rate {number(run.learning_rate)}"
    if run.grad_norm is not None:
        yield f"grad norm {number(run.grad_norm)}"


def _perplexity(run: RunContext) -> str:
    """Return the perplexities of the two losses, and whether the one that counts is good."""
    losses = (("train", run.loss), ("eval", run.eval_loss))
    known = [(name, perplexity(loss)) for name, loss in losses if loss is not None]
    if not known:
        return ""
    shown = ", ".join(f"{number(value)} {name}" for name, value in known)
    return f"Perplexity {shown}{_band(known[-1][1], run.perplexity_task)}"


def _band(value: float, task: PerplexityTask | None) -> str:
    if task is None or math.isnan(value):
        return ""
    limit = BANDS[task]
    verdict = "good" if value < limit else "high"
    return f" ({verdict}; the aim for '{task}' is below {number(limit)})"


def _best(run: RunContext, caps: Caps) -> Iterator[Line]:
    """Yield the best evaluation and what is left of the model that made it."""
    checkpoint = sentence(run.checkpoint, min(caps.sentence, 250))
    if run.best_eval is not None:
        best = f"{number(run.best_eval.value)} at step {run.best_eval.step}"
        yield Line(f"{best}: {checkpoint}" if checkpoint else best, "Best evaluation")
    elif checkpoint:
        yield Line(checkpoint, "Checkpoint")
