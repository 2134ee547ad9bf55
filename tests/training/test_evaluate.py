import json
from collections.abc import Sequence
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from models.baseline import Baseline
from models.tagger import Tagger
from models.tags import Tags
from models.taxonomy import Taxonomy
from tests.training.evaluation_cases import FixedModel, comment, label, perfect, tags, unit
from training import evaluate as stage
from training.corpus import Comment, read_comments
from training.errors import CorpusError, TrainingError
from training.evaluate import Options, evaluate, save
from training.scoring import Grouping

TAXONOMY = Taxonomy.load()
ROWS = [
    {
        "id": f"{index}",
        "domain": "hotel" if index % 2 else "bank",
        "text": f"前台态度很差，第{index}次了",
        "units": [{"quote": "态度很差", "touchpoint": "staff", "servqual": "assurance", "sentiment": -1}],
        "emotions": ["anger"],
        "satisfaction": 1,
        "loyalty": 0,
    }
    for index in range(12)
]


def corpus(folder: Path, rows: Sequence[object] = ROWS, name: str = "held-out.jsonl") -> Path:
    path = folder / name
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


def labelled(folder: Path) -> list[Comment]:
    return list(read_comments(corpus(folder), TAXONOMY))


def good(comments: Sequence[Comment], taxonomy: Taxonomy = TAXONOMY) -> FixedModel:
    answers = {each.text: perfect(each) for each in comments}
    return FixedModel(answers, taxonomy=taxonomy, identity="good@1")


def silent(comments: Sequence[Comment], taxonomy: Taxonomy = TAXONOMY) -> FixedModel:
    return FixedModel({each.text: Tags() for each in comments}, taxonomy=taxonomy, identity="silent@1")


def other_taxonomy() -> Taxonomy:
    """The shipped one without the touchpoint `staff`."""
    data = TAXONOMY.to_dict()
    data["touchpoints"] = [entry for entry in data["touchpoints"] if entry["id"] != "staff"]
    return Taxonomy.from_dict(data)


def test_report_of_a_model_beside_its_baseline(tmp_path: Path) -> None:
    comments = labelled(tmp_path)
    report = evaluate(
        comments, good(comments), silent(comments), data="held-out.jsonl", options=Options(resamples=50)
    )
    assert (report.data, report.comments, report.taxonomy) == ("held-out.jsonl", 12, TAXONOMY.version)
    assert report.model.identity == "good@1"
    assert report.model.metrics["touchpoints_pair_f1"].value == 1.0
    assert report.model.metrics["touchpoints_evidence_character_f1"].value == 1.0
    assert report.model.metrics["satisfaction_mean_absolute_error"].value == 0.0
    assert report.baseline is not None
    assert report.difference is not None
    assert report.baseline.metrics["sentiment_accuracy"].value == 0.0
    assert report.difference.metrics["servqual_pair_f1"].value == 1.0
    assert report.difference.classes["touchpoints"]["staff"].low == 1.0
    assert [item.id for item in report.model.classes["touchpoints"]] == list(TAXONOMY.touchpoint_ids)
    domains = report.model.groups[Grouping.DOMAIN]
    assert [(group.group, group.comments) for group in domains] == [("bank", 6), ("hotel", 6)]


def test_equal_calls_give_equal_reports(tmp_path: Path) -> None:
    comments = labelled(tmp_path)
    # Mistakes, so that the intervals have a width.
    answers = {
        each.text: perfect(each) if index % 3 else tags(label("price", "positive"))
        for index, each in enumerate(comments)
    }
    model = FixedModel(answers, taxonomy=TAXONOMY)
    first, second = (evaluate(comments, model, data="x", options=Options(resamples=80)) for _ in range(2))
    assert first == second
    pair_f1 = first.model.metrics["touchpoints_pair_f1"]
    assert pair_f1.value is not None
    assert pair_f1.low is not None
    assert pair_f1.high is not None
    assert pair_f1.low < pair_f1.value < pair_f1.high


@pytest.mark.parametrize(
    ("comments", "message"),
    [
        # Nothing to score.
        ([], "x.jsonl: holds no comment"),
        # Text without any label.
        ([comment(known=[], dimensions=[])] * 3, "x.jsonl: none of the 3 comments has a label"),
        # Labels of another taxonomy: both are named, and what is allowed.
        (
            [comment(unit("lounge", "positive", dimension="speed"))],
            r"has the labels lounge, speed, which the model's taxonomy .* lacks; allowed: .*staff",
        ),
    ],
)
def test_comments_that_cannot_be_scored(comments: list[Comment], message: str) -> None:
    with pytest.raises(CorpusError, match=message):
        evaluate(comments, good([]), data="x.jsonl")


def test_general_verdicts_are_allowed_labels() -> None:
    gold = comment(unit("overall", "positive"), satisfaction=[5], known=[*TAXONOMY.touchpoint_ids, "overall"])
    report = evaluate([gold], good([gold]), data="x", options=Options(resamples=5))
    assert report.model.metrics["touchpoints_pair_f1"].value is None
    assert report.model.metrics["sentiment_accuracy"].value == 1.0


