"""Logs of Inspect AI, written by the tool itself; the files in `inspect/` were made by this, with inspect-ai 0.3.285.

Run: pip install inspect-ai; python tests/evaluations/make_inspect.py tests/evaluations/inspect
"""

import random
import sys
from pathlib import Path

from inspect_ai import Epochs, Task
from inspect_ai import eval as evaluate
from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.model import ModelOutput
from inspect_ai.scorer import includes, match
from inspect_ai.solver import solver

ROWS, EPOCHS = 12, 3


@solver
def answers(seed: int, fails: int | None = None, stops: bool = False):
    """Right in about seven of ten, without a model; row `fails` raises."""

    async def solve(state, generate):
        i = int(state.metadata["number"])
        if i == fails:
            raise ValueError("no answer")
        if stops and i == 6:
            raise KeyboardInterrupt
        right = random.Random(f"{seed} {i} {state.epoch}").random() < (0.95 if i % 3 else 0.3)
        state.output = ModelOutput.from_content("mock", f"I say {2 * i if right else 'nothing'}")
        return state

    return solve


def make(folder: Path, kind: str, seed: int, epochs: int = 1, order: int = 1, **how) -> None:
    """One log; with `order` -1 the rows stand the other way round, so that numbers given by order differ."""
    samples = [
        Sample(input=f"What is {i} + {i}?", target=str(2 * i), metadata={"number": i, "passage": i // 2})
        for i in range(ROWS)
    ][::order]
    task = Task(dataset=MemoryDataset(samples, name="sums"), solver=answers(seed, **how), scorer=[match(), includes()],
                name="sums")  # fmt: skip
    evaluate(task, model="mockllm/model", epochs=Epochs(epochs), log_dir=str(folder), log_format=kind, display="none",
             max_samples=1, fail_on_error=False, log_samples=True)  # fmt: skip


if __name__ == "__main__":
    to = Path(sys.argv[1])
    for seed in range(3):
        make(to / "epochs" / f"seed-{seed}", "eval", seed, EPOCHS)
    make(to / "json", "json", 0, order=-1)
    make(to / "errors", "eval", 3, fails=4)
