"""Load a released bundle back into the torch network: corrections can be learnt without the corpora."""

from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import numpy_helper
from tokenizers import Tokenizer
from transformers import BertConfig, BertModel

from models.bundle import GRAPH, TOKENIZER, Bundle
from models.network import Network
from training.checkpoint import TrainedModel, head_config
from training.encoder import SPECIALS
from training.errors import CheckpointError

Array = NDArray[Any]

_PARTS: Final = ("query", "key", "value")


def load_bundle(folder: Path, *, dropout: float) -> TrainedModel:
    """The bundle's network in float: int8 weights times their column's scale.

    Raises:
        BundleError: the bundle is broken.
        CheckpointError: its graph is not that of the network which the manifest describes.
    """
    bundle = Bundle.load(folder)
    graph = onnx.load(folder / GRAPH).graph
    tensors = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    config = BertConfig(
        **bundle.encoder,
        pad_token_id=SPECIALS.index("<pad>"),
        hidden_dropout_prob=dropout,
        attention_probs_dropout_prob=0.0,
    )
    encoder = BertModel(config, add_pooling_layer=False)
    network = Network(encoder=encoder, heads=head_config(bundle.taxonomy, dropout=dropout))
    expected = {name for name, _ in network.named_parameters()}
    state = {name: torch.from_numpy(value) for name, value in _state(tensors, expected).items()}
    try:
        network.load_state_dict(state, strict=False)
    except RuntimeError as error:
        raise CheckpointError(f"{folder}: the graph does not fit the manifest: {error}") from error
    return TrainedModel(
        network=network,
        tokenizer=Tokenizer.from_file(str(folder / TOKENIZER)),
        taxonomy=bundle.taxonomy,
        record={**bundle.training, "start": bundle.identity},
    )


def _state(tensors: dict[str, Array], expected: set[str]) -> dict[str, Array]:
    """Torch names and values.

    In the graph linear weights lie transposed, and those of query, key and value side by side.
    """
    state: dict[str, Array] = {}
    for name in expected:
        owner, part, kind = (*name.rsplit(".", 2), "", "")[:3]
        if owner.endswith(".attention.self") and part in _PARTS:
            joined = _dense(tensors, f"{owner}.{kind}")
            if joined is None:
                raise CheckpointError(f"the graph lacks {owner}.{kind}; it was not made by training.export")
            value: Array | None = np.split(joined, 3, axis=-1)[_PARTS.index(part)]
        else:
            value = _dense(tensors, name)
        if value is None:
            raise CheckpointError(f"the graph lacks {name}; it was not made by training.export")
        linear = kind == "weight" and value.ndim == 2 and not part.endswith("embeddings")
        state[name] = np.array(value.T if linear else value, np.float32, order="C")
    return state


def _dense(tensors: dict[str, Array], name: str) -> Array | None:
    """A weight as the network computes with it: what the graph moved into the activations is moved back."""
    if f"{name}.int8" not in tensors:
        return tensors.get(name)
    value: Array = tensors[f"{name}.int8"].astype(np.float32) * tensors[f"{name}.scale"]
    source = name.removesuffix(".weight")
    if f"{source}.input.smooth" in tensors:
        value *= tensors[f"{source}.input.smooth"][:, None]
    if f"{source}.input.outliers" in tensors:
        value[tensors[f"{source}.input.outliers"]] = tensors[f"{name}.outliers"]
    return value