def test_a_baseline_of_other_labels_is_refused(tmp_path: Path) -> None:
    comments = labelled(tmp_path)
    with pytest.raises(TrainingError, match=r"the baseline silent@1 .* gives other labels than good@1"):
        evaluate(comments, good(comments), silent(comments, other_taxonomy()), data="x")


def test_a_report_that_cannot_be_written(tmp_path: Path) -> None:
    comments = labelled(tmp_path)
    report = evaluate(comments, good(comments), data="x", options=Options(resamples=5))
    target = tmp_path / "taken"
    target.mkdir()
    with pytest.raises(
        TrainingError, match=r"taken: cannot be written \(Is a directory\); name another file"
    ):
        save(report, tmp_path / "report.json", target)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["held-out.jsonl", "report.json", "taken"]


def run(*arguments: object) -> Result:
    app = typer.Typer()
    app.command()(stage.main)
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture
def fixed_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Folders stand for models: `good` and `silent` instead of what lies on disk."""
    comments = labelled(tmp_path)
    monkeypatch.setattr(Tagger, "load", lambda path: good(comments))
    monkeypatch.setattr(Baseline, "load", lambda path: silent(comments))


@pytest.mark.usefixtures("fixed_models")
def test_command_prints_and_saves(tmp_path: Path) -> None:
    output, tables = tmp_path / "report.json", tmp_path / "report.md"
    result = run(
        "good", corpus(tmp_path), "--baseline", "silent", "--by", "source", "--resamples", 20,
        "--output", output, "--tables", tables,
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    assert "held-out.jsonl: 12 comments" in result.stdout
    assert f"Saved: {output}, {tables}" in result.stderr
    saved = json.loads(output.read_text(encoding="utf-8"))
    assert saved["model"]["metrics"]["touchpoints_pair_f1"] == {
        "value": 1.0,
        "low": 1.0,
        "high": 1.0,
        "items": 12,
    }
    assert saved["difference"]["metrics"]["touchpoints_pair_f1"]["value"] == 1.0
    assert list(saved["model"]["groups"]) == ["source"]
    assert saved["resamples"] == 20
    assert "| touchpoints: pair F1 | 1.000 [1.000, 1.000] |" in tables.read_text(encoding="utf-8")


@pytest.mark.usefixtures("fixed_models")
@pytest.mark.parametrize("shipped", [True, False])
def test_shipped_baseline_by_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shipped: bool) -> None:
    folder = tmp_path / "baseline"
    if shipped:
        folder.mkdir()
    monkeypatch.setattr(stage, "SHIPPED_BASELINE", folder)
    output = tmp_path / "report.json"
    result = run("good", corpus(tmp_path), "--resamples", 5, "--output", output)
    assert result.exit_code == 0, result.output
    saved = json.loads(output.read_text(encoding="utf-8"))
    assert (saved["baseline"] is not None) is shipped
    assert ("No baseline is shipped" in result.stderr) is not shipped


@pytest.mark.usefixtures("fixed_models")
def test_shipped_baseline_of_other_labels_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stage, "SHIPPED_BASELINE", tmp_path)
    monkeypatch.setattr(Baseline, "load", lambda path: silent([], other_taxonomy()))
    output = tmp_path / "report.json"
    result = run("good", corpus(tmp_path), "--resamples", 5, "--output", output)
    assert result.exit_code == 0, result.output
    assert "gives other labels than this model and is left out" in result.stderr
    assert json.loads(output.read_text(encoding="utf-8"))["baseline"] is None


UNKNOWN_LABEL = [{**ROWS[0], "units": [{"quote": "前台", "touchpoint": "lounge", "sentiment": 1}]}]


@pytest.mark.usefixtures("fixed_models")
@pytest.mark.parametrize(
    ("rows", "message"),
    [
        # No comment.
        ([], "holds no comment"),
        # No label.
        ([{"text": "不错"}], "none of the 1 comments has a label"),
        # A label that the taxonomy lacks: the row and what is allowed.
        (UNKNOWN_LABEL, "lounge"),
        # Not a comment at all.
        (["不错"], "line 1"),
    ],
)
def test_command_refuses_data_without_a_traceback(tmp_path: Path, rows: list[object], message: str) -> None:
    output = tmp_path / "report.json"
    result = run("good", corpus(tmp_path, rows, "other.jsonl"), "--output", output)
    assert result.exit_code == 2
    assert "error: " in result.stderr
    assert "other.jsonl" in result.stderr
    assert message in result.stderr
    assert "Traceback" not in result.output
    assert not output.exists()


@pytest.mark.usefixtures("fixed_models")
def test_command_checks_where_it_will_save_before_it_tags(tmp_path: Path) -> None:
    result = run("good", tmp_path / "no such data", "--output", tmp_path / "missing" / "report.json")
    assert result.exit_code == 2
    assert "there is no folder" in result.stderr


def test_command_refuses_what_is_not_a_model(tmp_path: Path) -> None:
    result = run(tmp_path, corpus(tmp_path), "--output", tmp_path / "report.json")
    assert result.exit_code == 2
    assert "error: " in result.stderr
    assert isinstance(result.exception, SystemExit)
