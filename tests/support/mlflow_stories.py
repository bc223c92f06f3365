"""Stories of runs whose points must arrive exactly once, whatever happens between two polls."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from tests.support.mlflow_runs import Trainer
from tests.support.mlflow_store import START, Store
from tests.support.mlflow_watcher import Logged, Watcher, logged

UPDATE_POINTS = 2_000
NAN, INF = float("nan"), float("inf")


class Story:
    """A run that is logged and watched in turns; `points` are what was logged of rule metrics."""

    def __init__(self, store: Store) -> None:
        self.trainer: Trainer = store.begin()
        self.watcher: Watcher = store.watch(update_points=UPDATE_POINTS)
        self.clock = START
        self.points: Counter[Logged] = Counter()

    def log(self, *steps: int, **values: float) -> None:
        """Log a record for each step, a second after the one before; without values a loss."""
        batch = []
        for step in steps:
            self.clock += 1
            record = values or {"loss": float(step), "epoch": step / 100}
            batch += [(key, step, self.clock * 1000, value) for key, value in record.items()]
        self.trainer.points(batch)
        self.points.update(logged(*point) for point in batch)

    def poll(self, after: float = 15.0) -> None:
        """Let time pass and collect."""
        self.clock += int(after)
        self.watcher.poll(self.clock)

    def end(self, status: str = "FINISHED") -> None:
        """End the run now."""
        self.trainer.end(self.clock * 1000, status)

    def check(self) -> None:
        """Compare what arrived with what was logged, once nothing more comes."""
        self.poll()
        while self.watcher.updates[-1].seen_at == self.clock:
            self.poll()
        arrived = self.watcher.points(self.trainer.run_id)
        assert not self.points - arrived, "lost"
        assert not arrived - self.points, "invented or repeated"


def several_points_between_polls(story: Story) -> None:
    story.log(1, 2, 3)
    story.poll()
    story.log(4, 5, 90, 200, 1_000)
    story.log(1_000, eval_loss=0.5, epoch=10.0)
    story.poll()
    story.log(1_001)
    story.poll()


def nan_and_infinity(story: Story) -> None:
    story.log(1, loss=INF, grad_norm=NAN)
    story.poll()
    story.log(2, loss=NAN, grad_norm=-INF)
    story.log(3, loss=0.0, grad_norm=NAN)
    story.poll()


def same_step_again(story: Story) -> None:
    story.log(1, 2, 2)
    story.poll()
    story.log(2, loss=7.0)
    story.poll()
    story.log(2, 3, loss=8.0)
    story.poll()


def resume_within_the_overlap(story: Story) -> None:
    story.log(*range(1, 9))
    story.poll()
    story.log(6, 7, 8, 9, 10)
    story.poll()


def resume_below_the_overlap_and_past_the_old_end(story: Story) -> None:
    story.log(*range(0, 3_000, 10))
    story.log(2_990, eval_loss=1.0)
    story.poll()
    story.log(*range(1_000, 3_100, 10))
    story.poll()


def hidden_resume(story: Story) -> None:
    story.log(*range(0, 3_000, 10))
    story.log(2_990, eval_loss=1.0)
    story.poll()
    story.log(2_000, 2_010)
    story.log(2_010, eval_loss=2.0)
    story.poll(after=100)
    story.log(2_020, 2_030)
    story.poll()
    story.log(*range(2_040, 3_100, 10))
    story.poll()
    story.log(3_100)
    story.poll()


def restart_from_scratch(story: Story) -> None:
    story.log(*range(100))
    story.end("FAILED")
    story.poll()
    story.trainer.resume()
    story.log(0, 1, 2)
    story.poll()
    story.log(3, 4)
    story.poll()


def resume_and_end_below_the_old_end(story: Story) -> None:
    story.log(*range(0, 500, 10))
    story.poll()
    story.log(200, 210, 220)
    story.end()
    story.poll()


def born_and_failed_between_polls(story: Story) -> None:
    story.poll()
    other = story.trainer
    story.log(1, 2, 3)
    other.end(story.clock * 1000, "FAILED")
    story.poll()


def last_points_then_finished(story: Story) -> None:
    story.log(1)
    story.poll()
    story.log(2, 3)
    story.log(3, train_loss=1.5, train_runtime=60.0)
    story.end()
    story.poll()


def late_point_after_the_end(story: Story) -> None:
    story.log(1, 2)
    story.end()
    story.poll()
    story.log(3)
    story.poll()


def steps_that_start_again_each_epoch(story: Story) -> None:
    for _ in range(3):
        story.log(*range(20))
        story.poll(after=70)
        story.log(*range(20, 40))
        story.poll(after=70)


def thousands_of_points_in_one_gap(story: Story) -> None:
    story.log(1)
    story.poll()
    story.log(*range(2, 6_002), loss=1.0)
    story.poll()


def more_points_in_one_gap_than_one_update_holds(story: Story) -> None:
    story.log(1)
    story.poll()
    story.log(*range(2, 5_002), loss=1.0)
    story.log(5_002, loss=2.0, eval_loss=1.0)
    story.end()
    for _ in range(3):
        story.poll()
    *before, last = story.watcher.updates[1:]
    assert before
    assert all(len(update.points) <= UPDATE_POINTS + 1 for update in (*before, last))
    assert all(update.facts.running for update in before), "the end is told with the last points"
    assert not last.facts.running


def thousands_of_points_on_one_step(story: Story) -> None:
    story.log(0)
    story.poll()
    story.log(*[0] * 3_000, loss=1.0)
    story.poll()
    story.log(*[0] * 700, loss=2.0)
    story.poll()
    story.log(0, loss=3.0)
    story.poll()


def negative_and_huge_steps(story: Story) -> None:
    story.log(-5, -4)
    story.poll()
    story.log(-3, 2**62, 2**63 - 1)
    story.poll()


def new_metric_later(story: Story) -> None:
    story.log(1, loss=1.0)
    story.poll()
    story.log(2, loss=1.0, grad_norm=5.0)
    story.poll()


def clock_that_was_set_back(story: Story) -> None:
    story.log(1, 2, 3)
    story.poll()
    story.clock -= 3_600
    story.log(4, 5)
    story.clock += 3_600
    story.poll()
    story.log(6)
    story.poll()


STORIES: list[Callable[[Story], None]] = [
    several_points_between_polls,
    nan_and_infinity,
    same_step_again,
    resume_within_the_overlap,
    resume_below_the_overlap_and_past_the_old_end,
    hidden_resume,
    restart_from_scratch,
    resume_and_end_below_the_old_end,
    born_and_failed_between_polls,
    last_points_then_finished,
    late_point_after_the_end,
    steps_that_start_again_each_epoch,
    thousands_of_points_in_one_gap,
    more_points_in_one_gap_than_one_update_holds,
    thousands_of_points_on_one_step,
    negative_and_huge_steps,
    new_metric_later,
    clock_that_was_set_back,
]
