"""Tasks and recipes: what they refuse, copies of them, and what their identity in a store depends on."""

import numpy as np
import pandas as pd
import pytest

import predictlab as pl
from predictlab.errors import ArgumentError

ROWS = pd.DataFrame({"text": list("abcdefgh"), "label": [0, 1] * 4})
LABELS = pl.Dataset("letters", ROWS, ROWS.head(4), ("no", "yes"))
ANSWERS = pd.DataFrame({"prompt": list("abcd"), "completion": list("wxyz")})
COMPLETIONS = pl.Dataset("answers", ANSWERS, ANSWERS)


@pytest.mark.parametrize(
    ("setting", "value", "message"),
    [
        ("rank", 0, "rank=0: expected a whole number >= 1"),
        ("lora_alpha", 2.5, "lora_alpha=2.5: expected a whole number >= 1"),
        ("steps", True, "steps=True: expected a whole number >= 1"),
        ("warmup_steps", 256, "warmup_steps=256: expected a whole number from 0 to 255. It counts in steps=256"),
        ("learning_rate", 0, "learning_rate=0: expected a finite number > 0"),
        ("weight_decay", -1, "weight_decay=-1: expected a finite number >= 0"),
        ("dropout", 1.0, r"dropout=1.0: expected a probability in \[0, 1\)"),
        ("method", "adapter", "method='adapter': expected one of 'lora', 'head', 'full'"),
        ("optimizer", "adam", "optimizer='adam': expected one of 'adamw', 'sgd'"),
        ("sampling", "epochs", "sampling='epochs': expected one of 'shuffle', 'replacement'"),
        ("pooling", "max", "pooling='max': expected one of 'mean', 'cls'"),
        ("schedule", "poly:x", "schedule='poly:x': expected one of constant, linear, cosine, or 'poly:rho'"),
        ("layers", "first:2", "layers='first:2': expected 'all', 'last:k'"),
        ("target_modules", (), "target_modules=.*: expected module names"),
        ("init_seed", -1, "init_seed=-1: expected None, or a whole number >= 0"),
    ],
)
def test_a_recipe_says_what_it_cannot_be(setting, value, message):
    with pytest.raises(ArgumentError, match=message):
        pl.Recipe(**{setting: value})


@pytest.mark.parametrize("number", [np.int64(64), np.uint8(64)])
def test_numbers_of_other_types_are_the_same_recipe(number):
    given, plain = pl.Recipe(steps=number), pl.Recipe(steps=64)
    assert given == plain
    assert type(given.steps) is int
    assert pl.Task("m", LABELS, given).fingerprint == pl.Task("m", LABELS, plain).fingerprint


@pytest.mark.parametrize(
    "change",
    [
        {"lora_alpha": 32},
        {"rank": 4},
        {"precision": "bf16"},
        {"steps": 8},
        {"layers": "all"},
        {"dropout_seed": 1},
        {"optimizer": "sgd"},
        {"sampling": "replacement"},
    ],
)
def test_every_setting_takes_part_in_the_identity(change):
    task = pl.Task("m", LABELS)
    assert task.replace(recipe=task.recipe.replace(**change)).fingerprint != task.fingerprint


def test_stores_from_before_plain_sgd_go_on():
    """What the package printed before recipes had an optimizer: a change would shut people out of their stores."""
    task = pl.Task("m", LABELS)
    assert task.fingerprint == "3d3e324036cf1be7"
    assert task.replace(recipe=pl.Recipe(layers=(1, 2), steps=64)).fingerprint == "fee1ec977929bed5"


def test_copies_keep_what_was_chosen_and_derive_the_rest_anew():
    task = pl.Task("m", LABELS)
    assert task.replace(label_noise=0.25).name == "m/letters+noise0.25"
    assert task.replace(data=COMPLETIONS).metric == "eval_loss"
    chosen = pl.Task("m", LABELS, metric="eval_loss", name="mine").replace(model="other")
    assert (chosen.model, chosen.metric, chosen.name) == ("other", "eval_loss", "mine")
    assert task.replace() == task


@pytest.mark.parametrize("what", [pl.Recipe(), pl.Task("m", LABELS), pl.ProbePlan((1, 2), 2)])
def test_copies_with_an_unknown_field_name_the_known_ones(what):
    with pytest.raises(ArgumentError, match=r"replace\(\)='alpha': expected one of '"):
        what.replace(alpha=3)


def test_labels_of_an_unknown_split():
    with pytest.raises(ArgumentError, match="split='test': expected one of 'train', 'eval'"):
        pl.Task("m", LABELS).labels("test")
