"""Synthetic training runs: healthy curves under noise, and the same with a fault put in."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from alerts.model import MetricPoint, RunFacts
from alerts.replay import Recording

START = 1_700_000_000.0
INTERVAL = 10.0
EPOCHS = 3
EVALUATIONS = 10
"""Evaluations of a run, and how many of its training points lie between two, at the least."""
FAULT_RUN, FAULT_AT = 200, 120
"""Points of a run with a fault, and the point at which it begins, from 0."""
PER_EPOCH_POINTS = 20
AR = 0.5


class Noise(NamedTuple):
    """Relative noise of a training loss: its standard deviation, and its autocorrelation."""

    sigma: float
    rho: float = 0.0

    @property
    def name(self) -> str:
        """How the tables call it."""
        return f"{self.sigma:.0%} AR({self.rho})" if self.rho else f"{self.sigma:.0%}"

    def draw(self, chance: random.Random, count: int) -> list[float]:
        """Return factors around 1: log-normal, an AR(1) series in their logarithms."""
        factors, x = [], chance.gauss(0, self.sigma)
        for _ in range(count):
            factors.append(math.exp(x))
            x = self.rho * x + math.sqrt(1 - self.rho**2) * chance.gauss(0, self.sigma)
        return factors


NOISES = tuple(Noise(sigma, rho) for sigma in (0.03, 0.07, 0.12) for rho in (0.0, AR))


class Levels(NamedTuple):
    """The training and the validation loss at one time of a run, before noise."""

    train: float
    validation: float


def decay(t: float) -> Levels:
    """Fall as a power of the time `t`, 0 at the start and 1 at the end."""
    level = 0.6 + 1.9 * (1 + 30 * t) ** -0.7
    return Levels(level, level + 0.02 * t)


def warm_up(t: float) -> Levels:
    """Stay for a tenth of the run, then fall."""
    return decay(max(0.0, (t - 0.1) / 0.9))


def settled(t: float) -> Levels:
    """Fall for a fifth of the run, then stay."""
    level = 1.0 + 1.5 * math.exp(-25 * t)
    return Levels(level, level + 0.01)


def stairs(t: float) -> Levels:
    """Fall at each new epoch, as supervised fine-tuning does; validation follows in part.

    The gap stays below the user's 0.1: above it, with a validation loss that stands still, a
    warning would be right.
    """
    epoch = min(EPOCHS - 1, math.floor(t * EPOCHS))
    within = 0.25 * math.exp(-20 * t)
    return Levels(1.2 * 0.95**epoch + within, 1.2 * 0.965**epoch + within)


SHAPES: Mapping[str, Callable[[float], Levels]] = {
    "decay": decay,
    "warm-up": warm_up,
    "settled": settled,
    "stairs": stairs,
}


@dataclass
class Run:
    """What a trainer logs: losses by point, validation losses by the point they follow."""

    losses: list[float]
    evals: dict[int, float]
    points_per_epoch: float

    def recording(self) -> Recording:
        """Return the run as a finished run of the Transformers Trainer, steps from 1."""
        points: list[MetricPoint] = []
        count = len(self.losses)
        for index, loss in enumerate(self.losses):
            step, time = index + 1, START + INTERVAL * (index + 1)
            rate = 1e-4 * (1 - index / count)
            epoch = step / self.points_per_epoch
            logged = {"loss": loss, "grad_norm": 1.0, "learning_rate": rate, "epoch": epoch}
            points += [MetricPoint(name, step, time, value) for name, value in logged.items()]
            if index in self.evals:
                points.append(MetricPoint("eval_loss", step, time + 1, self.evals[index]))
        end = START + INTERVAL * (count + 1)
        points += [MetricPoint(name, count, end, 1.0) for name in ("train_runtime", "train_loss")]
        facts = RunFacts("run", "run", "study", "FINISHED", START, end, params=PARAMS)
        return Recording(facts, tuple(points))


PARAMS = {"transformers_version": "5.23.0", "max_grad_norm": "1.0"}


def healthy(chance: random.Random, shape: str, count: int, noise: Noise) -> Run:
    """Draw a run in which nothing is wrong; validation has an offset and next to no noise."""
    levels = [SHAPES[shape](index / count) for index in range(count)]
    noisy = noise.draw(chance, count)
    losses = [level.train * factor for level, factor in zip(levels, noisy, strict=True)]
    offset, every = chance.uniform(0.97, 1.03), max(2, count // EVALUATIONS)
    evals = {
        index: levels[index].validation * offset * math.exp(chance.gauss(0, 0.002))
        for index in range(every - 1, count, every)
    }
    return Run(losses, evals, count / EPOCHS)


def per_epoch(chance: random.Random, noise: Noise) -> Run:
    """Draw a run that logs and evaluates once an epoch: means, with a fifth of the noise."""
    calm = Noise(noise.sigma / 5, noise.rho)
    run = healthy(chance, "decay", PER_EPOCH_POINTS, calm)
    levels = [decay(index / PER_EPOCH_POINTS) for index in range(PER_EPOCH_POINTS)]
    return Run(run.losses, {n: level.validation for n, level in enumerate(levels)}, 1.0)


def _factor(shape: Callable[[int], float]) -> Callable[[Run], None]:
    """Make a fault that multiplies the losses by `shape` of the points since it began."""

    def put_in(run: Run) -> None:
        for index in range(FAULT_AT, len(run.losses)):
            run.losses[index] *= shape(index - FAULT_AT)
        for index in [index for index in run.evals if index >= FAULT_AT]:
            run.evals[index] *= shape(index - FAULT_AT)

    return put_in


def _nan(run: Run) -> None:
    run.losses[FAULT_AT:] = [math.nan] * (len(run.losses) - FAULT_AT)


def _spike(run: Run) -> None:
    run.losses[FAULT_AT] *= 4


@dataclass(frozen=True)
class Fault:
    """One kind of fault: how it is put into a run, and the rules of which one has to say so."""

    put_in: Callable[[Run], None]
    rules: frozenset[str]
    recovers: bool = False
    """Whether to warn of it would be wrong."""


RISES = frozenset({"loss_increase", "eval_loss_rising"})
FAULTS: Mapping[str, Fault] = {
    "x1.3": Fault(_factor(lambda _: 1.3), RISES),
    "x2": Fault(_factor(lambda _: 2.0), RISES),
    "NaN": Fault(_nan, frozenset({"nonfinite"})),
    "drift 1 % a point": Fault(_factor(lambda n: 1.01**n), RISES),
    "oscillation": Fault(
        _factor(lambda n: 1 + 0.8 * math.sin(n * math.pi / 4)), RISES | {"unstable"}
    ),
    "spike x4": Fault(_spike, frozenset({"loss_spike"}), recovers=True),
}


def faulty(chance: random.Random, fault: str, noise: Noise) -> Run:
    """Draw a run with a fault at point `FAULT_AT`."""
    run = healthy(chance, chance.choice(tuple(SHAPES)), FAULT_RUN, noise)
    FAULTS[fault].put_in(run)
    return run
