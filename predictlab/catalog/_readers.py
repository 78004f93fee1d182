"""Readers of the catalog's data files: each gives a table with the columns ``text`` and ``label``.

A reader takes the files of its record (``fetching.paths_of``) and returns one row per example: ``text`` (str
or None) and ``label`` (str or None), or ``prompt`` and ``completion`` instead; and, where the source has an
official split, ``split`` ("train" or "eval"). It repairs markup and leaves out rows of another kind than the
record promises; bad rows stay in, for ``load_dataset`` to count.
"""

from __future__ import annotations

import email
import email.policy
import html
import json
import re
from collections.abc import Iterable
from email.header import decode_header
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
_FRIENDS = ("Chandler", "Joey", "Monica", "Phoebe", "Rachel", "Ross")


def _table(text: Iterable[object], label: Iterable[object]) -> pd.DataFrame:
    return pd.DataFrame({"text": list(text), "label": list(label)}, dtype=object)


def _spaced(text: str) -> str:
    """Text with a single space for each stretch of white space, and none around it."""
    return " ".join(text.split())


def _clean(text: str) -> str:
    """Text without URLs, with entities decoded and white space collapsed."""
    return _spaced(_URL.sub(" ", html.unescape(text)))


def _csv(path: Path, **options: Any) -> pd.DataFrame:
    """Cells of a csv file as text; empty ones are empty strings."""
    return pd.read_csv(path, dtype=object, keep_default_na=False, **options)


def _tab(path: Path) -> pd.DataFrame:
    """Rows of an Orange .tab file, but empty ones; its three header rows are names, types and roles."""
    table = _csv(path, sep="\t", skiprows=[1, 2])
    return table[(table != "").any(axis=1)]


def _questions(paths: list[Path], context: str) -> pd.DataFrame:
    """Rows of files with a JSON object a line, and ``text``: the question, then the column `context`."""
    lines = [(path, line) for path in paths for line in path.read_text(encoding="utf-8").split("\n") if line.strip()]
    table = pd.DataFrame([json.loads(line) | {"file": path.stem} for path, line in lines])
    return table.assign(text=table["question"].map(_spaced) + JOINER + table[context].map(_spaced))


def rotten_tomatoes(paths: list[Path]) -> pd.DataFrame:
    """Critics' sentences; label ``fresh`` or ``rotten``."""
    table = _csv(paths[0])
    table = table[table["category"] != "plot"]
    return _table(table["text"], table["category"])


def plot_or_review(paths: list[Path]) -> pd.DataFrame:
    """Plot summaries and critics' sentences; label ``plot`` or ``review``."""
    table = _csv(paths[0])
    return _table(table["text"], table["category"].where(table["category"] == "plot", "review"))


def orange_split(paths: list[Path]) -> pd.DataFrame:
    """Columns ``Text`` and ``Category`` of a training and of a test file."""
    parts = {split: _tab(path) for split, path in zip(("train", "eval"), paths, strict=True)}
    tables = [_table(part["Text"], part["Category"]).assign(split=split) for split, part in parts.items()]
    return pd.concat(tables, ignore_index=True)


def election_tweets(paths: list[Path]) -> pd.DataFrame:
    """Own tweets of two candidates; label is the account."""
    table = _tab(paths[0])
    table = table[table["Is retweet"] == "False"]
    return _table(table["Content"].map(_clean), table["Author"])


def friends_speaker(paths: list[Path]) -> pd.DataFrame:
    """Lines of the six main characters; label is who says it."""
    table = _tab(paths[0])
    table = table[table["Author"].isin(_FRIENDS)]
    return _table([_spaced(_C1.sub(_windows, quote)) for quote in table["Quote"]], table["Author"])


def _windows(found: re.Match[str]) -> str:
    """The Windows-1252 sign that a C1 control character stands for, where an encoding was once mistaken."""
    return found[0].encode("latin-1").decode("cp1252", "replace")


def health_tweets(paths: list[Path]) -> pd.DataFrame:
    """Tweets of news accounts on health; label is the account, which is the prefix of the row's id."""
    table = _csv(paths[0])
    accounts = table["source_id"].str.rpartition("-")[0]
    # An account's own handle would give the label away.
    handles = {account: re.compile(rf"@{re.escape(account)}\b", re.IGNORECASE) for account in accounts.unique()}
    texts = [_clean(handles[account].sub(" ", text)) for account, text in zip(accounts, table["text"], strict=True)]
    return _table(texts, accounts)


def boolq(paths: list[Path]) -> pd.DataFrame:
    """Question and passage; label ``no`` or ``yes``, or missing where the source withholds it."""
    table = _questions(paths, "passage")
    return _table(table["text"], table["label"].map({True: "yes", False: "no"}))


def privacy_qa(paths: list[Path]) -> pd.DataFrame:
    """Question and clause of a privacy policy; label ``relevant`` or ``irrelevant``."""
    table = _questions(paths, "context")
    return _table(table["text"], table["answer"].map({"True": "relevant", "False": "irrelevant"}))


def multiple_choice(paths: list[Path]) -> pd.DataFrame:
    """Question and options; label is the letter of the right one."""
    table = _questions(paths, "options")
    return _table(table["text"], table["answer"].str.partition(".")[0])


def medical_subject(paths: list[Path]) -> pd.DataFrame:
    """Exam questions with their options; label is the subject, which is the name of the file."""
    table = _questions([path for path in paths if path.stem != "Unknown"], "options")
    return _table(table["text"], table["file"])


def asdiv(paths: list[Path]) -> pd.DataFrame:
    """Word problems of arithmetic; the completion is the number with its unit, as in `` 9 apples``."""
    table = _questions(paths, "passage").map(_spaced)
    prompt = table["passage"] + " " + table["question"] + "\nAnswer:"
    return pd.DataFrame({"prompt": prompt, "completion": " " + table["answer"]}, dtype=object)


def review_sentences(paths: list[Path]) -> pd.DataFrame:
    """Sentences of reviews; label ``negative`` or ``positive``."""
    table = pd.DataFrame([row or {} for path in paths for row in json.loads(path.read_text(encoding="utf-8"))])
    return _table(table["text"], table["class"].map({0: "negative", 1: "positive"}))


def spam_assassin(paths: list[Path]) -> pd.DataFrame:
    """Subject and body of e-mails; label ``ham`` or ``spam``."""
    labels = ["spam" if path.parent.name.startswith("spam") else "ham" for path in paths]
    return _table([mail_text(path.read_bytes()) for path in paths], labels)


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
