"""A measurement instrument: its items, range, scoring, direction and rule for missing items. Codes only, no licensed wording."""

from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from odisea.protocol.declaration import Declaration
from odisea.protocol.dictionary import FILE_PATTERN, NAME_PATTERN
from odisea.protocol.fact import NOT_PLANNED, NOT_STATED, Fact, Frozen, PlannedFact, Signed, Text

Direction = Literal["lower_better", "higher_better"]


class Items(Frozen):
    """The instrument's items as the export folder holds them.

    Parameters
    ----------
    file : str
        Export file with one row per participant and visit.
    columns : tuple of str
        One column per item, in the instrument's order.
    range : (low, high)
        Values that an item can take; `low` is 0 in a percent score.
    names : tuple of str
        One short code per item.
    """

    file: str = Field(pattern=FILE_PATTERN)
    columns: tuple[str, ...] = Field(min_length=1)
    range: tuple[int, int]
    names: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.names and len(self.names) != len(self.columns):
            raise ValueError(f"{len(self.names)} names stand for {len(self.columns)} columns; give one name per item")
        if len(set(self.columns)) != len(self.columns):
            raise ValueError("a column stands twice among the items; name each item's column once")
        if self.range[0] >= self.range[1]:
            raise ValueError(f"range {list(self.range)} holds no two values; write [low, high]")
        return self

    @property
    def count(self) -> int:
        """Number of items."""
        return len(self.columns)


class Instrument(Signed, Declaration):
    """An instrument file.

    Parameters
    ----------
    score : str
        `percent_of_maximum`: 100 x sum / (highest item value x answered items); `single_value`: the recorded value itself.
    range : (low, high)
        Of the score.
    resolution : float
        Step at which a typed score is recorded.
    minimum_answered : int
        A score exists when at least this many items are answered.
    """

    kind: ClassVar[str] = "instrument"

    instrument: str = Field(pattern=NAME_PATTERN)
    label: Text
    measures: Text
    score: Literal["percent_of_maximum", "single_value"]
    direction: Direction
    unit: PlannedFact[str]
    range: PlannedFact[tuple[float, float]]
    resolution: PlannedFact[float] = NOT_PLANNED
    items: Items | None = None
    minimum_answered: PlannedFact[int] = NOT_PLANNED
    missing_item_rule: PlannedFact[Literal["mean_of_answered_items"]] = NOT_PLANNED
    version: Fact[str] = NOT_STATED
    language: Fact[str] = NOT_STATED
    mode: Fact[str] = NOT_STATED
    recall_period: Fact[str] = NOT_STATED
    licence: Fact[Text] = NOT_STATED
    completed_by: Fact[Literal["participant", "assessor", "system"]] = NOT_STATED

    @model_validator(mode="after")
    def _score_fits_the_items(self) -> Self:
        if (self.score == "percent_of_maximum") != (self.items is not None):
            raise ValueError("score: percent_of_maximum goes with items, score: single_value without; give both or neither")
        answered = self.minimum_answered.value
        if answered is not None and not (self.items and 1 <= answered <= self.items.count):
            count = self.items.count if self.items else 0
            raise ValueError(f"minimum_answered is {answered}; the instrument has {count} items")
        return self

    @property
    def not_expected(self) -> tuple[str, ...]:
        """Without items there is no rule for unanswered ones."""
        return () if self.items else ("minimum_answered", "missing_item_rule")
