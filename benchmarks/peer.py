"""The peer: a `transformers` text-classification pipeline over a BERT-base with as many outputs as ours.

The weights are random, so nothing is downloaded: the time of a dense network does not depend on their values.
"""

from collections.abc import Sequence
from typing import Any, Final

import torch
from transformers import BertConfig, BertForSequenceClassification, BertTokenizer, pipeline

VOCABULARY: Final = 21_128
"""Rows of the embedding of bert-base-chinese."""
SPECIALS: Final = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


class Peer:
    """BERT-base in float32: 12 layers, width 768, a token for each character.

    characters: what the comments are made of. outputs: logits of one comment, each with a sigmoid.
    max_length: tokens after which a comment is cut.
    """

    def __init__(self, *, threads: int, characters: str, outputs: int, max_length: int) -> None:
        torch.set_num_threads(threads)
        torch.manual_seed(0)
        self._max_length = max_length
        config = BertConfig(vocab_size=VOCABULARY, problem_type="multi_label_classification")
        config.num_labels = outputs
        self.model = BertForSequenceClassification(config).eval()
        self._classify = pipeline(
            "text-classification",
            model=self.model,
            tokenizer=character_tokenizer(characters),
            device="cpu",
            dtype=torch.float32,
        )

    def bulk(
        self, texts: Sequence[str], *, batch_size: int, by_length: bool = False
    ) -> list[list[dict[str, Any]]]:
        """A score for each output of each comment, in one call of the pipeline.

        by_length: the comments are sorted first, which saves padding and which users rarely do; the scores
        come in that order.
        """
        given = sorted(texts, key=len) if by_length else list(texts)
        found: list[Any] = self._classify(
            given, batch_size=batch_size, top_k=None, truncation=True, max_length=self._max_length
        )
        return found


def character_tokenizer(characters: str) -> BertTokenizer:
    """A WordPiece tokenizer that knows these characters, as bert-base-chinese knows Chinese ones."""
    known = sorted({character for character in characters.lower() if not character.isspace()})
    pieces = [*SPECIALS, *known[: VOCABULARY - len(SPECIALS)]]
    return BertTokenizer(vocab={piece: place for place, piece in enumerate(pieces)})
