"""What a data set is like before any model sees it, and what to do about it."""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass

import numpy as np
import pandas as pd

from predictlab._summary import Summarised, Summary
from predictlab._validation import number
from predictlab.errors import bad_argument
from predictlab.static._duplicates import near_duplicates, normalised
from predictlab.task import Dataset

SEGMENT = 100  # words over which types are counted, so that the length of a corpus does not matter
UNEQUAL = 10.0  # largest class over smallest
FEW = 20  # rows of a class
MANY = 0.01  # a share that is worth doing something about


@dataclass(frozen=True, repr=False)
class DataDescription(Summarised):
    """Descriptors of a data set; a notebook shows them as a table.

    Parameters
    ----------
    name : str
        Of the data.
    table : DataFrame
        Columns ``descriptor, value, unit, to_do``; `to_do` is empty where nothing needs doing.
    pairs : DataFrame
        Rows that occur twice: ``split_a, row_a, split_b, row_b, similarity`` (1 for copies), ``conflict``, whether
        their labels or completions differ.

    Examples
    --------
    >>> import pandas as pd
    >>> import predictlab as pl
    >>> table = pd.DataFrame({"descriptor": ["training rows"], "value": [12.0], "unit": ["rows"], "to_do": [""]})
    >>> pl.static.DataDescription("tiny", table, pd.DataFrame()).value("training rows")
    12.0
    """

    name: str
    table: pd.DataFrame
    pairs: pd.DataFrame

    def value(self, descriptor: str) -> float:
        """One descriptor.

        Parameters
        ----------
        descriptor : str
            As it stands in the table.

        Returns
        -------
        float

        Raises
        ------
        ArgumentError
            One that is not in the table.
        """
        found = self.table.loc[self.table["descriptor"] == descriptor, "value"]
        if not len(found):
            raise bad_argument("descriptor", descriptor, f"one of {', '.join(self.table['descriptor'])}")
        return float(found.iloc[0])

    @property
    def to_do(self) -> list[str]:
        """What should be done, one sentence each; empty where nothing was found."""
        return [text for text in self.table["to_do"] if text]

    def summary(self) -> Summary:
        """The table.

        Returns
        -------
        Summary
        """
        return Summary(f"Data {self.name}", self.table.reset_index(drop=True))


def describe(data: Dataset, *, similarity: float = 0.8) -> DataDescription:
    """Describe a data set: size, balance, lengths, duplicates, overlap of training and evaluation, conflicts.

    Parameters
    ----------
    data : Dataset
        From ``pl.load_dataset``.
    similarity : float
        Least Jaccard similarity of the five-character shingles of two texts, in (0, 1], from which they count as near
        duplicates.

    Returns
    -------
    DataDescription
        Words are runs of letters and digits; a model's tokens are about a third more. Texts are compared in lower
        case, without punctuation. Of prompts with completions, prompts are compared.

    Raises
    ------
    ArgumentError
        Data of another type, or a similarity that cannot be.

    References
    ----------
    Broder, "On the resemblance and containment of documents", 1997; Lee et al., "Deduplicating Training Data Makes
    Language Models Better", ACL 2022.

    Examples
    --------
    >>> import pandas as pd
    >>> import predictlab as pl
    >>> rows = pd.DataFrame({"text": ["good film", "Good film!", "bad film", "dull"], "label": [1, 0, 0, 0]})
    >>> data = pl.Dataset("tiny", rows, rows[:1], ("no", "yes"))
    >>> found = pl.describe(data)
    >>> found.value("copies in training"), found.value("evaluation rows seen in training")
    (1.0, 1.0)
    """
    if not isinstance(data, Dataset):
        raise bad_argument("data", data, "a Dataset", "Load it with pl.load_dataset(...).")
    number("similarity", similarity, "a number in (0, 1]", above=0, below=1 + 1e-12)
    labelled = data.kind == "labels"
    key, answer = ("text", "label") if labelled else ("prompt", "completion")
    both = pd.concat({"train": data.train, "eval": data.eval})
    texts = [normalised(text) for text in both[key]]
    pairs = _pairs(texts, both[answer].to_numpy(), len(data.train), similarity)
    records = _size(data, key, answer)
    if labelled:
        records += _balance(data)
    records += _language(data, key if labelled else "completion")
    records += _twice(pairs, len(data.train))
    table = pd.DataFrame(records, columns=["descriptor", "value", "unit", "to_do"])
    return DataDescription(data.name, table.astype({"value": float}), pairs)


Record = tuple[str, float, str, str]


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())


def _size(data: Dataset, key: str, answer: str) -> list[Record]:
    columns = [key] if answer == "label" else [key, answer]
    lengths = data.train[columns].map(lambda text: len(_words(text))).sum(axis=1).to_numpy()
    short, middle, long = np.quantile(lengths, [0.05, 0.5, 0.95]) if len(lengths) else (np.nan,) * 3
    n, m = len(data.train), len(data.eval)
    half = 1.96 * np.sqrt(0.25 / m) if m else np.nan
    few = f"An accuracy of one half is told to ±{half:.0%} by {m} rows: see docs/rows.md." if m < 400 else ""
    to_do = f"Set max_length to about {int(np.ceil(1.4 * long + 2))} tokens, or texts are cut." if long > 45 else ""
    empty = float((lengths == 0).mean()) if n else 0.0
    return [
        ("training rows", n, "rows", ""),
        ("evaluation rows", m, "rows", few),
        ("training words", lengths.sum(), "words", ""),
        ("short text (5 %)", short, "words", ""),
        ("middle text", middle, "words", ""),
        ("long text (95 %)", long, "words", to_do),
        ("texts without a word", empty, "share", "Leave them out." if empty else ""),
    ]


