import json
from pathlib import Path

import pytest
import torch

from models.errors import BundleCorrupt, TaxonomyError
from models.network import Network
from models.taxonomy import Taxonomy
from tests.training import tiny
from training.checkpoint import TrainedModel, head_config, is_model, load_model, save_model
from training.errors import CheckpointError

TAXONOMY = Taxonomy.load()


def model(taxonomy: Taxonomy = TAXONOMY) -> TrainedModel:
    words = tiny.tokenizer()
    torch.manual_seed(5)
    network = Network(encoder=tiny.encoder(words.get_vocab_size()), heads=head_config(taxonomy))
    record = {"train": {"sources": {"starter": {"comments": 720}}}}
    return TrainedModel(network=network.eval(), tokenizer=words, taxonomy=taxonomy, record=record)


def answers(one: TrainedModel) -> torch.Tensor:
    ids = torch.tensor([one.tokenizer.encode("前台态度很差").ids])
    with torch.no_grad():
        found: torch.Tensor = one.network.eval()(ids, torch.ones_like(ids)).labels
    return found


def test_labels_of_the_heads() -> None:
    heads = head_config(TAXONOMY, dropout=0.2)
    assert heads.touchpoints == (*TAXONOMY.touchpoint_ids, "overall")
    assert heads.dimensions == TAXONOMY.dimension_ids
    assert heads.dropout == 0.2


@pytest.mark.parametrize("taxonomy", [TAXONOMY, Taxonomy.parse(tiny.MUSEUM)], ids=["shipped", "own"])
def test_saved_and_loaded(tmp_path: Path, taxonomy: Taxonomy) -> None:
    one = model(taxonomy)
    assert not is_model(tmp_path)
    save_model(tmp_path, one)
    assert is_model(tmp_path)
    again = load_model(tmp_path, dropout=0.3)
    torch.testing.assert_close(answers(again), answers(one))
    assert again.taxonomy == taxonomy
    assert again.record == one.record
    assert again.network.heads.config.dropout == 0.3
    assert again.network.encoder.config.hidden_dropout_prob == 0.3


def test_a_half_written_model_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_model(tmp_path, model())

    def full(*_: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr("training.checkpoint.save_file", full)
    with pytest.raises(OSError, match="no space left"):
        save_model(tmp_path, model())
    assert not is_model(tmp_path)


def header(folder: Path, **changes: object) -> None:
    path = folder / "model.json"
    values = {**json.loads(path.read_text(encoding="utf-8")), **changes}
    path.write_text(json.dumps({key: value for key, value in values.items() if value is not None}), "utf-8")


def other_taxonomy() -> object:
    return Taxonomy.parse(tiny.MUSEUM).to_dict()


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        # made by a newer program
        ({"format": 2}, CheckpointError, "format 2; this program reads format 1"),
        # a key is missing, a key is unknown
        ({"record": None}, CheckpointError, r"has the keys \['format', 'taxonomy'\]; needed are"),
        ({"extra": 1}, CheckpointError, "'extra'"),
        # labels that the weights were not made for
        ({"taxonomy": other_taxonomy()}, CheckpointError, r"heads\.safetensors does not fit the taxonomy"),
        ({"taxonomy": {}}, TaxonomyError, r"model\.json"),
    ],
)
def test_headers_that_are_refused(
    tmp_path: Path, changes: dict[str, object], error: type[Exception], message: str
) -> None:
    save_model(tmp_path, model())
    header(tmp_path, **changes)
    with pytest.raises(error, match=message):
        load_model(tmp_path)


def test_broken_files_are_refused(tmp_path: Path) -> None:
    save_model(tmp_path, model())
    heads = tmp_path / "heads.safetensors"
    heads.write_bytes(heads.read_bytes()[:100])
    with pytest.raises(CheckpointError, match=r"heads\.safetensors cannot be read: .*; train again"):
        load_model(tmp_path)
    heads.unlink()
    with pytest.raises(CheckpointError, match=r"heads\.safetensors cannot be read"):
        load_model(tmp_path)
    (tmp_path / "model.json").write_text("{", encoding="utf-8")
    with pytest.raises(BundleCorrupt, match=r"model\.json"):
        load_model(tmp_path)
    with pytest.raises(CheckpointError, match=r"holds no model\.json; give the --output of training\.train"):
        load_model(tmp_path / "none")
