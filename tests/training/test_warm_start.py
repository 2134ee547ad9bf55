"""A bundle is enough to train on from: its weights load back, and the round trip keeps the tags."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper

from models.bundle import GRAPH, Bundle
from models.errors import BundleCorrupt
from models.tagger import Tagger
from models.tags import Tags
from models.text.normalise import normalise
from tests import small_model
from training.errors import CheckpointError
from training.export import export
from training.warm_start import load_bundle


def decisions(tags: Tags) -> tuple[object, ...]:
    labels = [*tags.touchpoints, *tags.servqual]
    return tags.sentiment, tags.loyalty, [(tag.id, tag.sentiment, tag.evidence) for tag in labels]


def round_trip(tagger: Tagger, folder: Path) -> Tagger:
    """The tagger's model through torch and back, read with the same calibration."""
    model = load_bundle(tagger.bundle.folder, dropout=0.0)
    bundle = export(model, small_model.starter_texts(60), name=tagger.bundle.name, folder=folder)
    replace(bundle, calibration=tagger.bundle.calibration).write_manifest()
    return Tagger.load(folder, threads=1)


def test_the_round_trip_keeps_the_tags(word_tagger: Tagger, tmp_path: Path) -> None:
    words = list(small_model.WORDS)
    texts = [
        f"{text}。今天很{words[place % len(words)]}，{text[:9]}{words[place % 3]}"
        for place, text in enumerate(small_model.starter_texts(100))
    ]
    again = round_trip(word_tagger, tmp_path)
    before, after = word_tagger.tag(texts), again.tag(texts)
    assert [decisions(tags) for tags in after] == [decisions(tags) for tags in before]
    assert all(tags.touchpoints and tags.servqual for tags in before)


def test_the_round_trip_keeps_the_scores(small_tagger: Tagger, tmp_path: Path) -> None:
    texts = small_model.starter_texts(100)
    again = round_trip(small_tagger, tmp_path)
    for head in ("labels", "emotion", "satisfaction", "loyalty"):
        before, after = (
            np.stack([getattr(windows[0], head) for windows in tagger.scores(texts)])
            for tagger in (small_tagger, again)
        )
        assert np.abs(after - before).mean() < 0.05 * before.std(), head
        assert np.corrcoef(before.ravel(), after.ravel())[0, 1] > 0.995, head


def test_the_round_trip_keeps_the_weights(small_tagger: Tagger, tmp_path: Path) -> None:
    again = round_trip(small_tagger, tmp_path)
    before, after = (
        load_bundle(tagger.bundle.folder, dropout=0.0).network.state_dict()
        for tagger in (small_tagger, again)
    )
    assert before.keys() == after.keys()
    for name, value in before.items():
        # Rounded twice, by steps that the activations of the rounded network have a say in.
        assert float((after[name] - value).norm()) <= 0.01 * float(value.norm()), name


def test_the_loaded_network_computes_what_the_graph_computes(small_tagger: Tagger) -> None:
    model = load_bundle(small_tagger.bundle.folder, dropout=0.0)
    model.network.eval()
    texts = small_model.starter_texts(40)
    for text, (window,) in zip(texts, small_tagger.scores(texts), strict=True):
        ids = torch.tensor([model.tokenizer.encode(normalise(text).text).ids])
        with torch.no_grad():
            logits = model.network(ids, torch.ones_like(ids))
        for head in ("labels", "emotion", "satisfaction", "loyalty"):
            expected, found = getattr(window, head).ravel(), getattr(logits, head)[0].numpy().ravel()
            assert np.corrcoef(expected, found)[0, 1] > 0.99, head
            assert np.abs(expected - found).mean() < 0.1 * expected.std(), head


