"""How dialects say what not all say alike: lengths, concatenation, the clock."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Words:
    """How a dialect says what not all say alike, and what its operators do. The defaults promise least."""

    characters: str | None = None
    """Function that gives the length of a text in characters."""
    folds_unicode: bool = False
    """lower() and upper() know more than ASCII."""
    concatenation: str | None = None
    """Of `{left}` and `{right}`; NULL where one of them is NULL."""
    empty_is_null: bool = False
    now: Mapping[str, str] = field(default_factory=dict)
    """The moment of the statement by the kind of the column; `{fraction}` stands for its digits of a second."""


LOCAL_NOW = {"timestamp": "LOCALTIMESTAMP", "timestamp_tz": "CURRENT_TIMESTAMP", "date": "CURRENT_DATE"}
WORDS: dict[str, Words] = {
    "postgres": Words("LENGTH", True, "{left} || {right}", now=LOCAL_NOW),
    "duckdb": Words("LENGTH", True, "{left} || {right}", now=LOCAL_NOW),
    "snowflake": Words(
        "LENGTH",
        True,
        "{left} || {right}",
        now={"timestamp": "LOCALTIMESTAMP()", "timestamp_tz": "CURRENT_TIMESTAMP()", "date": "CURRENT_DATE()"},
    ),
    "mysql": Words(
        "CHAR_LENGTH",
        True,
        "CONCAT({left}, {right})",
        # times with a zone are kept in UTC there, whatever the session's zone
        now={
            "timestamp": "CURRENT_TIMESTAMP({fraction})",
            "timestamp_tz": "UTC_TIMESTAMP({fraction})",
            "date": "CURRENT_DATE",
        },
    ),
    "oracle": Words(
        "LENGTH",
        True,
        empty_is_null=True,
        now={"timestamp": "LOCALTIMESTAMP", "timestamp_tz": "CURRENT_TIMESTAMP", "date": "TRUNC(CURRENT_DATE)"},
    ),
    # lower() knows ASCII only, and the clock is UTC (sqlite.org, lang_corefunc and lang_datefunc)
    "sqlite": Words("LENGTH", concatenation="{left} || {right}"),
}
UNKNOWN = Words()


def words_of(dialect: str) -> Words:
    """Those of a dialect; of one that is not known, which has none of the words."""
    return WORDS.get(dialect, UNKNOWN)
