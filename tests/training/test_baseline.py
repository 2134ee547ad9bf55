import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_info, threadpool_limits
from typer.testing import CliRunner, Result

import training
from models.baseline import Baseline
from models.linear import MANIFEST, LinearModel
from models.taxonomy import Taxonomy
from training.baseline import BaselineConfig, fit_baseline, main
from training.corpus import Comment, read_comments
from training.errors import TrainingError

STARTER = Path(training.__file__).parent / "starter" / "train.jsonl"
TAXONOMY = Taxonomy.load()
CONFIG = BaselineConfig(terms=1500)


@pytest.fixture(scope="module")
def comments() -> list[Comment]:
    return list(read_comments(STARTER, TAXONOMY))[:300]


@pytest.fixture(scope="module")
def model(comments: list[Comment], tmp_path_factory: pytest.TempPathFactory) -> LinearModel:
    return fit_baseline(comments, TAXONOMY, CONFIG).save(tmp_path_factory.mktemp("baseline"))


def stage(*arguments: object) -> Result:
    app = typer.Typer()
    app.command()(main)
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_it_learns_what_it_was_shown(model: LinearModel, comments: list[Comment]) -> None:
    tags = Baseline(model).tag([comment.text for comment in comments])
    pairs = [
        (
            {(one.id, one.sentiment) for one in each.touchpoints},
            {pair for pair in comment.labels("touchpoints").items() if pair[0] != "overall"},
        )
        for comment, each in zip(comments, tags, strict=True)
    ]
    right = sum(len(found & gold) for found, gold in pairs)
    assert 2 * right / sum(len(found) + len(gold) for found, gold in pairs) > 0.6
    emotions = [(each.emotions, comment.emotion) for each, comment in zip(tags, comments, strict=True)]
    dominant = [found[0].id if found else "neutral" for found, _ in emotions]
    shown = sum(one in gold for one, (_, gold) in zip(dominant, emotions, strict=True) if gold)
    assert shown / len(comments) > 0.7


def test_evidence_is_mostly_the_quote(model: LinearModel, comments: list[Comment]) -> None:
    overlapping = []
    for comment, tags in zip(comments, Baseline(model).tag([one.text for one in comments]), strict=True):
        for tag in tags.touchpoints:
            quotes = comment.quotes("touchpoints", tag.id)
            if quotes:
                span = tag.evidence
                overlapping.append(any(start < span.end and span.start < end for start, end in quotes))
    assert sum(overlapping) / len(overlapping) > 0.85


def test_the_manifest_says_what_made_it_and_how_good_it_is(model: LinearModel) -> None:
    assert model.training["comments"] == 300
    assert model.training["held_out_comments"] == 45
    assert model.training["terms"] == 1500
    assert set(model.training["versions"]) == {"jieba", "scikit-learn"}
    held_out = model.metrics["held_out"]
    assert {"touchpoints_pair_f1", "servqual_pair_f1", "emotions_accuracy", "sentiment_accuracy"} <= set(
        held_out
    )
    assert 0.5 < held_out["sentiment_accuracy"] <= 1
    assert set(model.calibration.thresholds) == {*TAXONOMY.touchpoint_ids, *TAXONOMY.dimension_ids}


def test_the_terms_with_most_weight_are_kept(comments: list[Comment]) -> None:
    few = comments[:60]
    everything = fit_baseline(few, TAXONOMY, BaselineConfig(terms=10**6))
    pruned = fit_baseline(few, TAXONOMY, BaselineConfig(terms=200))
    assert len(pruned.vocabulary) == 200
    assert set(pruned.vocabulary) < set(everything.vocabulary)
    weight = dict(zip(everything.vocabulary, np.linalg.norm(everything.weights, axis=1), strict=True))
    kept = [weight.pop(term) for term in pruned.vocabulary]
    assert np.mean(kept) > 1.2 * np.mean(list(weight.values()))


