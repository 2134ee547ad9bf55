"""Real networks that are small enough to be made in every test run: two layers, width 32.

Two kinds. `random_model` has seeded weights: it shows that arithmetic, files and batches agree, and its tags
mean nothing. `word_model` has weights set by hand, so that single characters (`WORDS`) carry an opinion and
everything else none: it shows that an opinion in a text arrives in the tags, with the right words beside it.
"""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from tokenizers import Tokenizer
from torch import nn
from transformers import BertConfig, BertModel

from models.bundle import Bundle
from models.network import Network
from models.tagger import Tagger
from models.tags import EMOTIONS, SENTIMENTS, Sentiment
from models.taxonomy import Taxonomy
from models.text.normalise import normalise
from training.calibrate import calibrated
from training.checkpoint import TrainedModel, head_config
from training.corpus import Comment, read_comments
from training.encoder import SPECIALS, unigram_tokenizer
from training.export import export

WIDTH: Final = 32
LAYERS: Final = 2
STARTER: Final = Path(__file__).resolve().parent.parent / "training" / "starter"

WORDS: Final[dict[str, tuple[str, str, Sentiment]]] = {
    "贵": ("price", "tangibles", "negative"),
    "廉": ("price", "tangibles", "positive"),
    "脏": ("environment", "tangibles", "negative"),
    "凶": ("staff", "assurance", "negative"),
    "甜": ("product", "reliability", "positive"),
}
"""Touchpoint, dimension and sentiment of the characters that `word_model` knows."""


def starter_comments(name: str = "test") -> list[Comment]:
    """The starter corpus with its labels."""
    return read_comments(STARTER / f"{name}.jsonl", Taxonomy.load())


def starter_texts(count: int | None = None) -> list[str]:
    """The texts of the starter corpus' test part."""
    lines = (STARTER / "test.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line)["text"] for line in lines[:count]]


def small_tokenizer() -> Tokenizer:
    """Single characters, and the most frequent pairs of those that carry no opinion."""
    texts = [normalise(text).text for text in starter_texts()]
    characters = Counter("".join(texts)) + Counter(WORDS.keys())
    pairs = Counter("".join(pair) for text in texts for pair in pairwise(text))
    usual = [pair for pair, _ in pairs.most_common(60) if pair.isalpha() and not set(pair) & set(WORDS)]
    total = sum(characters.values())
    pieces = [(special, 0.0) for special in SPECIALS] + [("▁", -4.0)]
    pieces += [(pair, float(np.log(pairs[pair] / total))) for pair in sorted(usual)]
    pieces += [
        (one, float(np.log(count / total)) - 3.0) for one, count in sorted(characters.items()) if one != " "
    ]
    return unigram_tokenizer(pieces)


def random_model(*, taxonomy: Taxonomy | None = None, seed: int = 1, **config: Any) -> TrainedModel:
    """A network with seeded weights, larger than training starts with, so that its scores differ."""
    torch.manual_seed(seed)
    model = _untrained(taxonomy or Taxonomy.load(), **config)
    heads = model.network.heads
    with torch.no_grad():
        for parameter in (heads.queries, heads.label_weight, heads.emotion.weight, heads.satisfaction.weight):
            parameter.normal_(std=0.5)
        for name, bias in model.network.named_parameters():
            if name.endswith("bias"):
                bias.normal_(std=0.1)
    return model


def word_model() -> TrainedModel:
    """A network that knows `WORDS`: each has a direction that queries and classifiers look for."""
    model = _untrained(Taxonomy.load())
    network, config = model.network, model.network.heads.config
    labels = (*config.touchpoints, *config.dimensions)
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            is_norm = "norm" in name.lower() and name.endswith("weight")
            parameter.fill_(1.0 if is_norm else 0.0)
        words = network.encoder.get_input_embeddings()
        assert isinstance(words, nn.Embedding)
        words.weight[:, 0] = 1.0
        heads = network.heads
        heads.key.weight.copy_(torch.eye(WIDTH))
        heads.label_bias[:, 0] = 4.0
        heads.emotion.bias[EMOTIONS.index("neutral")] = 2.0
        heads.satisfaction.bias[2] = 2.0
        heads.loyalty.bias[1] = 4.0
        for direction, (word, (touchpoint, dimension, sentiment)) in enumerate(WORDS.items(), 1):
            piece = model.tokenizer.token_to_id(word)
            assert piece is not None
            words.weight[piece, direction] = 10.0
            heads.queries[len(labels) :, direction] = 20.0
            for label in map(labels.index, (touchpoint, dimension)):
                heads.queries[label, direction] = 20.0
                heads.label_weight[label, direction, 1 + SENTIMENTS.index(sentiment)] = 2.0
            good = sentiment == "positive"
            heads.emotion.weight[EMOTIONS.index("joy" if good else "anger"), direction] = 2.0
            heads.satisfaction.weight[4 if good else 0, direction] = 2.0
    return model


def small_bundle(folder: Path, *, taxonomy: Taxonomy | None = None) -> Bundle:
    """`random_model` as a bundle; calibrated where the starter corpus has its labels."""
    bundle = export(random_model(taxonomy=taxonomy), starter_texts(60), name="small-1", folder=folder)
    return bundle if taxonomy else _calibrated(folder, starter_comments())


def own_taxonomy() -> Taxonomy:
    """Another organisation's: two touchpoints and one dimension, with names of its own."""
    data = Taxonomy.load().to_dict()
    first, second = data["touchpoints"][:2]
    data |= {
        "version": "clinic-3",
        "name": "clinic",
        "touchpoints": [{**first, "id": "ward"}, {**second, "id": "pharmacy"}],
        "dimensions": [{**data["dimensions"][0], "id": "care"}],
    }
    return Taxonomy.from_dict(data)


def word_bundle(folder: Path) -> Bundle:
    """`word_model` as a bundle, uncalibrated: every threshold is one half."""
    return export(word_model(), [*starter_texts(20), "".join(WORDS)], name="words-1", folder=folder)


def _calibrated(folder: Path, comments: Sequence[Comment]) -> Bundle:
    tagger = Tagger.load(folder, threads=1)
    replace(tagger.bundle, calibration=calibrated(tagger, comments)).write_manifest()
    return Bundle.load(folder)


def _untrained(taxonomy: Taxonomy, **config: Any) -> TrainedModel:
    tokenizer = small_tokenizer()
    sizes: dict[str, Any] = {
        "vocab_size": tokenizer.get_vocab_size(),
        "hidden_size": WIDTH,
        "num_hidden_layers": LAYERS,
        "num_attention_heads": 4,
        "intermediate_size": 2 * WIDTH,
        "max_position_embeddings": 512,
        "initializer_range": 0.2,
        "pad_token_id": SPECIALS.index("<pad>"),
    }
    encoder = BertModel(BertConfig(**{**sizes, **config}), add_pooling_layer=False)
    network = Network(encoder=encoder, heads=head_config(taxonomy))
    return TrainedModel(network=network.eval(), tokenizer=tokenizer, taxonomy=taxonomy)
