import json
import logging
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.terms import NO_CLAUSE, Reading, inverse_frequency, read, term_rows
from models.text.clauses import clauses


def read_with(text: str, *terms: str) -> Reading:
    return read(text, {term: place for place, term in enumerate(terms)}.get)


def all_terms(text: str) -> list[str]:
    vocabulary: dict[str, int] = {}
    reading = read(text, lambda term: vocabulary.setdefault(term, len(vocabulary)))
    names = list(vocabulary)
    return [names[term] for term in reading.terms]


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        # words, their pair, then strings of one, two and three characters
        ("服务好", ["w服务", "w好", "p服务 好", "c服", "c务", "c好", "c服务", "c务好", "c服务好"]),
        # read in lower case and half width
        ("ＯＫ", ["wok", "co", "ck", "cok"]),
        # a space is no word, but the words beside it are a pair
        ("好 a", ["w好", "wa", "p好 a", "c好", "c ", "ca", "c好 ", "c a", "c好 a"]),
        ("", []),
        ("\x00\ud800", []),
    ],
)
def test_terms(text: str, terms: list[str]) -> None:
    assert sorted(all_terms(text)) == sorted(terms)


def test_each_occurrence_knows_its_clause() -> None:
    text = "服务好，早餐也好"
    reading = read_with(text, "c好", "w早餐", "c,", "c好,早")
    assert [text[start:end] for start, end in reading.clauses] == ["服务好", "早餐也好"]
    found = sorted(zip(reading.terms.tolist(), reading.clause.tolist(), strict=True))
    # The comma belongs to no clause, nor does a string that reaches over it.
    assert found == [(0, 0), (0, 1), (1, 1), (2, NO_CLAUSE), (3, NO_CLAUSE)]


def test_clauses_are_those_of_the_original_text() -> None:
    # Normalising shortens this text, so positions differ on both sides of the tag.
    text = "　<b>服务</b>&nbsp;好好好好好好。 早餐差"
    reading = read_with(text, "w服务", "w早餐")
    places = {
        term: text[slice(*reading.clauses[clause])]
        for term, clause in zip(reading.terms.tolist(), reading.clause.tolist(), strict=True)
    }
    assert "服务" in places[0]
    assert places[1] == "早餐差"


def test_rows_are_the_text_and_its_clauses() -> None:
    reading = read_with("好，差，好好", "c好", "c差")
    assert [sorted(row.tolist()) for row in reading.rows()] == [[0, 0, 0, 1], [0], [1], [0, 0]]


def test_a_text_without_clauses_is_its_own_clause() -> None:
    assert read_with("？！", "c?").clauses == ((0, 2),)
    assert read_with("").clauses == ((0, 0),)


def test_entries_are_sublinear_and_rows_have_length_one() -> None:
    idf = np.array([1.0, 2.0, 5.0], np.float32)
    rows = term_rows([np.array([0, 0, 1]), np.array([], np.int64), np.array([2])], idf)
    raw = np.array([1 + np.log(2), 2.0])
    assert rows.columns.tolist() == [0, 1, 2]
    assert rows.values[:2] == pytest.approx(raw / np.linalg.norm(raw))
    assert rows.values[2] == pytest.approx(1.0)
    assert rows.starts.tolist() == [0, 2, 2, 3]


def test_scores_are_the_product_and_an_empty_row_scores_its_bias() -> None:
    rows = term_rows([np.array([1]), np.array([], np.int64)], np.ones(2, np.float32))
    weights, bias = np.array([[1, 2], [3, 4]], np.float32), np.array([10, 20], np.float32)
    assert rows.times(weights, bias).tolist() == [[13, 24], [10, 20]]


def test_a_model_without_terms_scores_its_bias() -> None:
    rows = term_rows([np.array([], np.int64)], np.zeros(0, np.float32))
    assert rows.times(np.zeros((0, 1), np.float32), np.array([7], np.float32)).tolist() == [[7]]


def test_inverse_frequency_counts_documents_not_occurrences() -> None:
    idf = inverse_frequency([np.array([0, 0, 0]), np.array([0, 1])], terms=3)
    assert idf == pytest.approx(np.log(3 / np.array([3, 2, 1])) + 1)


@given(st.text(st.characters(), max_size=80))
def test_any_text_can_be_read_and_every_occurrence_lies_in_its_clause(text: str) -> None:
    vocabulary: dict[str, int] = {}
    reading = read(text, lambda term: vocabulary.setdefault(term, len(vocabulary)))
    assert reading.clauses == (tuple(clauses(text)) or ((0, len(text)),))
    assert len(reading.terms) == len(reading.clause)
    assert all(NO_CLAUSE <= clause < len(reading.clauses) for clause in reading.clause.tolist())
    whole, *parts = reading.rows()
    assert sum(map(len, parts)) == int((reading.clause != NO_CLAUSE).sum()) <= len(whole)


PROBE = """
import json, logging, sys, tempfile
tempfile.tempdir = sys.argv[1]
from models.terms import read
read("服务好", {}.get)
print(json.dumps({"level": logging.getLogger("jieba").level}))
"""


def test_jieba_writes_no_cache_and_no_message(tmp_path: Path) -> None:
    # A planted cache would be read by jieba's own loading, and would break it.
    (tmp_path / "jieba.cache").write_bytes(b"planted")
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", PROBE, str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parents[2],
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout) == {"level": logging.WARNING}
    assert [path.name for path in tmp_path.iterdir()] == ["jieba.cache"]
    assert (tmp_path / "jieba.cache").read_bytes() == b"planted"
    assert tempfile.gettempdir() != str(tmp_path)
