"""Lists as people send them, and as attackers do."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import time
import zipfile
from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.inference.domain.lists import subtitles
from services.inference.domain.lists.detection import parse
from services.inference.domain.lists.line import LONGEST_LINE, MOST_LINES, Line, ListRefused
from services.inference.domain.lists.paragraphs import sentences

CONTAINER = (
    '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>'
    '<rootfile full-path="OEBPS/book.opf"/></rootfiles></container>'
)
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), min_size=1, max_size=60)
PLAIN = st.text("abc ,;\"'äß中文。", min_size=1, max_size=40).filter(lambda text: bool(text.strip()))


def opf(chapters: Mapping[str, str]) -> str:
    items = "".join(f'<item id="i{n}" href="{c}" media-type="application/xhtml+xml"/>' for n, c in enumerate(chapters))
    spine = "".join(f'<itemref idref="i{n}"/>' for n in reversed(range(len(chapters))))
    return f'<package xmlns="http://www.idpf.org/2007/opf"><manifest>{items}</manifest><spine>{spine}</spine></package>'


def epub(chapters: Mapping[str, str], **more: str) -> bytes:
    """An EPUB whose spine is the chapters in reverse."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as book:
        book.writestr("mimetype", "application/epub+zip")
        book.writestr("META-INF/container.xml", more.get("container", CONTAINER))
        book.writestr("OEBPS/book.opf", more.get("opf") or opf(chapters))
        for name, body in chapters.items():
            book.writestr(f"OEBPS/{name.replace('%20', ' ')}", body)
    return file.getvalue()


def xhtml(body: str, doctype: str = "<!DOCTYPE html>") -> str:
    return (
        f'{doctype}<html xmlns="http://www.w3.org/1999/xhtml"><head><title>no</title></head><body>{body}</body></html>'
    )


def refused(content: bytes, wanted: str = "") -> ListRefused:
    with pytest.raises(ListRefused) as caught:
        parse(content, wanted)
    assert caught.value.hint
    return caught.value


@given(st.lists(TEXTS, min_size=1, max_size=20))
@settings(max_examples=60, deadline=None)
def test_json_lines_lose_nothing(texts: list[str]) -> None:
    content = "\n".join(json.dumps({"text": text}, ensure_ascii=False) for text in texts).encode()
    kind, lines = parse(content)
    assert kind == "jsonl"
    assert [line.text for line in lines] == texts


@given(st.lists(PLAIN, min_size=1, max_size=20), st.sampled_from(",;\t"), st.booleans())
@settings(max_examples=60, deadline=None)
def test_tables_lose_nothing(texts: list[str], delimiter: str, mark: bool) -> None:
    file = io.StringIO()
    writer = csv.writer(file, delimiter=delimiter)
    writer.writerow(["Nummer", "Text"])
    writer.writerows([str(n), text] for n, text in enumerate(texts))
    kind, lines = parse(file.getvalue().encode("utf-8-sig" if mark else "utf-8"))
    assert kind == "csv"
    assert [line.text for line in lines] == texts


CUES = st.sampled_from(["Hello.", "1984", "In\n1984", "Über <i>uns</i>", "中文。", ""])


@given(st.lists(CUES, min_size=1, max_size=20))
@settings(max_examples=60, deadline=None)
def test_subtitles_lose_nothing_and_keep_their_times(texts: list[str]) -> None:
    cues = "".join(f"{n}\n00:00:{n:02},000 --> 00:00:{n:02},750\n{text}\n\n" for n, text in enumerate(texts, start=1))
    kind, lines = parse(cues.encode("utf-16"))
    assert kind == "srt"
    assert [line.text for line in lines] == [" ".join(t.replace("<i>", "").replace("</i>", "").split()) for t in texts]
    assert [(line.start, line.end) for line in lines] == [(n, n + 0.75) for n in range(1, len(texts) + 1)]


@given(st.lists(PLAIN, min_size=1, max_size=12), st.integers(20, 60))
@settings(max_examples=60, deadline=None)
def test_paragraphs_are_cut_without_a_loss(parts: list[str], most: int) -> None:
    text = " ".join(". ".join(parts).split())
    pieces = sentences(text, most)
    assert all(0 < len(piece) <= most for piece in pieces)
    assert "".join(pieces).replace(" ", "") == text.replace(" ", "")


def test_columns_and_keys() -> None:
    first = b'{"id": 7, "text": "a", "language": "zh-CN", "voice": "ann/x", "seed": 3, "note": []}'
    _, lines = parse(first + b'\n\n{"text": "b"}')
    assert lines == [Line("7", "a", "zh-CN", "ann/x", 3), Line("3", "b")]
    _, lines = parse(b"ID,Text,Language\nintro,a,en\n\n,b,\n")
    assert lines == [Line("intro", "a", "en"), Line("3", "b")]
    assert parse(b'{"text": ""}')[1][0].obstacle
    assert "at most" in parse(json.dumps({"text": "a" * (LONGEST_LINE + 1)}).encode())[1][0].obstacle
    assert subtitles.write([(1.0, 2.5, "Hello.")]).startswith("1\n00:00:01,000 --> 00:00:02,500\nHello.")


