"""A CSV of one's own, as rows of the same form as huiyin's JSON lines.

A header, and one comment a row. `text` is required; read are also

    touchpoints    staff:negative; price:positive
    servqual       assurance:negative
    emotions       anger; disgust            (the dominant one first)
    satisfaction   1 to 5
    loyalty        -1, 0, 1 or detractor, none, promoter
    id, domain

An empty cell is unlabelled; `none` in `touchpoints` or `servqual` says that the comment speaks of none.
Sentiments may be -1, 0, 1 too, and ；：，are read as ; : and a further separator.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from training.rows import Row, csv_rows

COLUMNS: Final = ("text", "id", "domain", "touchpoints", "servqual", "emotions", "satisfaction", "loyalty")

_SEPARATOR: Final = re.compile("[;；,，]")
_COLON: Final = re.compile("[:：]")
_NUMBER: Final = re.compile(r"[+-]?\d{1,3}(\.0+)?")


def own_csv_rows(path: Path) -> Iterator[Row]:
    """Rows with the keys of the JSON form. Raises CorpusError as `csv_rows` does, and for a bad cell."""
    for row in csv_rows(path, columns=COLUMNS):
        cells = {name: str(value) for name, value in row.values.items() if str(value).strip()}
        values: dict[str, object] = {"text": row.values["text"]}
        values |= {name: cells[name].strip() for name in ("id", "domain") if name in cells}
        labelled = [axis for axis in ("touchpoints", "servqual") if axis in cells]
        if labelled:
            values["units"] = [unit for axis in labelled for unit in _units(row, axis, cells[axis])]
            values |= {f"known_{axis}": [] for axis in ("touchpoints", "servqual") if axis not in labelled}
        if "emotions" in cells:
            values["emotions"] = _parts(cells["emotions"])
        values |= {name: _value(cells[name]) for name in ("satisfaction", "loyalty") if name in cells}
        yield Row(row.path, row.line, values)


def _units(row: Row, axis: str, cell: str) -> list[dict[str, object]]:
    if cell.strip().lower() == "none":
        return []
    units: list[dict[str, object]] = []
    for part in _parts(cell):
        label, *sentiment = (piece.strip() for piece in _COLON.split(part))
        if len(sentiment) != 1:
            raise row.error(f"'{axis}' holds '{part}'; write label and sentiment, such as staff:negative")
        key = "touchpoint" if axis == "touchpoints" else axis
        units.append({key: label, "sentiment": _value(sentiment[0])})
    return units


def _parts(cell: str) -> list[str]:
    return [part.strip() for part in _SEPARATOR.split(cell) if part.strip()]


def _value(cell: str) -> object:
    """A number where the cell is one, else the word."""
    word = cell.strip()
    return int(float(word)) if _NUMBER.fullmatch(word) else word
