from pathlib import Path

import pytest
import torch

from models.bundle import Bundle
from models.taxonomy import Taxonomy
from tests.training import tiny
from training import measure as stage
from training.errors import CorpusError
from training.export import export
from training.start import start_from


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    folder = tiny.encoder_folder(tmp_path / "encoder")
    torch.manual_seed(1)
    model = start_from(str(folder), Taxonomy.load(), dropout=0.1)
    export(model, [tiny.GOOD, tiny.BAD], name="tiny", folder=tmp_path / "bundle")
    return tmp_path / "bundle"


def test_scores_stand_in_the_manifest(
    tmp_path: Path, bundle: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = Bundle.load(bundle)
    data = [tiny.jsonl(tmp_path / name, tiny.rows(12)) for name in ("test.jsonl", "dev.jsonl")]
    stage.main(bundle=bundle, data=data, resamples=20)
    after = Bundle.load(bundle)
    assert before.metrics == {}
    assert list(after.metrics) == ["test.jsonl", "dev.jsonl"]
    found = after.metrics["test.jsonl"]
    assert (found["comments"], found["resamples"]) == (12, 20)
    accuracy = found["metrics"]["sentiment_accuracy"]
    assert accuracy["items"] == 12
    assert 0 <= accuracy["low"] <= accuracy["value"] <= accuracy["high"] <= 1
    # Nothing else changed, but a model with other numbers in it is another one.
    assert (after.calibration, after.name, after.training) == (
        before.calibration,
        before.name,
        before.training,
    )
    assert before.identity != after.identity
    assert f"{after.identity}, measured on test.jsonl, dev.jsonl" in capsys.readouterr().out


def test_comments_that_cannot_be_scored(tmp_path: Path, bundle: Path) -> None:
    data = tiny.jsonl(tmp_path / "plain.jsonl", [{"text": "菜不错"}])
    with pytest.raises(CorpusError, match=r"plain\.jsonl: none of the 1 comments has a label"):
        stage.main(bundle=bundle, data=[data])
    assert Bundle.load(bundle).metrics == {}