def test_equal_input_gives_an_equal_model(comments: list[Comment], tmp_path: Path) -> None:
    few, config = comments[:60], BaselineConfig(terms=200)
    first = fit_baseline(few, TAXONOMY, config).save(tmp_path / "a")
    assert fit_baseline(few, TAXONOMY, config).save(tmp_path / "b").identity == first.identity
    reseeded = fit_baseline(few, TAXONOMY, BaselineConfig(terms=200, seed=2)).save(tmp_path / "c")
    assert reseeded.identity != first.identity


def test_the_number_of_cores_does_not_change_the_model(
    comments: list[Comment], monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: set[int] = set()

    fit = LogisticRegression.fit

    def watched(self: Any, *arguments: Any, **options: Any) -> Any:
        threads.update(pool["num_threads"] for pool in threadpool_info())
        return fit(self, *arguments, **options)

    monkeypatch.setattr("training.baseline.LogisticRegression.fit", watched)
    with threadpool_limits(limits=2):
        fit_baseline(comments[:20], TAXONOMY, BaselineConfig(terms=50))
    assert threads == {1}


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("strength", 0, "strength is 0; it must be above 0"),
        ("terms", -1, "terms is -1; it must be above 0"),
        ("min_documents", 0, "min_documents is 0"),
        ("quote_weight", 0.0, r"quote_weight is 0\.0"),
        ("balance", 1.5, r"balance is 1\.5; it must be from 0 to 1"),
        ("held_out", 1.0, r"held_out is 1\.0; it must lie between 0 and 1"),
    ],
)
def test_settings_check_themselves(field: str, value: float, message: str) -> None:
    settings: dict[str, Any] = {field: value}
    with pytest.raises(TrainingError, match=message):
        BaselineConfig(**settings)


@pytest.mark.parametrize("number", [0, 1, 3])
def test_too_few_comments(comments: list[Comment], number: int) -> None:
    with pytest.raises(TrainingError, match=f"{number} comments cannot be split .* give at least 7"):
        fit_baseline(comments[:number], TAXONOMY, BaselineConfig())


def test_the_stage_with_a_taxonomy_and_files_of_ones_own(tmp_path: Path) -> None:
    taxonomy = {
        **TAXONOMY.to_dict(),
        "version": "own-1",
        "touchpoints": [
            entry for entry in TAXONOMY.to_dict()["touchpoints"] if entry["id"] in {"staff", "price"}
        ],
    }
    (tmp_path / "own.yaml").write_text(Taxonomy.from_dict(taxonomy).to_yaml(), encoding="utf-8")
    rows = [
        {
            "text": f"第{number}次，{'态度很差' if number % 2 else '价格便宜'}",
            "units": [
                # Without quotes and with no other label: the least that a file of one's own may hold.
                {"touchpoint": "staff" if number % 2 else "price", "sentiment": -1 if number % 2 else 1}
            ],
        }
        for number in range(40)
    ]
    for name, part in (("one.jsonl", rows[:20]), ("two.jsonl", rows[20:])):
        lines = [
            json.dumps({"id": f"{name}{place}", **row}, ensure_ascii=False) for place, row in enumerate(part)
        ]
        (tmp_path / name).write_text("\n".join(lines), encoding="utf-8")
    result = stage(
        "--data", tmp_path / "one.jsonl", "--data", tmp_path / "two.jsonl", "--output", tmp_path / "out",
        "--taxonomy", tmp_path / "own.yaml", "--name", "own",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    assert "own@" in result.stdout
    baseline = Baseline.load(tmp_path / "out")
    assert baseline.taxonomy.version == "own-1"
    bad, good = baseline.tag(["前台态度很差", "价格便宜啊"])
    assert [(one.id, one.sentiment) for one in bad.touchpoints] == [("staff", "negative")]
    assert [(one.id, one.sentiment) for one in good.touchpoints] == [("price", "positive")]
    assert (bad.servqual, bad.taxonomy) == ((), "own-1")


def test_the_stage_names_what_is_wrong_and_writes_nothing(tmp_path: Path) -> None:
    result = stage("--data", tmp_path / "none.jsonl", "--output", tmp_path / "out")
    assert result.exit_code == 2
    assert "none.jsonl: there is no such file" in result.stderr
    assert not (tmp_path / "out" / MANIFEST).exists()
