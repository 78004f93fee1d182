"""ProbePlan, the callable package, and the arguments that probe() refuses."""

import subprocess
import sys
from dataclasses import replace

import pytest

import predictlab as pl
from predictlab.errors import ArgumentError, DataError, ModelError, StoreError
from predictlab.probing import ProbePlan

BRANCH = {"depths": (4, 8), "design": "branch", "parents": 2, "forks": 2}


def test_a_number_of_seeds_counts_from_zero():
    plan = ProbePlan(depths=[0, 4, 8], seeds=3)
    assert plan.seeds == (0, 1, 2)
    assert plan.depths == (0, 4, 8)
    assert ProbePlan((1,), seeds=[7, 3]).seeds == (7, 3)
    assert ProbePlan((1,)).seeds == tuple(range(16))


def test_parents_are_to_branch_what_seeds_are_to_spread():
    plan = ProbePlan((0, 4, 8, 16), design="branch", parents=[5, 2], forks=3)
    assert (plan.parents, plan.run_seeds, plan.seeds) == ((5, 2), (5, 2), None)
    assert plan.fork_depths == (4, 8), "not before the first step, not at the end"
    assert ProbePlan(**BRANCH).parents == (0, 1)
    assert replace(plan, forks=2) == ProbePlan((0, 4, 8, 16), design="branch", parents=(5, 2), forks=2)
    spread = ProbePlan((4, 8), 3)
    assert (spread.run_seeds, spread.fork_depths) == ((0, 1, 2), ())


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("depths", {"depths": ()}),
        ("depths", {"depths": (4, 4)}),
        ("depths", {"depths": (8, 4)}),
        ("depths", {"depths": (-1, 4)}),
        ("depths", {"depths": (1.5, 4)}),
        ("depths", {"depths": 8}),
        ("depths", {"depths": "48"}),
        ("seeds", {"depths": (4,), "seeds": 0}),
        ("seeds", {"depths": (4,), "seeds": (1, 1)}),
        ("seeds", {"depths": (4,), "seeds": (-1,)}),
        ("seeds", {"depths": (4,), "seeds": True}),
        ("seeds", {"depths": (4,), "seeds": 2.0}),
        ("design", {"depths": (4,), "design": "star"}),
        ("parents", {"depths": (4, 8), "parents": 2}),
        ("forks", {"depths": (4, 8), "forks": 2}),
        ("parents", BRANCH | {"parents": None}),
        ("parents", BRANCH | {"parents": 1}),
        ("parents", BRANCH | {"parents": (3,)}),
        ("parents", BRANCH | {"parents": (3, 3)}),
        ("forks", BRANCH | {"forks": None}),
        ("forks", BRANCH | {"forks": 1}),
        ("forks", BRANCH | {"forks": 2.0}),
        ("forks", BRANCH | {"forks": True}),
        ("seeds", BRANCH | {"seeds": 2}),
        ("depths", BRANCH | {"depths": (8,)}),
        ("depths", BRANCH | {"depths": (0, 8)}),
    ],
)
def test_plans_that_cannot_be_are_refused_by_name(name, arguments):
    with pytest.raises(ArgumentError, match=f"^{name}="):
        ProbePlan(**arguments)


