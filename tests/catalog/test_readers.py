"""Repairs that readers make, on small inputs with known answers."""

from __future__ import annotations

import pytest

from predictlab.catalog import _readers as readers


def test_mail_keeps_subject_and_body_only():
    raw = (
        b"From someone@example.org  Tue Sep 17 11:41:33 2002\nReceived: from relay\nSubject: =?iso-8859-1?q?Caf=E9?=\n"
        b"Content-Type: text/plain; charset=iso-8859-1\nContent-Transfer-Encoding: quoted-printable\n\n"
        b"See http://example.org/x?y=1 for=\n more, d=E9j=E0 vu.\n"
    )
    assert readers.mail_text(raw) == "Café See for more, déjà vu."


def test_mail_in_html_loses_its_markup():
    raw = (
        b"Subject: Hi\nContent-Type: text/html\n\n<html><style>p {color: red}</style><body><p>Buy &amp; <b>save</b>"
        b"<script>run()</script></body></html>"
    )
    assert readers.mail_text(raw) == "Hi Buy & save"


def test_mail_prefers_plain_text_and_skips_attachments():
    raw = (
        b'Subject: S\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary="=="\n\n--==\n'
        b"Content-Type: text/plain\n\nplain words\n--==\nContent-Type: text/html\n\n<p>html words</p>\n--==\n"
        b'Content-Type: text/plain\nContent-Disposition: attachment; filename="a.txt"\n\nattached words\n--==--\n'
    )
    assert readers.mail_text(raw) == "S plain words"


@pytest.mark.parametrize("charset", [b"no-such-charset", b"utf-8", b"us-ascii"])
def test_mail_with_a_wrong_charset_is_still_read(charset):
    raw = b"Subject: S\nContent-Type: text/plain; charset=" + charset + b"\n\nna\xefve\n"
    assert readers.mail_text(raw) == "S naïve"


def test_mail_without_text_is_missing():
    assert readers.mail_text(b"Received: x\n\n") is None


def test_tab_file_has_three_header_rows(tmp_path):
    for name, rows in (("a", "x\tone\n\t\ny\ttwo\n"), ("b", "x\tthree\n")):
        (tmp_path / name).write_text(f"Category\tText\nd\tstring\nclass\t\n{rows}")
    table = readers.orange_split([tmp_path / "a", tmp_path / "b"])
    assert table.to_numpy().tolist() == [["one", "x", "train"], ["two", "y", "train"], ["three", "x", "eval"]]


def test_tweets_are_stripped_of_urls_and_entities():
    assert readers._clean("Ebola &amp; you:  http://t.co/x pic.twitter.com/abc  see bit.ly/1") == "Ebola & you: see"
    assert [readers._clean(f"end http{cut}") for cut in (":…", "s://…", ": ...", "…")] == ["end"] * 4
    assert readers._clean("no link: e.g. 3.com port, and/or") == "no link: e.g. 3.com port, and/or"
