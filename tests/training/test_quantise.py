import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

from tests import small_model
from training.checkpoint import TrainedModel
from training.graph import Range, build_graph
from training.quantise import activation_ranges, best_range

Floats = NDArray[np.float32]


@pytest.fixture(scope="module")
def model() -> TrainedModel:
    return small_model.random_model()


@pytest.fixture(scope="module")
def sequences(model: TrainedModel) -> list[list[int]]:
    return [model.tokenizer.encode(text).ids for text in small_model.starter_texts(20)]


def squared_error(values: Floats, chosen: Range) -> float:
    scale, zero = chosen.quantised()
    rounded = (np.clip(np.rint(values / scale) + zero, 0, 255) - zero) * scale
    return float(np.square(rounded - values).sum())


def told(ranges: dict[str, Range]) -> dict[str, tuple[object, ...]]:
    """Ranges as plain values, which can be compared."""
    return {
        name: (
            one.low,
            one.high,
            None if one.smooth is None else one.smooth.tolist(),
            None if one.outliers is None else one.outliers.tolist(),
        )
        for name, one in ranges.items()
    }


def normal(count: int, *extra: float) -> Floats:
    drawn = np.random.default_rng(1).normal(size=count)
    return np.concatenate([drawn, extra]).astype(np.float32)


def test_even_values_keep_their_whole_range() -> None:
    assert best_range(np.linspace(-1, 3, 5_000, dtype=np.float32)) == Range(-1.0, 3.0)


def test_one_outlier_does_not_waste_the_steps() -> None:
    values = normal(100_000, 30.0)
    found = best_range(values)
    assert found.high < 30.0
    assert squared_error(values, found) < squared_error(values, Range(float(values.min()), 30.0))


def test_values_beyond_the_sample_still_count() -> None:
    # Every second value is looked at, and the extremes in any case: 100 outliers at odd places are seen.
    values = np.zeros(400_000, np.float32)
    values[1:200:2] = 8.0
    assert best_range(values).high == 8.0


@pytest.mark.parametrize(
    "values", [np.zeros(10, np.float32), np.full(3, 0.5, np.float32), normal(1), -normal(1)]
)
def test_few_or_equal_values_have_a_range(values: Floats) -> None:
    found = best_range(values)
    assert found.low <= found.high
    assert squared_error(values, found) <= 1e-4


def test_every_layer_that_the_graph_needs_is_measured(
    model: TrainedModel, sequences: list[list[int]]
) -> None:
    ranges = activation_ranges(model.network, sequences, pad=1)
    parts = ("attention.self", "attention.output.dense", "intermediate.dense", "output.dense")
    assert set(ranges) == {
        f"encoder.encoder.layer.{layer}.{part}" for layer in range(small_model.LAYERS) for part in parts
    }
    build_graph(model.network, ranges)


def test_channels_are_evened_out_after_a_norm_and_set_aside_after_a_gelu(sequences: list[list[int]]) -> None:
    model = small_model.random_model()
    prefix = "encoder.encoder.layer.0"
    with torch.no_grad():
        model.network.get_parameter(f"{prefix}.attention.output.LayerNorm.weight")[3] = 40.0
        model.network.get_parameter(f"{prefix}.intermediate.dense.bias")[5] = 500.0
    ranges = activation_ranges(model.network, sequences, pad=1)
    smooth = ranges[f"{prefix}.intermediate.dense"].smooth
    assert smooth is not None
    assert smooth.shape == (small_model.WIDTH,)
    assert int(smooth.argmax()) == 3
    gelu = ranges[f"{prefix}.output.dense"]
    assert gelu.outliers is not None
    assert 5 in gelu.outliers.tolist()
    assert gelu.high < 400.0
    average = ranges[f"{prefix}.attention.output.dense"]
    assert (average.smooth, average.outliers) == (None, None)


def test_ranges_hold_what_the_layers_are_given(model: TrainedModel, sequences: list[list[int]]) -> None:
    seen: list[torch.Tensor] = []
    layer = model.network.get_submodule("encoder.encoder.layer.1.output.dense")
    handle = layer.register_forward_pre_hook(lambda _module, inputs: seen.append(inputs[0]))
    with torch.no_grad():
        for ids in sequences:
            model.network(torch.tensor([ids]), torch.ones(1, len(ids), dtype=torch.long))
    handle.remove()
    values = torch.cat([one[0] for one in seen]).numpy()
    found = activation_ranges(model.network, sequences, pad=1)["encoder.encoder.layer.1.output.dense"]
    if found.outliers is not None:
        values = np.delete(values, found.outliers, axis=1)
    inside = (values >= found.low) & (values <= found.high)
    assert inside.mean() > 0.99
    assert found.high <= values.max() + 1e-5
    assert found.low >= values.min() - 1e-5


def test_padding_is_not_measured(sequences: list[list[int]]) -> None:
    model = small_model.random_model()
    expected = told(activation_ranges(model.network, sequences, pad=1))
    words = model.network.encoder.get_input_embeddings()
    assert isinstance(words, nn.Embedding)
    with torch.no_grad():
        words.weight[1] = torch.linspace(-50, 50, small_model.WIDTH)
    assert told(activation_ranges(model.network, sequences, pad=1)) == expected


def test_the_order_of_the_texts_changes_nothing(model: TrainedModel, sequences: list[list[int]]) -> None:
    forwards = activation_ranges(model.network, sequences, pad=1)
    backwards = activation_ranges(model.network, sequences[::-1], pad=1)
    for name, one in forwards.items():
        assert (one.low, one.high) == pytest.approx((backwards[name].low, backwards[name].high), rel=0.11)


def test_measuring_leaves_no_hook_behind(model: TrainedModel, sequences: list[list[int]]) -> None:
    activation_ranges(model.network, sequences, pad=1)
    assert not any(module._forward_pre_hooks for module in model.network.modules())
