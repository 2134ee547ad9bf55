"""Values of one format said in another: JSON, cells of a table, numbers that are comments."""

import base64
import json
import math
from datetime import date, datetime, time
from typing import Any

from service.files.lines import REPLACEMENT, without_surrogates
from service.files.rows import Kind


def as_json(value: Any) -> str:
    """One line of JSON.

    Dates become ISO 8601, bytes base64, other foreign values their text; NaN and infinities, which JSON does
    not have, become null. A lone surrogate keeps its escape, so the text reads back equal.
    """
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False, default=_foreign)
    except ValueError:
        value = _finite(value)
        text = json.dumps(value, ensure_ascii=False, allow_nan=False, default=_foreign)
    if without_surrogates(text) != text:
        return json.dumps(value, allow_nan=False, default=_foreign)
    return text


def as_cell(value: Any) -> Any:
    """A value for a cell: text, number, boolean, date and None stay, what is nested becomes JSON.

    In text, NUL and lone surrogates become U+FFFD, one for one: no table format carries them safely.
    """
    if isinstance(value, str):
        return without_surrogates(value).replace("\0", REPLACEMENT)
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if value is None or isinstance(value, bool | int | float | date | time):
        return value
    if isinstance(value, dict | list | tuple):
        return as_cell(as_json(value))
    return str(_foreign(value))


def as_text(value: Any) -> str | None:
    """A value for a column of text; None stays None."""
    cell = as_cell(value)
    if cell is None or isinstance(cell, str):
        return cell
    if isinstance(cell, bool):
        return "true" if cell else "false"
    return str(_foreign(cell)) if isinstance(cell, date | time) else repr(cell)


def kind_of_json(value: Any) -> str:
    """What JSON calls a value, for messages."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "a boolean"
    names = {dict: "an object", list: "an array", int: "a number", float: "a number", str: "a string"}
    return names.get(type(value), type(value).__name__)


def common_kind(kinds: set[str]) -> Kind:
    """The kind of a column whose values have these kinds: text where they have nothing in common."""
    if kinds == {"integer", "number"}:
        return "number"
    for kind in ("integer", "number", "boolean", "datetime"):
        if kinds == {kind}:
            return kind
    return "text"


def _foreign(value: Any) -> Any:
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, bytes):
        return base64.b64encode(value).decode("ascii")
    if isinstance(value, set | frozenset):
        return sorted(value, key=str)
    return str(value)


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _finite(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_finite(inner) for inner in value]
    return value
