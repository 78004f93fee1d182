"""Forks: exact states, fresh and addressable randomness, and a store that may be left and taken up at any point."""

import copy

import numpy as np
import pandas as pd
import pytest
import torch
from training import run_alone

import predictlab as pl
from predictlab.catalog._features import load_backbone
from predictlab.probing import ProbePlan
from predictlab.probing._engine.inputs import SharedInputs
from predictlab.probing._engine.learner import Classifier
from predictlab.probing._engine.randomness import DataOrder, stream_seed
from predictlab.probing._engine.reference import ReferenceTrainer
from predictlab.probing._segments import Fork

PLAN = ProbePlan((0, 3, 6, 12), design="branch", parents=2, forks=3)
FREE = {"order": {}, "dropout": {"dropout": 0.2}, "head": {"method": "head"}, "full": {"method": "full"}}
FREE["sgd"] = {"optimizer": "sgd", "learning_rate": 0.5, "sampling": "replacement"}


def values(frame):
    return frame.set_index(["task", "run", "parent", "depth", "metric"])["value"].sort_index()


def same(a, b, exact=True):
    """Same frames but for the seconds that training took (and for what was executed, in other groups)."""
    columns = ["seconds"] if exact else ["seconds", "flops"]
    a, b = a.drop(columns=columns), b.drop(columns=columns)
    pd.testing.assert_frame_equal(a, b, **({"check_exact": True} if exact else {"rtol": 1e-5, "atol": 1e-6}))


def trainer(task):
    return ReferenceTrainer(task.recipe, Classifier(task, load_backbone(task.model), SharedInputs()))


@pytest.mark.parametrize("changes", FREE.values(), ids=FREE)
def test_a_state_goes_on_bit_for_bit_as_if_it_had_never_been_left(bert, data, recipe, changes):
    each = trainer(pl.Task(bert, data, recipe.replace(**changes)))
    whole = run_alone(each, 7, [3, 5, 12])
    end = {name: p.detach().clone() for name, p in each.learner.named.items()}
    pieces = run_alone(each, 7, [3])
    state = pieces[0].state
    before = copy.deepcopy(state)
    for fork in (None, Fork(3, 0), Fork(3, 1)):  # the state serves many times, whatever the model did in between
        run_alone(each, 7, [12], state, fork)
    run_alone(each, 8, [2])
    assert all(torch.equal(state.parameters[k], before.parameters[k]) for k in before.parameters)
    for part in ("first_moment", "second_moment"):
        assert all(torch.equal(getattr(state, part)[k], v) for k, v in getattr(before, part).items())
    pieces += run_alone(each, 7, [5, 12], state)
    assert [(r.state.step, r.values, r.state.flops) for r in pieces] == [
        (r.state.step, r.values, r.state.flops) for r in whole
    ]
    assert all(torch.equal(p, end[name]) for name, p in each.learner.named.items())


@pytest.mark.parametrize("changes", FREE.values(), ids=FREE)
def test_forks_differ_from_each_other_from_their_parent_and_between_parents(bert, data, recipe, changes, probe):
    frame = probe(pl.Task(bert, data, recipe.replace(**changes)), PLAN, progress=False)
    final = frame[(frame["depth"] == 12) & (frame["metric"] == "eval_loss")]
    assert len(final) == final["value"].nunique() == 2 * (1 + 2 * 3)


@pytest.mark.parametrize("source", ["order", "dropout"])
def test_a_pinned_source_is_the_same_in_forks(recipe, source):
    forks = [None, Fork(3, 0), Fork(3, 1), Fork(4, 0)]
    for name in ("order", "dropout"):
        pinned = recipe.replace(**{f"{source}_seed": 7})
        found = {stream_seed(pinned, seed, name, 5, fork) for seed in range(3) for fork in forks}
        assert len(found) == (1 if name == source else 12)
    if source == "order":
        batches = [DataOrder(pinned, 0, 50, fork).batch(5) for fork in forks]
        assert all(torch.equal(batch, batches[0]) for batch in batches)


