"""Recipes of runs: told apart whatever differs and wherever the writer keeps it; labels are no recipe."""

import json
import warnings

import numpy as np
import pandas as pd
import pytest

import predictlab as pl
from predictlab.errors import ArgumentError
from predictlab.runs import ImportNotice
from predictlab.runs._importers.recipes import canonical, is_label, yaml_entries

DEPTHS = [10, 20, 40, 80]
ASKED = r"task=None.*They differ in .*"


def values(seed):
    return 0.8 + np.random.default_rng(seed).normal(0, 0.02, len(DEPTHS))


def state(folder, seed, rates=None, **more):
    folder.mkdir(parents=True)
    entries = [
        entry
        for i, (step, value) in enumerate(zip(DEPTHS, values(seed), strict=True))
        for entry in (
            [{"learning_rate": rates[i], "loss": 1.0, "step": step}] if rates else []
        ) + [{"eval_accuracy": value, "eval_runtime": 1.0, "step": step}]
    ]  # fmt: skip
    (folder / "trainer_state.json").write_text(json.dumps({"global_step": 80, "log_history": entries, **more}))


def quietly(source, **arguments):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return pl.read_runs(source, **arguments)


@pytest.mark.parametrize("name", [
    "seed", "data_seed", "random_state", "output_dir", "run_name", "logger.name", "hydra.run.dir", "timestamp", "id",
])  # fmt: skip
def test_labels(name):
    assert is_label(name)


@pytest.mark.parametrize("name", ["lr", "model.name", "data.path", "lora.rank", "optimizer/lr", "seedling", "lora_r"])
def test_what_is_no_label(name):
    assert not is_label(name)


def test_equal_values_are_equal_however_they_are_written():
    assert canonical("1e-4") == canonical(0.0001) == canonical("0.00010")
    assert canonical(1) == canonical(1.0) == canonical("1")
    assert canonical(True) == canonical("True")
    assert canonical(["q", "v"]) == canonical(["v", "q"])
    assert canonical([64, 32]) != canonical([32, 64])
    assert canonical(float("nan")) is canonical(None) is None


def test_yaml_of_the_usual_writers():
    text = (
        "---\n# made by hand\nopt:\n  lr: 1e-4  # small\n  betas:\n  - 0.9\n  - 0.99\nname: 'a: b'\n"
        "model: !!python/object:x.Y\n  width: 3\n"
    )
    assert yaml_entries(text) == {"opt.lr": "1e-4", "opt.betas": "- 0.9 - 0.99", "name": "a: b", "model.width": "3"}


@pytest.mark.parametrize("which", [{"train_batch_size": 8}, {"max_steps": 80}, {"trial_params": {"lr": 0.001}}])
def test_trainer_states_say_part_of_their_recipe(tmp_path, which):
    for seed in range(4):
        doubled = {k: ({"lr": v["lr"] * (1 + seed % 2)} if isinstance(v, dict) else v * (1 + seed % 2))
                   for k, v in which.items()}  # fmt: skip
        state(tmp_path / "differ" / f"seed-{seed}", seed, **doubled)
        state(tmp_path / "alike" / f"seed-{seed}", seed, **which)
    with pytest.raises(ArgumentError, match=ASKED):
        pl.read_runs(tmp_path / "differ")
    assert set(quietly(tmp_path / "alike", strict=True)["task"]) == {"alike"}


def test_a_logged_learning_rate_is_part_of_the_recipe(tmp_path):
    for seed in range(4):
        state(tmp_path / "alike" / f"seed-{seed}", seed, [1e-4, 8e-5, 5e-5, 0.0])
        state(tmp_path / "differ" / f"seed-{seed}", seed, [r * (1 + (seed == 3)) for r in (1e-4, 8e-5, 5e-5, 0.0)])
    with pytest.raises(ArgumentError, match=ASKED + "learning_rate"):
        pl.read_runs(tmp_path / "differ")
    assert quietly(tmp_path / "alike")["run"].nunique() == 4


def test_a_rate_that_follows_the_run_is_no_other_recipe():
    """Reduced on a plateau, at another step in each run, from one value on."""
    table = pd.concat([
        pd.DataFrame({"seed": s, "step": DEPTHS, "acc": values(s), "lr": [0.1, 0.1, 0.1 / (1 + s), 0.01]})
        for s in range(3)
    ])  # fmt: skip
    assert set(quietly(table, metric="acc")["seed"]) == {0, 1, 2}
    with pytest.raises(ArgumentError, match=ASKED + "lr"):
        pl.read_runs(table.assign(lr=table["lr"] * (1 + table["seed"])), metric="acc")