def _balance(data: Dataset) -> list[Record]:
    counts = np.bincount(data.train["label"], minlength=len(data.classes))
    p = counts[counts > 0] / max(counts.sum(), 1)
    entropy = float(-(p * np.log2(p)).sum())
    smallest, largest = int(counts.min()), int(counts.max())
    ratio = largest / smallest if smallest else np.inf
    name = data.classes[int(counts.argmin())]
    rare = "" if smallest >= FEW else f"Class {name!r} has {smallest} rows: collect more, or merge it."
    skew = f"Compare with {largest / counts.sum():.3f}, for always naming the largest class." if ratio > UNEQUAL else ""
    gap = 0.0
    if len(data.eval):
        other = np.bincount(data.eval["label"], minlength=len(data.classes)) / len(data.eval)
        gap = float(np.abs(other - counts / counts.sum()).sum() / 2)
    # Half the sum of absolute differences of two samples of one population, on average
    q, rows = counts / counts.sum(), 1 / len(data.train) + 1 / max(len(data.eval), 1)
    usual = float(np.sqrt(2 / np.pi * q * (1 - q) * rows).sum() / 2)
    shift = "Training and evaluation have other shares of classes: split them anew." if gap > 2 * usual + 0.02 else ""
    return [
        ("classes", len(data.classes), "classes", ""),
        ("label entropy", entropy, "bits", ""),
        ("balance", entropy / np.log2(len(data.classes)) if len(data.classes) > 1 else 0.0, "of 1", ""),
        ("rows of the smallest class", smallest, "rows", rare),
        ("largest over smallest class", ratio, "times", skew),
        ("shift of classes to evaluation", gap, "share", shift),
    ]


def _language(data: Dataset, column: str) -> list[Record]:
    words = [word for text in data.train[column] for word in _words(text)]
    segments = [words[i : i + SEGMENT] for i in range(0, len(words) - SEGMENT + 1, SEGMENT)]
    if words and not segments:
        segments = [words]
    types = float(np.mean([len(set(part)) / len(part) for part in segments])) if segments else np.nan
    raw = "\n".join(data.train[column]).encode("utf-8", "surrogatepass")
    ratio = len(zlib.compress(raw, 9)) / len(raw) if raw else np.nan
    to_do = (
        "Much is repeated, word for word: look for templates and copies." if len(raw) > 5000 and ratio < 0.15 else ""
    )
    what = "texts" if column == "text" else "completions"
    return [
        (f"lexical diversity of {what}", types, f"types in {SEGMENT} words", ""),
        (f"compressed size of {what}", ratio, "of 1", to_do),
    ]


def _twice(pairs: pd.DataFrame, train: int) -> list[Record]:
    exact = pairs["similarity"] == 1
    inside = (pairs["split_a"] == "train") & (pairs["split_b"] == "train")
    across = (pairs["split_a"] == "train") & (pairs["split_b"] == "eval")
    copies = pairs.loc[inside & exact, "row_b"].nunique()
    near = pairs.loc[inside & ~exact, "row_b"].nunique()
    seen = pairs.loc[across & exact, "row_b"].nunique()
    alike = pairs.loc[across & ~exact, "row_b"].nunique()
    conflicts = int(pairs["conflict"].sum())
    share = conflicts / len(pairs) if len(pairs) else 0.0
    leak = f"Take the {seen + alike} rows out of evaluation: on them a model is asked what it has been told."
    return [
        ("copies in training", copies, "rows", "Leave copies out." if copies > MANY * train else ""),
        ("near duplicates in training", near, "rows",
         "Look at describe(data).pairs; keep one of each." if near > MANY * train else ""),
        ("evaluation rows seen in training", seen, "rows", leak if seen + alike else ""),
        ("evaluation rows nearly seen", alike, "rows", ""),
        ("pairs that disagree", conflicts, "pairs",
         "Read them (pairs with conflict): one of two labels is wrong, or the classes overlap." if conflicts else ""),
        ("share of pairs that disagree", share, "share", ""),
    ]  # fmt: skip


def _pairs(texts: list[str], answers: np.ndarray, train: int, similarity: float) -> pd.DataFrame:
    """Copies, each with the first of its kind, and near duplicates among the first of each kind."""
    frame = pd.DataFrame({"text": texts})
    first = frame.groupby("text", sort=False).cumcount() == 0
    where = {text: i for i, text in zip(frame.index[first], frame["text"][first], strict=True)}
    copies = [(where[text], i) for i, text in frame["text"][~first].items()]
    # A text seen in training and twice in evaluation is a pair of the training row with each.
    near, alike = near_duplicates(texts, similarity)
    rows = np.array([*copies, *near.tolist()], dtype=np.int64).reshape(-1, 2)
    split = np.where(np.arange(len(texts)) < train, "train", "eval")
    number_in = np.where(np.arange(len(texts)) < train, np.arange(len(texts)), np.arange(len(texts)) - train)
    a, b = rows[:, 0], rows[:, 1]
    return pd.DataFrame({
        "split_a": split[a], "row_a": number_in[a], "split_b": split[b], "row_b": number_in[b],
        "similarity": np.r_[np.ones(len(copies)), np.minimum(alike, 1 - 1e-9)], "conflict": answers[a] != answers[b],
    })  # fmt: skip