@pytest.mark.parametrize("depth", [3, 7, 25])  # 24 rows: within the first epoch; 56: in the second; 200: between epochs
def test_a_forks_order_keeps_the_prefix_and_shuffles_the_rest_of_its_epoch(recipe, depth):
    def rows(fork):
        order = DataOrder(recipe, 0, 50, fork)
        return torch.cat([order.batch(step) for step in range(50)])

    parent, forks, seen = rows(None), [rows(Fork(depth, m)) for m in (0, 1)], 8 * depth
    for fork in forks:
        assert torch.equal(fork[:seen], parent[:seen])
        assert all(sorted(epoch.tolist()) == list(range(50)) for epoch in fork.reshape(8, 50))
        begin = -(-seen // 50)  # first epoch that is the fork's alone
        assert not any(torch.equal(fork.reshape(8, 50)[e], parent.reshape(8, 50)[e]) for e in range(begin, 8))
    assert not torch.equal(forks[0], forks[1])
    assert not torch.equal(forks[0][seen : seen + 26], parent[seen : seen + 26])


def test_rows_with_replacement_are_drawn_anew_at_every_step_and_by_every_fork(recipe):
    drawn = recipe.replace(sampling="replacement", batch_size=40)
    order, other = DataOrder(drawn, 0, 50), DataOrder(drawn, 1, 50)
    rows = torch.stack([order.batch(step) for step in range(500)])
    assert torch.equal(rows[7], DataOrder(drawn, 0, 50).batch(7)), "whatever was drawn before"
    assert not torch.equal(rows[7], other.batch(7))
    counts = torch.bincount(rows.flatten(), minlength=50).double()
    assert float(((counts - 400) ** 2 / 400).sum()) < 86.0  # chi², 49 degrees of freedom, 99.9 %
    distinct = np.mean([len(set(batch.tolist())) for batch in rows])
    assert distinct == pytest.approx(50 * (1 - 0.98**40), abs=0.4)  # of 40 drawn from 50; sd of the mean .08
    forks = [DataOrder(drawn, 0, 50, Fork(3, m)) for m in (0, 1)]
    for fork in forks:
        assert all(torch.equal(fork.batch(step), rows[step]) for step in range(3))
        assert not any(torch.equal(fork.batch(step), rows[step]) for step in range(3, 9))
    assert not torch.equal(forks[0].batch(3), forks[1].batch(3))
    pinned = drawn.replace(order_seed=7)
    assert torch.equal(DataOrder(pinned, 0, 50, Fork(3, 0)).batch(5), DataOrder(pinned, 1, 50).batch(5))


@pytest.mark.parametrize("changes", [{}, {"optimizer": "sgd", "learning_rate": 0.1, "sampling": "replacement"}])
def test_parents_and_their_forks_have_one_law(bert, data, recipe, probe, changes):
    """Given the prefix, the parent's own end is a draw like its forks' ends: its rank among them is uniform."""
    task = pl.Task(bert, data, recipe.replace(method="head", **changes))
    frame = probe(task, ProbePlan((4, 12), design="branch", parents=60, forks=3), progress=False)
    final = frame[(frame["depth"] == 12) & (frame["metric"] == "eval_loss")]
    own = final[final["parent"].isna()].set_index("run")["value"]
    forks = final[final["parent"].notna()]
    below = (forks["value"] < forks["parent"].map(own)).groupby(forks["parent"]).sum()
    counts = np.bincount(below, minlength=4)
    assert counts.sum() == 60
    assert ((counts - 15) ** 2 / 15).sum() < 16.3  # chi², 3 degrees of freedom, 99.9 %
    within = forks.groupby("parent")["value"].var().mean()
    assert within < 0.9 * own.var(), "what the prefix fixes does not vary within a parent"


def test_the_frame_holds_parents_and_forks_as_they_are_to_be_read(task, probe):
    frame = probe(task, PLAN, progress=False)
    parents, forks = frame[frame["parent"].isna()], frame[frame["parent"].notna()]
    same(parents.reset_index(drop=True), probe(task, ProbePlan(PLAN.depths, 2), progress=False))
    order = [f"toy:{s}{f}" for s in (0, 1) for f in ("", *(f"@{d}:{m}" for d in (3, 6) for m in range(3)))]
    assert list(dict.fromkeys(frame["run"])) == order
    for run, rows in forks.groupby("run"):
        parent, depth = run.split("@")[0], int(run.split("@")[1].split(":")[0])
        assert set(rows["parent"]) == {parent}
        assert set(rows["seed"]) == {int(parent.split(":")[1])}
        assert rows["depth"].tolist() == [depth, depth, 12, 12]
        at_fork = parents[(parents["run"] == parent) & (parents["depth"] == depth)]
        assert rows["value"].tolist()[:2] == at_fork["value"].tolist()
        assert rows[["seconds", "flops"]].iloc[:2].eq(0).all(axis=None)
        assert (rows["seconds"].iloc[2:] > 0).all()
    head = forks[(forks["depth"] == 12) & (forks["metric"] == "accuracy")].groupby(forks["run"].str[6:7])["flops"]
    assert head.mean()["3"] == pytest.approx(9 / 6 * head.mean()["6"], rel=0.1), "from the fork on"


@pytest.mark.parametrize("interrupted_at", [2, 5, 14, 19, 25])
def test_ctrl_c_anywhere_and_the_same_call_gives_the_same_frame(
    task, tmp_path, press_ctrl_c_at, interrupted_at, trained, probe
):
    whole = probe(task, PLAN, progress=False)
    path = tmp_path / "runs.db"
    release = press_ctrl_c_at(interrupted_at)
    with pytest.raises(KeyboardInterrupt):
        probe(task, PLAN, path, progress=False)
    with pl.RunStore(path) as store:
        done = {run for run, depths in store.measured_depths("toy").items() if 12 in depths and "@" in run}
    release()
    trained.clear()
    same(probe(task, PLAN, path, progress=False), whole)
    again = {run for run, *_ in trained if "@" in run}
    assert not again & done
    assert len(again) + len(done) == 12
    trained.clear()
    same(probe(task, PLAN, path, progress=False), whole)
    assert not trained


def test_seeds_serve_as_parents_and_parents_as_seeds(task, trained, probe, engine):
    store = pl.RunStore(":memory:")
    spread = probe(task, ProbePlan(PLAN.depths, 2), store, progress=False)
    trained.clear()
    branch = probe(task, PLAN, store, progress=False)
    # Their states are needed again up to the last fork depth, but nothing of a parent is trained beyond it.
    assert [one for one in trained if "@" not in one[0]] == [(f"toy:{s}", 0, (3, 6)) for s in (0, 1)]
    exact = engine == "reference"
    same(branch, probe(task, PLAN, progress=False), exact)
    trained.clear()
    same(probe(task, ProbePlan(PLAN.depths, 2), store, progress=False), spread)
    assert not trained
    probe(task, ProbePlan(PLAN.depths, 3), store, progress=False)
    assert trained == [("toy:2", 0, PLAN.depths)]


def test_more_forks_parents_and_depths_cost_only_the_new(task, trained, probe, engine):
    store = pl.RunStore(":memory:")
    probe(task, ProbePlan((3, 12), design="branch", parents=2, forks=2), store, progress=False)
    trained.clear()
    probe(task, ProbePlan((3, 12), design="branch", parents=2, forks=3), store, progress=False)
    assert trained == [(f"toy:{s}@3:2", 3, (12,)) for s in (0, 1)], "their parents' states were kept"
    trained.clear()
    larger = ProbePlan((3, 6, 12), design="branch", parents=(0, 2), forks=3)
    grown = probe(task, larger, store, progress=False)
    of_first = [one for one in trained if one[0].startswith("toy:0")]
    assert of_first == [("toy:0", 3, (6,)), *((f"toy:0@6:{m}", 6, (12,)) for m in range(3))]
    assert {run[:5] for run, *_ in trained} == {"toy:0", "toy:2"}
    same(grown, probe(task, larger, progress=False), engine == "reference")


def test_the_bar_counts_forks_and_what_is_trained_again(task, capsys, probe):
    store = pl.RunStore(":memory:")
    probe(task, ProbePlan((3, 6, 12), 1), store, progress=False)
    probe(task, ProbePlan((3, 6, 12), design="branch", parents=2, forks=2), store, progress=True)
    # Seed 0 again up to 6, seed 1 up to 12, and of each two forks from 3 and two from 6.
    total = 6 + 12 + 2 * 2 * (9 + 6)
    assert f"{total}/{total}" in capsys.readouterr().err


def test_forks_of_a_diverged_parent_are_recorded_as_diverged(task, poison, probe):
    calm = values(probe(task, PLAN, progress=False))
    poison(seed=1, at=4)
    frame = probe(task, PLAN, progress=False)
    # Seed 1 is lost after its fifth step: the forks at 3 pass through it themselves, those at 6 are born diverged.
    hit = (frame["seed"] == 1) & (frame["depth"] > 4)
    assert len(frame) == len(calm)
    assert frame["status"].eq("diverged").equals(hit)
    assert frame["value"].isna().equals(hit)
    born = frame[frame["parent"].eq("toy:1") & frame["run"].str.startswith("toy:1@6")]
    assert len(born) == 3 * 2 * 2
    others = values(frame[~hit])
    pd.testing.assert_series_equal(others, calm[others.index], check_exact=True)


def test_a_last_depth_that_becomes_a_fork_depth_serves_its_forks(task, trained):
    """The state was the latest of its run, not one that is kept: it is, before the parent goes on."""
    store = pl.RunStore(":memory:")
    pl.probe(task, ProbePlan((2, 6), 2), store, progress=False)
    trained.clear()
    plan = ProbePlan((6, 12), design="branch", parents=2, forks=2)
    grown = pl.probe(task, plan, store, progress=False)
    assert sorted(trained) == sorted(
        [(f"toy:{s}", 6, (12,)) for s in (0, 1)] + [(f"toy:{s}@6:{m}", 6, (12,)) for s in (0, 1) for m in (0, 1)]
    )
    same(grown, pl.probe(task, plan, progress=False), exact=False)


def test_forks_of_different_depths_are_never_in_one_group(task):
    from predictlab.probing._segments import RunSegment, grouped

    early = RunSegment("toy:0@4:0", 0, (12,), 8, fork=Fork(4, 0), parent="toy:0")  # interrupted at 8
    late = RunSegment("toy:0@8:0", 0, (12,), 8, fork=Fork(8, 0), parent="toy:0")
    assert [len(group.segments) for group in grouped(task, [early, late], 8)] == [1, 1]