@pytest.mark.parametrize("name", ["adapter_config.json", "config.json"])
def test_recipes_in_the_last_checkpoint(tmp_path, name):
    for seed in range(3):
        folder = tmp_path / f"seed-{seed}"
        state(folder / "checkpoint-80", seed)
        (folder / "checkpoint-80" / name).write_text(json.dumps({"r": 8 * (1 + seed // 2), "target_modules": ["q"]}))
    with pytest.raises(ArgumentError, match=ASKED + "r"):
        pl.read_runs(tmp_path)


def test_a_recipe_above_the_log_but_of_this_run_alone(tmp_path):
    for seed in range(3):
        folder = tmp_path / f"seed-{seed}" / "csv" / "version_0"
        folder.mkdir(parents=True)
        pd.DataFrame({"step": DEPTHS, "acc": values(seed)}).to_csv(folder / "metrics.csv", index=False)
        (tmp_path / f"seed-{seed}" / "config.toml").write_text(f"[opt]\nlr = {0.1 * (1 + seed)}\n")
    (tmp_path / "config.yaml").write_text("of: all\n")
    with pytest.raises(ArgumentError, match=ASKED + r"opt\.lr"):
        pl.read_runs(tmp_path, metric="acc")


def test_labels_and_places_in_a_recipe_are_none(tmp_path):
    for seed in range(3):
        folder = tmp_path / f"seed-{seed}"
        folder.mkdir()
        pd.DataFrame({"step": DEPTHS, "acc": values(seed)}).to_csv(folder / "log.csv", index=False)
        text = f"lr: 0.1\nseed: {seed}\noutput_dir: {folder}\nweights: /data/seed-{seed}/start.pt\ntimestamp: {seed}9\n"
        (folder / "hparams.yaml").write_text(text)
    assert quietly(tmp_path, metric="acc", strict=True)["seed"].nunique() == 3


def test_a_seed_in_the_recipe_is_taken_where_the_names_have_none(tmp_path):
    for i, seed in enumerate((11, 5, 7)):
        folder = tmp_path / f"version_{i}"
        folder.mkdir()
        pd.DataFrame({"step": DEPTHS, "acc": values(seed)}).to_csv(folder / "metrics.csv", index=False)
        (folder / "hparams.yaml").write_text(f"lr: 0.1\nseed: {seed}\n")
    frame = pl.read_runs(tmp_path, metric="acc", task="t")
    assert frame.groupby("run")["seed"].first().to_dict() == {
        "version_0": 11, "version_1": 5, "version_2": 7,
    }  # fmt: skip


def test_an_entry_that_one_recipe_lacks_is_a_difference_a_lost_recipe_is_said(tmp_path):
    for seed in range(3):
        folder = tmp_path / f"seed-{seed}"
        folder.mkdir()
        pd.DataFrame({"step": DEPTHS, "acc": values(seed)}).to_csv(folder / "log.csv", index=False)
        (folder / "args.json").write_text(json.dumps({"lr": 0.1} | ({"ema": 0.9} if seed else {})))
    with pytest.raises(ArgumentError, match=ASKED + "ema"):
        pl.read_runs(tmp_path, metric="acc")
    (tmp_path / "seed-0" / "args.json").unlink()
    with pytest.warns(ImportNotice, match=r"no recipe lies beside the logs of seed-0"):
        pl.read_runs(tmp_path, metric="acc")
    (tmp_path / "seed-0" / "args.json").write_text("{")
    with pytest.warns(ImportNotice, match=r"args\.json: the recipe in it cannot be read"):
        pl.read_runs(tmp_path, metric="acc")


def test_recipes_of_wandb_folders_keep_values_alone(tmp_path):
    for seed in range(2):
        folder = tmp_path / f"seed-{seed}"
        folder.mkdir()
        pd.DataFrame({"step": DEPTHS, "acc": values(seed)}).to_csv(folder / "log.csv", index=False)
        text = f"_wandb:\n    value:\n        t: {seed}\nlr:\n    desc: {seed}\n    value: 0.1\n"
        (folder / "config.yaml").write_text(text)
    assert set(quietly(tmp_path, metric="acc")["seed"]) == {0, 1}


def test_runs_of_one_task_by_name_that_differ_are_noticed():
    table = pd.concat([
        pd.DataFrame({"seed": s, "data": "a" if s < 3 else "b", "step": DEPTHS, "acc": values(s), "wd": 0.1 * (s == 2)})
        for s in range(6)
    ])  # fmt: skip
    with pytest.warns(ImportNotice, match="3 runs of task 'a' differ in wd") as said:
        frame = pl.read_runs(table, metric="acc", task="data")
    assert len(said) == 1
    assert set(frame["task"]) == {"a", "b"}


# TensorBoard


def events(folder, seed, **writing):
    from torch.utils.tensorboard import SummaryWriter

    with SummaryWriter(str(folder)) as writer:
        for step, value in zip(DEPTHS, values(seed), strict=True):
            writer.add_scalar("acc", value, step)
        if "arguments" in writing:
            writer.add_text("args", json.dumps(writing["arguments"], indent=2))
        if "hparams" in writing:
            writer.add_hparams(writing["hparams"], {"acc": 0.5})


@pytest.mark.parametrize("how", ["hparams", "arguments"])
def test_hyperparameters_in_event_files(tmp_path, how):
    for seed in range(3):
        said = {"lr": 0.1, "width": 64, "logging_dir": f"there/{seed}"}
        events(tmp_path / "alike" / f"seed-{seed}", seed, **{how: said})
        events(tmp_path / "differ" / f"seed-{seed}", seed, **{how: said | {"width": 64 * (1 + seed)}})
    frame = quietly(tmp_path / "alike", metric="acc")
    assert frame.groupby("run").size().to_dict() == dict.fromkeys(("seed-0", "seed-1", "seed-2"), 4)
    with pytest.raises(ArgumentError, match=ASKED + "width"):
        pl.read_runs(tmp_path / "differ", metric="acc")
