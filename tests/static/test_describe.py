"""Descriptors of data: counted by hand on small sets, duplicates against all pairs."""

import numpy as np
import pandas as pd
import pytest

import predictlab as pl
from predictlab.errors import ArgumentError
from predictlab.static._duplicates import near_duplicates, normalised

WORDS = [
    "a", "film", "of", "great", "charm", "and", "little", "else", "that", "the", "cast", "nearly", "saves", "from",
    "its", "own", "plot", "again",
]  # fmt: skip


def sentences(n, seed=0, words=12):
    rng = np.random.default_rng(seed)
    return [" ".join(rng.choice(WORDS, words)) + f" {i}" for i in range(n)]


def made(train, evaluation, classes=("no", "yes")):
    def frame(rows):
        return pd.DataFrame(rows, columns=["text", "label"])

    return pl.Dataset("made", frame(train), frame(evaluation), classes)


def shingles(text):
    return {text[i : i + 5] for i in range(len(text) - 4)}


@pytest.mark.parametrize("threshold", [0.6, 0.8])
def test_near_duplicates_are_those_of_all_pairs(threshold):
    texts = [normalised(t) for t in sentences(150, words=30)]
    rng = np.random.default_rng(1)
    for i in range(40):  # a changed word here and there
        words = texts[i].split()
        for _ in range(1 + i % 3):
            words[rng.integers(len(words))] = "zebra"
        texts.append(" ".join(words))
    sets = [shingles(t) for t in texts]
    expected = {
        (i, j): len(a & b) / len(a | b)
        for i, a in enumerate(sets)
        for j, b in enumerate(sets)
        if i < j and texts[i] != texts[j] and len(a & b) / len(a | b) >= threshold
    }
    pairs, alike = near_duplicates(texts, threshold)
    found = {(int(i), int(j)): s for (i, j), s in zip(pairs, alike, strict=True)}
    assert set(found) <= set(expected)
    assert len(found) >= 0.98 * len(expected)
    assert len(expected) > 10
    for pair, value in found.items():
        assert value == pytest.approx(expected[pair])


def test_numbers_by_hand():
    train = [("A good film.", 1), ("a GOOD film", 1), ("a good film", 0), ("bad", 0), ("", 0)]
    found = pl.describe(made(train, [("bad!", 0), ("something quite new", 1)]))
    assert found.value("training rows") == 5
    assert found.value("training words") == 10
    assert found.value("middle text") == 3
    assert found.value("texts without a word") == 0.2
    assert found.value("copies in training") == 2
    assert found.value("evaluation rows seen in training") == 1
    assert found.value("pairs that disagree") == 1
    assert found.value("label entropy") == pytest.approx(-(0.4 * np.log2(0.4) + 0.6 * np.log2(0.6)))
    assert found.value("rows of the smallest class") == 2
    assert found.value("lexical diversity of texts") == pytest.approx(4 / 10)
    conflict = found.pairs[found.pairs["conflict"]].iloc[0]
    assert (conflict["row_a"], conflict["row_b"]) == (0, 2)
    assert any("Take the 1 rows out of evaluation" in text for text in found.to_do)
    assert any("'yes' has 2 rows" in text for text in found.to_do)


def test_a_clean_set_has_nothing_to_do():
    rng = np.random.default_rng(5)
    letters = np.array(list("abcdefghijklmnopqrstuvwxyz"))
    texts = [" ".join("".join(rng.choice(letters, 6)) for _ in range(8)) for _ in range(1000)]
    rows = [(t, i % 2) for i, t in enumerate(texts)]
    found = pl.describe(made(rows[:500], rows[500:]))
    assert found.to_do == []
    assert found.pairs.empty
    assert found.value("balance") == pytest.approx(1)


def test_known_duplicates_and_conflicts_are_counted():
    texts = sentences(300, words=25)
    rows = [(t, i % 2) for i, t in enumerate(texts)]
    doubled = [(f"{t} indeed", 1 - label if i < 7 else label) for i, (t, label) in enumerate(rows[:20])]
    found = pl.describe(made([*rows, *doubled], [(f"{t} really", label) for t, label in rows[50:60]]))
    assert found.value("near duplicates in training") == 20
    assert found.value("evaluation rows nearly seen") == 10
    assert found.value("evaluation rows seen in training") == 0
    assert found.value("pairs that disagree") == 7
    assert found.value("share of pairs that disagree") == pytest.approx(7 / 30)


def test_skewed_classes_and_a_shifted_split_are_said():
    train = [(t, int(i < 12)) for i, t in enumerate(sentences(400, words=20))]
    found = pl.describe(made(train, [(f"x{i} y z", 1) for i in range(400)]))
    assert found.value("largest over smallest class") == pytest.approx(388 / 12)
    assert any(".970" in text for text in found.to_do)
    assert any("split them anew" in text for text in found.to_do)
    missing = pl.describe(made([("a", 0), ("b", 0)], [("c", 1)]))
    assert missing.value("largest over smallest class") == np.inf


def test_completions():
    train = pd.DataFrame({"prompt": ["1 + 1", "1 + 1", "2 + 2"], "completion": ["2", "3", "4"]})
    data = pl.Dataset("sums", train, train[2:].reset_index(drop=True))
    found = pl.describe(data)
    assert found.value("pairs that disagree") == 1
    assert found.value("evaluation rows seen in training") == 1
    assert found.value("training words") == 9
    assert "label entropy" not in set(found.table["descriptor"])


def test_refused_and_shown():
    with pytest.raises(ArgumentError, match="load_dataset"):
        pl.describe(["a text"])
    data = made([("a b", 0), ("c d", 1)], [("e", 0)])
    with pytest.raises(ArgumentError, match="similarity=0"):
        pl.describe(data, similarity=0)
    found = pl.describe(data)
    with pytest.raises(ArgumentError, match="descriptor='size'"):
        found.value("size")
    assert "training rows" in found._repr_html_()
    assert "training rows" in str(found)
