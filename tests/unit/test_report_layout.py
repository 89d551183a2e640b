import json
import re
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import typst
from report_folders import WORLDS, World, write_world, write_worlds
from report_reading import the_protocol

from odisea.errors import DataError
from odisea.report.content import Curve, Flow, Forest, Icons, Interval, Number, Panel, Plain, Point, Series, Trace
from odisea.report.figures import draw
from odisea.report.html import render_html
from odisea.report.pdf import TEMPLATE, render_pdf
from odisea.report.power import power_document, write_power_report
from odisea.report.results import read_power_results
from odisea.report.speech import Speaker, spoken

HOSTILE = '<script>alert("x")</script> & #panic("x") $ \\ ` *b* [l](http://x) {braces} "quotes"'


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    folders = write_worlds(tmp_path_factory.mktemp("power"))
    document = power_document(read_power_results(folders, the_protocol()), the_protocol())
    return {language: spoken(document, language)[0] for language in ("en", "es")}


@pytest.fixture(scope="module")
def pdf(said: dict[str, dict[str, Any]]) -> bytes:
    return render_pdf(said["es"])


class Page(HTMLParser):
    """Collects tags, attributes and text of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def test_the_pdf_is_tagged_titled_and_in_its_language(pdf: bytes) -> None:
    assert pdf.startswith(b"%PDF-")
    assert b"/StructTreeRoot" in pdf
    assert re.search(rb"/Lang\s*\(es-MX\)", pdf)
    assert b"<pdfuaid:part>1</pdfuaid:part>" in pdf
    title = re.search(rb"<dc:title>.*?</dc:title>", pdf, re.DOTALL)
    assert title is not None
    assert "¿Tiene este estudio el número adecuado de personas?" in title.group().decode()
    assert b"2026-11-23" in pdf


def test_the_pdf_is_the_same_to_the_byte(said: dict[str, dict[str, Any]], pdf: bytes) -> None:
    assert render_pdf(said["es"]) == pdf


def test_without_a_date_the_pdf_has_none(said: dict[str, dict[str, Any]]) -> None:
    assert b"CreateDate" not in render_pdf(said["en"] | {"date": ""})


@pytest.mark.parametrize("language", ["en", "es"])
def test_the_summary_takes_two_pages(said: dict[str, dict[str, Any]], language: str) -> None:
    from odisea.report.icons import MARKS, STATES

    parts = said[language]["parts"]
    # Part II is reduced to its headings, which the summary refers to.
    rest = [parts[1] | {"sections": [section | {"blocks": []} for section in parts[1]["sections"]]}]
    data = json.dumps({**said[language], "parts": [parts[0], *rest], "icons": {**MARKS, **STATES}})
    pages = typst.Compiler(TEMPLATE.read_bytes(), ignore_system_fonts=True, sys_inputs={"data": data}).compile(format="svg")
    assert isinstance(pages, list)
    assert len(pages) == 2 + 1  # two of Part I; the headings of Part II


@pytest.mark.parametrize("language", ["en", "es"])
def test_the_page_is_one_offline_accessible_file(said: dict[str, dict[str, Any]], language: str) -> None:
    page = Page(render_html(said[language]))
    assert page.all("html")[0]["lang"] == {"en": "en-GB", "es": "es-MX"}[language]
    assert page.all("a")[0] == {"class": "skip", "href": "#content"}
    addresses = [value for _, attributes in page.tags for name, value in attributes.items() if name in ("src", "href") and value]
    assert all(address.startswith(("#", "data:image/svg+xml;base64,")) for address in addresses)
    assert {"script", "link", "iframe", "object"}.isdisjoint(tag for tag, _ in page.tags)
    assert "default-src 'none'" in str(page.all("meta"))
    assert all(image["alt"] for image in page.all("img"))
    assert len(page.all("caption")) == len(page.all("table")) == len([b for b in blocks(said[language]) if b["kind"] == "table"])
    assert all(heading.get("scope") in ("row", "col", "rowgroup", "colgroup") for heading in page.all("th"))
    identifiers = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(identifiers) == len(set(identifiers))
    assert {str(link["href"])[1:] for link in page.all("a")} <= {str(one) for one in identifiers}


def blocks(said: dict[str, Any]) -> list[dict[str, Any]]:
    return [block for part in said["parts"] for section in part["sections"] for block in section["blocks"]]


def test_headings_do_not_skip_a_level(said: dict[str, dict[str, Any]]) -> None:
    levels = [int(tag[1]) for tag, _ in Page(render_html(said["en"])).tags if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))


def test_hostile_text_stays_text(tmp_path: Path) -> None:
    folders = [write_world(tmp_path, World(name, label=(HOSTILE, HOSTILE) if name == "registered" else None)) for name in WORLDS]
    said, _ = spoken(power_document(read_power_results(folders, the_protocol()), the_protocol()), "en")
    page = render_html(said)
    assert "<script" not in page
    assert HOSTILE in "".join(Page(page).texts)
    assert render_pdf(said).startswith(b"%PDF-")


def test_the_record_of_numbers_stands_beside_the_report(tmp_path: Path) -> None:
    folders = write_worlds(tmp_path)
    records = []
    for target in (tmp_path / "out" / "power_report.es.html", tmp_path / "out" / "power_report.en.pdf"):
        write_power_report(folders, the_protocol(), target.suffixes[0][1:], target)
        assert target.stat().st_size > 10_000
        records.append(json.loads(target.with_suffix(".numbers.json").read_text(encoding="utf-8")))
    assert records[0] == records[1]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "power_report.en.numbers.json", "power_report.en.pdf", "power_report.es.html", "power_report.es.numbers.json",
    ]  # fmt: skip


@pytest.mark.parametrize(("target", "language", "said"), [("r.docx", "en", "the suffix is .docx"), ("r.pdf", "fr", "the language is fr")])
def test_another_form_or_language_is_refused(tmp_path: Path, target: str, language: str, said: str) -> None:
    with pytest.raises(DataError, match=said):
        write_power_report(write_worlds(tmp_path, "registered", "null"), the_protocol(), language, tmp_path / target)


def number(value: float) -> Number:
    return Number(f"{value:g}", value, Trace("x", "y"))


PLOTS: dict[str, Icons | Curve | Flow | Forest] = {
    "icons": Icons((Panel(Plain("all"), number(1.0), Plain("b")), Panel(Plain("none"), number(0.0), Plain("b")))),
    "curve": Curve(Plain("x"), Plain("y"), (Series(Plain("s"), (Point(0, 5, 4, 6), Point(10, 80, 79, 81))),), ((80.0, Plain("80")),)),
    "one point": Curve(Plain("x"), Plain("y"), (Series(Plain("s"), (Point(1, 5, 4, 6),)),), ()),
    "flow": Flow(((Plain("a"),), (Plain("b"),)), (Plain("out"),), (((Plain("c"),), (Plain("d"),)), ((Plain("e"),),), ((Plain("f"),),))),
    "narrow flow": Flow(((Plain("b"),),), (), (((Plain("c"),),),)),
    "forest": Forest(Plain("x"), (Interval(Plain("r"), -1.0, -2.0, 0.5),), Plain("arm better"), Plain("other better"), True),
}


@pytest.mark.parametrize("name", PLOTS)
def test_figures_are_the_same_to_the_byte_and_hold_no_clock(name: str) -> None:
    first, second = (draw(PLOTS[name], "figure", Speaker("en").text) for _ in range(2))
    assert first == second
    assert first.startswith("<?xml")
    assert "dc:date" not in first
    assert "<text" not in first
