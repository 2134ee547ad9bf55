"""Ranges of the activations for the int8 graph, measured on real comments.

A range that covers every outlier wastes the 256 steps of uint8 on values that never come; one that is too
tight clips. For every linear layer the range with the least squared error is taken from a grid of shrunken
ranges, as TensorRT and others do by entropy (Migacz 2017); the error is that of the rounded activations.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from models.network import Network
from training.fit import by_tokens, padded
from training.graph import Range
from training.pretrain import Sentence

SHRINKS: Final = tuple(round(1.0 - 0.05 * step, 2) for step in range(15))
SAMPLE: Final = 200_000
TOKENS_PER_BATCH: Final = 2048
AFTER_NORM: Final = (".attention.self", ".intermediate.dense")
"""Layers that read the output of a layer norm; the others read a GELU or an average of values."""
AVERAGES: Final = ".attention.output.dense"
OUTLIER: Final = 1.25
RANK: Final = 8
"""A channel is an outlier if its largest value is so many times that of the channel of this rank."""
MIGRATION: Final = 0.5
TINY: Final = 1e-5

Floats = NDArray[np.float32]


def activation_ranges(network: Network, sequences: Sequence[list[int]], *, pad: int) -> dict[str, Range]:
    """The range of each linear layer's input, by the names of `training.graph`."""
    seen: dict[str, list[Floats]] = {}
    ordered = sorted((Sentence(ids) for ids in sequences), key=lambda one: len(one.ids))
    network.eval()
    with torch.no_grad(), _watched(network, seen) as current:
        for batch in by_tokens(ordered, tokens=TOKENS_PER_BATCH):
            ids, mask = padded([sentence.ids for sentence in batch], pad=pad)
            current.append(mask.bool())
            network(ids, mask)
    weights = _input_sizes(network)
    return {name: _range(np.concatenate(values), weights[name], name) for name, values in seen.items()}


def _range(values: Floats, weight: Floats, name: str) -> Range:
    """The range of one layer's input. Shapes: values (tokens, channels), weight (channels,)."""
    largest = np.maximum(np.abs(values).max(axis=0), TINY)
    if name.endswith(AFTER_NORM):
        smooth = (largest**MIGRATION / np.maximum(weight, TINY) ** (1 - MIGRATION)).astype(np.float32)
        found = best_range((values / smooth).ravel())
        return Range(found.low, found.high, smooth=smooth)
    if name.endswith(AVERAGES):
        return best_range(values.ravel())
    outliers = np.nonzero(largest > OUTLIER * np.sort(largest)[-RANK])[0]
    found = best_range(np.delete(values, outliers, axis=1).ravel())
    return Range(found.low, found.high, outliers=outliers if len(outliers) else None)


def _input_sizes(network: Network) -> dict[str, Floats]:
    """Per linear layer, the largest weight of each input channel; query, key and value count as one."""
    sizes: dict[str, Floats] = {}
    for name, module in network.named_modules():
        if isinstance(module, nn.Linear):
            source = name.removesuffix(".query").removesuffix(".key").removesuffix(".value")
            largest = module.weight.detach().abs().amax(dim=0).float().numpy()
            sizes[source] = np.maximum(sizes.get(source, largest), largest)
    return sizes


def best_range(values: Floats) -> Range:
    """The shrunken range of least squared error after rounding. Shape of values: (n,)."""
    low, high = float(values.min()), float(values.max())
    step = max(1, len(values) // SAMPLE)
    # The extremes matter most and are few: a thinned sample keeps them.
    sample = np.concatenate([values[::step], np.sort(values)[:100], np.sort(values)[-100:]])
    candidates = [Range(low * below, high * above) for below in SHRINKS[::2] for above in SHRINKS]
    return min(candidates, key=lambda candidate: _error(sample, candidate))


def _error(values: Floats, candidate: Range) -> float:
    scale, zero = candidate.quantised()
    rounded = np.clip(np.rint(values / scale) + zero, 0, 255) - zero
    return float(np.square(rounded * scale - values).sum())


@contextmanager
def _watched(network: Network, seen: dict[str, list[Floats]]) -> Iterator[list[Tensor]]:
    """Collect the inputs of the linear layers at real tokens; the list's last entry is the current mask."""
    masks: list[Tensor] = []

    def watch(name: str, module: nn.Module) -> torch.utils.hooks.RemovableHandle:
        def hook(_module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
            values = inputs[0][masks[-1]].float().numpy()
            seen.setdefault(name, []).append(values)

        return module.register_forward_pre_hook(hook)

    handles = [
        watch(name.removesuffix(".query"), module)
        for name, module in network.named_modules()
        if ".layer." in name and isinstance(module, nn.Linear) and not name.endswith((".key", ".value"))
    ]
    try:
        yield masks
    finally:
        for handle in handles:
            handle.remove()
