from pathlib import Path

import pytest
import torch

from models.errors import BundleCorrupt
from models.taxonomy import Taxonomy
from tests.training import tiny
from training.checkpoint import TrainedModel, save_model
from training.errors import CheckpointError, TrainingError
from training.export import export
from training.stage import write_record
from training.start import start_from

SHIPPED = Taxonomy.load()
MUSEUM = Taxonomy.parse(tiny.MUSEUM)


@pytest.fixture
def encoder(tmp_path: Path) -> Path:
    folder = tiny.encoder_folder(tmp_path / "encoder")
    write_record(folder, "encoder", config={"source": "e5"}, metrics={})
    return folder


@pytest.fixture
def model(encoder: Path) -> TrainedModel:
    torch.manual_seed(1)
    one = start_from(str(encoder), None, dropout=0.1)
    one.record["train"] = {"sources": {}}
    return one


def test_an_encoder_gets_fresh_heads(encoder: Path) -> None:
    one = start_from(str(encoder), None, dropout=0.2)
    assert one.taxonomy == SHIPPED
    assert one.network.heads.config.touchpoints == (*SHIPPED.touchpoint_ids, "overall")
    assert one.network.heads.config.dropout == 0.2
    assert start_from(str(encoder), MUSEUM, dropout=0.2).network.heads.config.dimensions == ("learning",)
    # What made it is known.
    assert one.record == {"encoder": {"config": {"source": "e5"}, "metrics": {}}}


def folders(model: TrainedModel, tmp_path: Path) -> list[Path]:
    """The same model as an earlier training and as a bundle."""
    save_model(tmp_path / "model", model)
    export(model, ["菜不错", "太慢了"], name="tiny", folder=tmp_path / "bundle", quantised=False)
    return [tmp_path / "model", tmp_path / "bundle"]


def test_a_model_and_a_bundle_bring_their_heads(model: TrainedModel, tmp_path: Path) -> None:
    for folder in folders(model, tmp_path):
        again = start_from(str(folder), None, dropout=0.1)
        torch.testing.assert_close(again.network.heads.state_dict(), model.network.heads.state_dict())
        assert again.taxonomy.fingerprint == SHIPPED.fingerprint
        assert again.record["train"] == {"sources": {}}
        # The same taxonomy named once more changes nothing.
        same = start_from(str(folder), SHIPPED, dropout=0.1)
        torch.testing.assert_close(same.network.heads.state_dict(), model.network.heads.state_dict())


def test_another_taxonomy_keeps_the_encoder_alone(model: TrainedModel, tmp_path: Path) -> None:
    for folder in folders(model, tmp_path):
        other = start_from(str(folder), MUSEUM, dropout=0.1)
        torch.testing.assert_close(other.network.encoder.state_dict(), model.network.encoder.state_dict())
        assert other.taxonomy == MUSEUM
        assert other.network.heads.config.touchpoints == ("tickets", "exhibition", "overall")
        assert other.record == {}


def test_nothing_released(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training.start.RELEASED", tmp_path / "huiyin-zh-1")
    with pytest.raises(TrainingError, match=r"no model is released with this installation .*give --start"):
        start_from("", None, dropout=0.1)


def test_the_released_model_by_default(
    model: TrainedModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("training.start.RELEASED", folders(model, tmp_path)[1])
    again = start_from("", None, dropout=0.1)
    torch.testing.assert_close(again.network.heads.state_dict(), model.network.heads.state_dict())


def test_what_is_no_start(model: TrainedModel, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="there is no such folder"):
        start_from(str(tmp_path / "none"), None, dropout=0.1)
    bundle = folders(model, tmp_path)[1]
    (bundle / "tokenizer.json").write_text("{}", encoding="utf-8")
    with pytest.raises(BundleCorrupt, match=r"tokenizer\.json: its SHA-256"):
        start_from(str(bundle), None, dropout=0.1)