@pytest.mark.parametrize(
    "imports",
    [
        "import predictlab as pl",
        "import predictlab as pl\nfrom predictlab.probing import ProbePlan",
        "from predictlab.probing import ProbePlan, probe\nimport predictlab as pl",
        "import predictlab.probing\nimport predictlab as pl",
        "import predictlab as pl\npl.ProbePlan\nimport predictlab.probing._plan",
    ],
)
def test_probe_is_a_function_in_any_order_of_imports(imports):
    code = (
        f"{imports}\nimport inspect\nassert inspect.isfunction(pl.probe)\n"
        "from predictlab.probing import ProbePlan\n"
        "try: pl.probe([], ProbePlan((1,)))\nexcept ValueError as e: print(e)\n"
        "import sys; print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    message, torch_loaded = done.stdout.splitlines()
    assert message.startswith("tasks=[]: expected a pl.Task")
    assert torch_loaded == "False"


def test_arguments_of_probe_are_checked_before_anything_is_trained(task, tmp_path):
    plan = ProbePlan((4, 8), 2)
    store = tmp_path / "runs.db"
    for change, name in [
        ({"plan": (4, 8)}, "plan"),
        ({"plan": ProbePlan((4, 13))}, "depths"),
        ({"tasks": "toy"}, "tasks"),
        ({"tasks": [task, task]}, "tasks"),
        ({"executor": "cloud"}, "executor"),
        ({"engine": "warp"}, "engine"),
        ({"cache_limit": -1}, "cache_limit"),
    ]:
        with pytest.raises(ArgumentError, match=f"^{name}="):
            pl.probe(**({"tasks": task, "plan": plan, "store": store, "progress": False} | change))
    assert not store.exists()


def test_recipes_that_do_not_fit_the_model_are_refused_before_the_first_task_is_trained(task, bert, data, recipe):
    store = pl.RunStore(":memory:")
    for change, message in [({"layers": "last:4"}, "last:3"), ({"max_length": 33}, "at most 32 tokens")]:
        bad = pl.Task(bert, data, recipe.replace(**change), name=f"bad {change}")
        with pytest.raises(ArgumentError, match=message):
            pl.probe([task, bad], ProbePlan((1,), 1), store, progress=False)
    assert store.frame().empty


def test_forks_without_any_fresh_randomness_are_refused(bert, data, recipe):
    plan, store = ProbePlan(**BRANCH), pl.RunStore(":memory:")
    for pinned in ({"order_seed": 1}, {"order_seed": 1, "dropout": 0.1, "dropout_seed": 2}):
        task = pl.Task(bert, data, recipe.replace(**pinned), name="pinned")
        with pytest.raises(ArgumentError, match=r"^order_seed=1: .*pinned has no unpinned dropout"):
            pl.probe(task, plan, store, progress=False)
    assert store.tasks().empty
    for free in ({"order_seed": 1, "dropout": 0.1}, {"dropout": 0.1, "dropout_seed": 2}, {"init_seed": 3}):
        task = pl.Task(bert, data, recipe.replace(**free), name=str(free))
        frame = pl.probe(task, plan, store, progress=False)
        ends = frame[frame["parent"].notna() & (frame["depth"] == 8) & (frame["metric"] == "eval_loss")]
        assert ends["value"].nunique() == 4


def test_unknown_target_modules_are_answered_with_the_known_ones(bert, data, recipe):
    bad = pl.Task(bert, data, recipe.replace(target_modules=("q_proj",)))
    with pytest.raises(ArgumentError, match=r"target_modules.*query"):
        pl.probe(bad, ProbePlan((1,), 1), progress=False)


def test_labels_outside_the_classes_are_refused(bert, data, recipe):
    wrong = pl.Dataset("wrong", data.train.assign(label=2), data.eval, data.classes)
    with pytest.raises(DataError, match="train rows of wrong"):
        pl.probe(pl.Task(bert, wrong, recipe), ProbePlan((1,), 1), progress=False)


def test_another_task_of_the_same_name_is_not_mixed_in(task, data, bert, recipe):
    store = pl.RunStore(":memory:")
    pl.probe(task, ProbePlan((1,), 1), store, progress=False)
    other = pl.Task(bert, data, recipe.replace(learning_rate=0.1), name="toy")
    with pytest.raises(StoreError, match="another name") as error:
        pl.probe(other, ProbePlan((1,), 1), store, progress=False)
    assert task.fingerprint in str(error.value)
    assert other.fingerprint in str(error.value)


def test_a_missing_model_is_named(data, recipe, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(ModelError, match=r"no config\.json"):
        pl.probe(pl.Task(tmp_path / "empty", data, recipe), ProbePlan((1,), 1), progress=False)
