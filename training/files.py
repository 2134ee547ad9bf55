"""Reading the texts of comments, labelled or not: JSON lines (also `.xz`) or CSV with a `text`."""

from collections.abc import Iterator
from pathlib import Path

from training.errors import CorpusError
from training.rows import csv_rows, json_rows


def read_texts(path: Path) -> Iterator[str]:
    """The `text` of every row of a `.jsonl`, `.jsonl.xz` or `.csv` file; what else a row holds is not read.

    Raises CorpusError, naming file and line, for another form and a text that is missing or empty.
    """
    form = path.name.removesuffix(".xz")
    if form.endswith(".jsonl"):
        rows = json_rows(path)
    elif form.endswith(".csv"):
        rows = csv_rows(path, columns=("text",))
    else:
        raise CorpusError(f"{path}: read are .jsonl, .jsonl.xz and .csv; rename or convert the file")
    for row in rows:
        yield row.text()