def test_int8_weights_become_the_numbers_that_the_graph_computes_with(small_bundle: Path) -> None:
    graph = onnx.load(small_bundle / GRAPH).graph
    tensors = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    state = load_bundle(small_bundle, dropout=0.0).network.state_dict()

    def dense(name: str) -> np.ndarray:
        product: np.ndarray = tensors[f"{name}.int8"].astype(np.float32) * tensors[f"{name}.scale"]
        return product

    layer = "encoder.encoder.layer.1"
    # Rows of the vocabulary have a scale each; linear layers have one a column, and lie transposed.
    words = "encoder.embeddings.word_embeddings.weight"
    assert np.array_equal(state[words].numpy(), dense(words))
    name = f"{layer}.attention.output.dense.weight"
    assert np.array_equal(state[name].numpy(), dense(name).T)
    # What the activations are multiplied by first belongs to the weight, too.
    name = f"{layer}.intermediate.dense.weight"
    smooth = tensors[f"{layer}.intermediate.dense.input.smooth"][:, None]
    assert np.array_equal(state[name].numpy(), (dense(name) * smooth).T)
    joined = (
        dense(f"{layer}.attention.self.weight") * tensors[f"{layer}.attention.self.input.smooth"][:, None]
    )
    parts = [state[f"{layer}.attention.self.{part}.weight"].numpy().T for part in ("query", "key", "value")]
    assert np.array_equal(np.concatenate(parts, axis=1), joined)
    # Channels that bypass the integers are taken from beside them.
    name = f"{layer}.output.dense.weight"
    beside = tensors.get(f"{layer}.output.dense.input.outliers", np.zeros(0, np.int64))
    expected = dense(name)
    expected[beside] = tensors.get(f"{name}.outliers", expected[beside])
    assert np.array_equal(state[name].numpy(), expected.T)
    assert np.array_equal(state["heads.key.weight"].numpy(), tensors["heads.key.weight"].T)
    assert np.array_equal(state["heads.label_weight"].numpy(), tensors["heads.label_weight"])


def test_a_float_bundle_gives_the_very_weights_back(tmp_path: Path) -> None:
    model = small_model.random_model()
    export(model, small_model.starter_texts(5), name="float", folder=tmp_path, quantised=False)
    found = load_bundle(tmp_path, dropout=0.0).network.state_dict()
    expected = model.network.state_dict()
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        assert torch.equal(found[name], value), name


def test_what_is_loaded_can_be_trained_on(small_bundle: Path) -> None:
    bundle = Bundle.load(small_bundle)
    model = load_bundle(small_bundle, dropout=0.25)
    assert model.taxonomy == bundle.taxonomy
    assert model.record["start"] == bundle.identity
    assert model.network.encoder.config.hidden_dropout_prob == 0.25
    assert model.network.heads.config.dropout == 0.25
    text = "前台态度很差"
    assert model.tokenizer.encode(text).ids == small_model.small_tokenizer().encode(text).ids
    ids = torch.tensor([model.tokenizer.encode(text).ids])
    model.network.train()
    model.network(ids, torch.ones_like(ids)).labels.sum().backward()
    assert all(parameter.requires_grad for parameter in model.network.parameters())


def test_a_graph_without_a_weight_is_refused(small_tagger: Tagger, tmp_path: Path) -> None:
    bundle = replace(round_trip(small_tagger, tmp_path).bundle)
    model = onnx.load(tmp_path / GRAPH)
    (lost,) = [tensor for tensor in model.graph.initializer if tensor.name == "heads.queries"]
    lost.name = "heads.renamed"
    onnx.save(model, tmp_path / GRAPH)
    bundle.write_manifest()
    with pytest.raises(
        CheckpointError, match=r"the graph lacks heads\.queries; it was not made by training\.export"
    ):
        load_bundle(tmp_path, dropout=0.0)


def test_a_graph_of_other_sizes_than_the_manifest_says_is_refused(
    small_tagger: Tagger, tmp_path: Path
) -> None:
    bundle = round_trip(small_tagger, tmp_path).bundle
    replace(bundle, encoder={**bundle.encoder, "intermediate_size": 128}).write_manifest()
    with pytest.raises(CheckpointError, match=f"{tmp_path.name}: the graph does not fit the manifest"):
        load_bundle(tmp_path, dropout=0.0)


def test_a_broken_bundle_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BundleCorrupt, match="is not a folder"):
        load_bundle(tmp_path / "nowhere", dropout=0.0)
