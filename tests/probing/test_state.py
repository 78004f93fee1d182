"""States as bytes: nothing is lost, and what is no state is refused with a reason."""

import copy

import pytest
import torch

from predictlab.errors import DataError
from predictlab.probing._engine.parameters import RunState


@pytest.fixture
def state():
    random = torch.Generator().manual_seed(0)
    named = [{k: torch.randn(3, 2, generator=random) for k in ("a.lora_A", "head.weight")} for _ in range(3)]
    return RunState(7, *named, seconds=1.25, flops=3e9, alive=True)


@pytest.mark.parametrize("way", [lambda state: RunState.from_bytes(state.to_bytes()), copy.deepcopy])
def test_bytes_and_back(state, way):
    back = way(state)
    assert back is not state
    assert (back.step, back.seconds, back.flops, back.alive) == (7, 1.25, 3e9, True)
    for part in ("parameters", "first_moment", "second_moment"):
        mine, theirs = getattr(state, part), getattr(back, part)
        assert mine.keys() == theirs.keys()
        assert all(torch.equal(mine[k], theirs[k]) for k in mine)


def test_a_diverged_run_leaves_an_empty_state():
    back = RunState.from_bytes(RunState(4, {}, {}, {}, 0.5, 1e6, alive=False).to_bytes())
    assert back == RunState(4, {}, {}, {}, 0.5, 1e6, alive=False)


def test_what_is_no_state_is_refused(state):
    from safetensors.torch import save

    whole = state.to_bytes()
    for raw in (b"", whole[:20], whole[: len(whole) // 2], b"x" * 500, save({"a": torch.zeros(2)})):
        with pytest.raises(DataError, match="not the state of a run"):
            RunState.from_bytes(raw)
