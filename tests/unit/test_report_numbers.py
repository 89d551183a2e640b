from math import nan

import pytest
from readability import fernandez_huerta, spanish_syllables

from odisea.report.content import Number, Trace
from odisea.report.numbers import DASH, Traced, combined, decimals, fixed, of_hundred, p_value, percent, short, wilson
from odisea.report.speech import Speaker

PLACE = Trace("x/performance.csv", "x a.b power")


def told(phrase: object, language: str = "en") -> str:
    return Speaker(language).text(phrase, "here")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("value", "digits", "printed"),
    [
        (1234567.891, 1, "1,234,567.9"),
        (-0.04, 1, "0.0"),
        (-3.5, 1, "\u22123.5"),
        (0.125, 2, "0.12"),
        (10000, 0, "10,000"),
        (-0.6, 0, "\u22121"),
    ],
)
def test_numbers_have_a_decimal_point_thousands_commas_and_a_true_minus(value: float, digits: int, printed: str) -> None:
    assert decimals(value, digits) == printed


@pytest.mark.parametrize(
    ("share", "printed"),
    [(0.0, "0"), (0.004, "fewer than 1"), (0.0051, "1"), (0.7876, "79"), (0.9949, "99"), (0.997, "more than 99"), (1.0, "100")],
)
def test_natural_frequencies_do_not_round_a_possibility_away(share: float, printed: str) -> None:
    assert told(of_hundred(Traced(share, PLACE))) == printed


@pytest.mark.parametrize(("p", "printed"), [(0.0149, "0.015"), (0.00004, "< 0.001"), (0.001, "0.001"), (nan, "\u2013")])
def test_a_small_p_value_is_a_bound(p: float, printed: str) -> None:
    assert told(p_value(Traced(p, PLACE))) == printed


@pytest.mark.parametrize(("value", "printed"), [(14.0, "14"), (19.39, "19.39"), (0.375, "0.375"), (-10, "\u221210"), (0.1 + 0.2, "0.3")])
def test_declared_values_keep_the_decimals_they_need(value: float, printed: str) -> None:
    assert told(short(Traced(value, PLACE))) == printed


def test_a_number_that_does_not_exist_is_a_dash() -> None:
    assert fixed(Traced(nan, PLACE), 2) is DASH
    assert percent(Traced(nan, PLACE)) is DASH


def test_a_number_carries_the_value_before_rounding_and_its_place() -> None:
    number = percent(Traced(0.78764, PLACE))
    assert isinstance(number, Number)
    assert number.printed == "78.8"
    assert number.value == pytest.approx(78.764)
    assert (number.trace.file, number.trace.at, number.trace.rule) == ("x/performance.csv", "x a.b power", "times 100")


def test_a_number_made_of_several_names_them_all() -> None:
    total = combined("sum", lambda a, b: a + b, Traced(2.0, PLACE), Traced(3.0, Trace("y", "z")))
    speaker = Speaker("en")
    speaker.text(fixed(total, 0), "here")
    assert speaker.numbers == [
        {"id": "here", "printed": "5", "value": 5.0, "file": "report", "at": "derived", "rule": "sum",
         "from": [{"file": "x/performance.csv", "at": "x a.b power"}, {"file": "y", "at": "z"}]}
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("share", "n", "low", "high"),
    # Agresti and Coull 1998 print the interval of 0 of 10; the others solve |p - x| = 1.96 sqrt(p (1 - p) / n) by hand.
    [(0.0, 10, 0.0, 0.2775), (1.0, 10, 0.7225, 1.0), (0.5, 100, 0.4038, 0.5962), (0.8, 10_000, 0.7920, 0.8077)],
)
def test_the_wilson_interval(share: float, n: int, low: float, high: float) -> None:
    assert wilson(share, n) == pytest.approx((low, high), abs=5e-5)


def test_without_replicates_the_interval_is_everything() -> None:
    assert wilson(nan, 0) == (0.0, 1.0)


@pytest.mark.parametrize(
    ("word", "count"),
    [
        ("estudio", 3),
        ("personas", 3),
        ("guía", 2),
        ("que", 1),
        ("aleatorizadas", 7),
        ("día", 2),
        ("muy", 1),
        ("leer", 2),
        ("pérdidas", 3),
        ("azar", 2),
    ],
)
def test_the_syllable_counter_of_the_readability_score(word: str, count: int) -> None:
    assert spanish_syllables(word) == count


def test_the_readability_score_tells_plain_from_learned_prose() -> None:
    plain = "El perro come pan. La casa es de mi madre. Hoy hace sol."
    learned = "La heterocedasticidad condicional imposibilita procedimientos inferenciales paramétricos convencionales."
    assert fernandez_huerta(plain) > 90
    assert fernandez_huerta(learned) < 20
