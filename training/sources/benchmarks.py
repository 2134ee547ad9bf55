"""What models are scored on: the public sets with their own labels, split as published, and our own test set.

The benchmark stage fine-tunes on a public set's own train split and scores its test split; the gate and
`huiyin evaluate` read the starter test. Nothing here is reachable through `SOURCES`, so no test text can
enter the training of a model.
"""

from pathlib import Path
from typing import Final, Literal

from models.taxonomy import Taxonomy
from training.corpus import Comment, read_comments
from training.errors import CorpusError
from training.rows import json_rows
from training.sources.base import existing

Benchmark = Literal["smp2020_usual", "smp2020_virus", "chnsenticorp"]
BenchmarkSplit = Literal["train", "dev", "test"]

STARTER_TEST: Final = Path(__file__).resolve().parent.parent / "starter" / "test.jsonl"
"""The 180 comments of the starter corpus that are never trained on."""

_SMP2020: Final = ("emotion", ("happy", "angry", "sad", "fear", "surprise", "neutral"))
BENCHMARKS: Final[dict[Benchmark, tuple[str, tuple[str, ...]]]] = {
    "smp2020_usual": _SMP2020,
    "smp2020_virus": _SMP2020,
    "chnsenticorp": ("label", ("0", "1")),
}
"""The key and the classes of each set's label."""


def read_benchmark(name: Benchmark, split: BenchmarkSplit, corpora: Path | None) -> list[tuple[str, str]]:
    """Text and label of every row of a split, in the file's order; the classes are in `BENCHMARKS`.

    Raises CorpusError for a missing file, naming it and `--corpora`, and for a row that breaks the form.
    """
    key, classes = BENCHMARKS[name]
    path = existing(corpora, f"public/{name}_{split}.jsonl", name)
    rows = [(row.text(), row.name_of(str(row.values.get(key)), key, classes)) for row in json_rows(path)]
    if not rows:
        raise CorpusError(f"{path}: holds no comments; copy the file again")
    return rows


def read_starter_test(taxonomy: Taxonomy) -> list[Comment]:
    """The comments of `STARTER_TEST`. Raises CorpusError where the taxonomy lacks a label of theirs."""
    return read_comments(STARTER_TEST, taxonomy)
