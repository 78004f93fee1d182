"""What the tests of the engines train with."""

from __future__ import annotations

from collections.abc import Sequence

from predictlab.probing._engine.parameters import RunState
from predictlab.probing._engine.reference import ReferenceTrainer
from predictlab.probing._segments import CheckpointResult, Fork, Group, RunSegment


def run_alone(
    trainer: ReferenceTrainer, seed: int, depths: Sequence[int], state: RunState | None = None, fork: Fork | None = None
) -> list[CheckpointResult]:
    """What the run of `seed` reaches at `depths`, from `state` on."""
    segment = RunSegment(f"toy:{seed}", seed, tuple(depths), state.step if state else 0, state, fork)
    return [result for result in trainer.run(segment) if result]


def trajectories(trainer, group: Group) -> dict[tuple[str, int], CheckpointResult]:
    """What was reached, by run and depth."""
    return {(r.segment.run, r.state.step): r for update in trainer.train(group) for r in update.results}