def test_a_book_is_read_in_the_order_of_its_spine() -> None:
    body = "<h1>Two</h1><p>Some <em>tall</em>\n tales.</p><div>Bare<p>Inside</p>after</div>"
    body += "<p>漢<ruby>字<rt>じ</rt></ruby></p>"
    old = '<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.1//EN" "http://www.w3.org/TR/xhtml11/DTD/xhtml11.dtd">'
    long = "A sentence that is rather long. " * 60
    kind, lines = parse(epub({"b.xhtml": xhtml(f"<p>{long}</p>"), "a%20a.xhtml": xhtml(body + "<p>a&nbsp;b</p>", old)}))
    assert kind == "epub"
    assert [line.text for line in lines[:7]] == ["Two", "Some tall tales.", "Bare", "Inside", "after", "漢字", "a b"]
    assert [line.id for line in lines[6:9]] == ["c001p0007", "c002p0001.1", "c002p0001.2"]
    assert " ".join(line.text for line in lines[7:]) == long.strip()


BOMB = xhtml("<p>" + "a" * (9 << 20) + "</p>")
LAUGHS = '<!DOCTYPE html [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>'
OUTSIDE = '<!DOCTYPE html [<!ENTITY x SYSTEM "file:///etc/hostname">]>'


@pytest.mark.parametrize(
    ("content", "place", "says"),
    [
        (b'{"text": "a"}\n{"text": }', "line 2", "no JSON"),
        (b'{"text": "a"}\n[1]', "line 2", "no JSON object"),
        (b'{"text": "a"}\n{"id": "b"}', "line 2", "no text"),
        (b'{"text": "a", "id": "x"}\n\n{"text": "b", "id": "x"}', "line 3", "that of line 1"),
        (b'{"text": "\\ud800"}', "line 1", "surrogate"),
        (b'{"text": "a\\u0000"}', "line 1", "NUL"),
        (b'{"text": "a", "seed": -1}', "line 1", "seed"),
        (b'{"text": "a", "id": ' + b"9" * 5000 + b"}", "line 1", "no JSON"),
        (b"{" * 100_000, "line 1", "no JSON"),
        (b'{"text": "a"}\n' * (MOST_LINES + 1), f"line {MOST_LINES + 1}", "at most"),
        (b"text\x00\na", "line 1", "NUL"),
        (b"text\n\xff\xfe\xfa", "byte 5", "UTF-8"),
        (b"id,text\n1,a\n2,b,c", "row 3", "3 values"),
        (b'text,id\n"a', "row 2", "no CSV"),
        (b"text,text\na,b", "line 1", "twice"),
        (b"1\n00:00:02,000 --> 00:00:01,000\nHello", "subtitle 1", "before"),
        (b"1\n00:00:01,000 --> 00:00:02,000\n" + b"<a" * 3_000, "subtitle 1", "more than 5000"),
        (b"1\n00:00:01,000 --> 00:00:02,000\n" + b"\n" * (5 << 20), "", "larger than 4 MiB"),
        (b"", "", "no list"),
        (b"\x89PNG\r\n", "byte 0", "UTF-8"),
        (b"text\n", "", "no line"),
        (b"PK\x03\x04nothing", "", "no zip"),
        (epub({"a.xhtml": BOMB}), "OEBPS/a.xhtml", "larger"),
        (epub({f"{n}.xhtml": BOMB for n in range(8)}), "", "larger than 64 MiB"),
        (epub({f"{n}.xhtml": "" for n in range(2_001)}), "", "at most 2000"),
        (epub({"a.xhtml": xhtml("<p>&b;</p>", LAUGHS)}), "OEBPS/a.xhtml", "Entities"),
        (epub({"a.xhtml": xhtml("<p>&x;</p>", OUTSIDE)}), "OEBPS/a.xhtml", "Entities"),
        (epub({"a.xhtml": xhtml("<p>open")}), "OEBPS/a.xhtml", "well-formed"),
        (epub({"a.xhtml": xhtml("")}), "", "no line"),
        (epub({}), "OEBPS/book.opf", "no chapter"),
        (epub({}, opf=opf({"../../etc/passwd": ""})), "../etc/passwd", "no such entry"),
        (epub({}, container="<container/>"), "META-INF/container.xml", "no such entry"),
    ],
)  # fmt: skip
def test_hostile_lists_get_one_answer_with_the_place(content: bytes, place: str, says: str) -> None:
    error = refused(content)
    assert error.place == place, str(error)
    assert says in str(error)


def test_deep_nesting_costs_nothing() -> None:
    _, lines = parse(epub({"a.xhtml": xhtml("<b>" * 50_000 + "deep" + "</b>" * 50_000)}))
    assert [line.text for line in lines] == ["deep"]


def test_a_list_is_what_it_is_said_to_be() -> None:
    assert parse(b"text\na", "csv")[0] == "csv"
    assert "said to be srt" in str(refused(b"text\na", "srt"))


@pytest.mark.parametrize(
    "content",
    [
        b"\n" * (8 << 20),
        b" \t\n" * (4 << 20),
        (b"1\n00:00:01,000 --> 00:00:02,000\n" + b"<a" * 2_000 + b"\n\n") * 200,
        (b"1\n00:00:01,000 --> 00:00:02,000\n" + b"\n" * 4_000 + b"{\n\n") * 200,
        b'text\n"' + b'""' * (4 << 20),
        b"{" * (8 << 20),
        epub({"a.xhtml": xhtml("<p>" + "a" * (7 << 20) + "</p>")}),
    ],
    ids=["lines", "white", "tags", "newlines", "quotes", "braces", "one word"],
)
def test_what_is_made_to_take_long_does_not(content: bytes) -> None:
    since = time.process_time()
    with contextlib.suppress(ListRefused):
        parse(content)
    assert time.process_time() - since < 5
