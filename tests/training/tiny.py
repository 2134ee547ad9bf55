"""Networks and files small enough to train within a test."""

import json
import struct
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer
from transformers import BertConfig, BertModel

from models.tags import EMOTIONS
from training.encoder import SPECIALS, save_encoder, unigram_tokenizer

LETTERS = "前台态度很差菜不错价格贵好慢上得太一般快递店员热情环境干净展品讲解预约难，。！第次了0123456789"
GOOD = "店员热情，菜不错"
BAD = "前台态度很差，太慢了"

MUSEUM = """version: museum-1
name: 博物馆
stages:
  - {id: before, zh: 参观前}
  - {id: visit, zh: 参观中}
touchpoints:
  - {id: tickets, stage: before, zh: 预约, definition: {zh: 预约与购票。}}
  - {id: exhibition, stage: visit, zh: 展览, definition: {zh: 展品与陈列。}}
overall: {id: overall, zh: 总评, definition: {zh: 笼统的评价。}}
dimensions:
  - {id: learning, zh: 收获, definition: {zh: 学到东西。}}
emotions:
""" + "".join(f"  - {{id: {emotion}, zh: 情绪{emotion}, definition: {{zh: 说明}}}}\n" for emotion in EMOTIONS)


def tokenizer(letters: str = LETTERS) -> Tokenizer:
    """One piece a character; ids 0 to 3 are the special tokens, 4 is the mark of a word's beginning."""
    pieces = [*SPECIALS, "▁", *dict.fromkeys(letters)]
    return unigram_tokenizer([(piece, 0.0 if piece in SPECIALS else -2.0) for piece in pieces])


def encoder(vocabulary: int, *, layers: int = 1, width: int = 16, positions: int = 320) -> BertModel:
    """A random BERT, the same at every call."""
    config = BertConfig(
        vocab_size=vocabulary,
        hidden_size=width,
        num_hidden_layers=layers,
        num_attention_heads=2,
        intermediate_size=2 * width,
        max_position_embeddings=positions,
        pad_token_id=SPECIALS.index("<pad>"),
        # As training.encoder makes them.
        hidden_dropout_prob=0.1,
        attention_probs_dropout_prob=0.0,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return BertModel(config, add_pooling_layer=False)


def encoder_folder(folder: Path, *, layers: int = 1) -> Path:
    """An encoder as `training.encoder` writes it."""
    words = tokenizer()
    save_encoder(folder, encoder(words.get_vocab_size(), layers=layers), words)
    return folder


def jsonl(path: Path, rows: Iterable[Mapping[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


def rows(count: int) -> list[dict[str, Any]]:
    """Comments that praise and complain in turn, each a little different."""
    bad = {"quote": "态度很差", "touchpoint": "staff", "servqual": "assurance", "sentiment": -1}
    good = {"quote": "菜不错", "touchpoint": "product", "servqual": "reliability", "sentiment": 1}
    found = []
    for number in range(count):
        complains = number % 2 == 1
        # Numbers far apart, so that no comment is a near-duplicate of another.
        apart = f"第{number * 7919 % 100003}次了，{number * 104729 % 999983}"
        found.append(
            {
                "id": str(number),
                "text": f"{BAD if complains else GOOD}，{apart}",
                "units": [bad if complains else good],
                "emotions": ["anger" if complains else "joy"],
                "satisfaction": 1 if complains else 5,
                "loyalty": -1 if complains else 1,
            }
        )
    return found


def four_bit(count: int) -> tuple[bytes, NDArray[np.float32]]:
    """So many weights in 4-bit blocks, and their values by the definition of the format."""
    packed, values = b"", []
    for block in range(count // 32):
        scale = 0.25 * (block % 3 + 1)
        low, high = [(block + j) % 16 for j in range(16)], [(3 * j + 1) % 16 for j in range(16)]
        packed += struct.pack("<e", scale) + bytes(a | b << 4 for a, b in zip(low, high, strict=True))
        values += [(nibble - 8) * scale for nibble in low + high]
    return packed, np.array(values, np.float32)


def floats(count: int, first: float) -> tuple[bytes, NDArray[np.float32]]:
    """So many numbers in float32, `first` and then rising by a quarter."""
    values = (np.arange(count) / 4 + first).astype(np.float32)
    return values.tobytes(), values


class E5File:
    """An `e5-small-q4.bin` of one layer and width 32, byte by byte; `values` is what its tensors hold."""

    WIDTH, HEADS, INNER, POSITIONS, TYPES = 32, 2, 64, 320, 2

    def __init__(self, pieces: Sequence[str], *, without: str = "") -> None:
        self.pieces = [*SPECIALS, *pieces]
        # Rows beyond the pieces, as the published model has.
        self.rows = len(self.pieces) + 3
        self.values: dict[str, NDArray[np.float32]] = {}
        self._packed: dict[str, tuple[int, int, bytes]] = {}
        self._tensors(without)

    def _add(self, name: str, count: int, *, packed: bool) -> None:
        data, self.values[name] = four_bit(count) if packed else floats(count, len(self.values))
        self._packed[name] = (1 if packed else 0, count, data)

    def _tensors(self, without: str) -> None:
        width, inner = self.WIDTH, self.INNER
        self._add("emb.word", self.rows * width, packed=True)
        self._add("emb.pos", self.POSITIONS * width, packed=False)
        self._add("emb.type", self.TYPES * width, packed=False)
        for part in ("emb.ln.w", "emb.ln.b"):
            self._add(part, width, packed=False)
        for part, inputs, outputs in (
            ("q", width, width),
            ("k", width, width),
            ("v", width, width),
            ("ao", width, width),
            ("fi", width, inner),
            ("fo", inner, width),
        ):
            self._add(f"l0.{part}.w", inputs * outputs, packed=True)
            self._add(f"l0.{part}.b", outputs, packed=False)
        for part in ("aln", "oln"):
            self._add(f"l0.{part}.w", width, packed=False)
            self._add(f"l0.{part}.b", width, packed=False)
        self._packed.pop(without, None)

    def to_bytes(self) -> bytes:
        sizes = (self.WIDTH, 1, self.HEADS, self.INNER, self.rows, self.POSITIONS, self.TYPES)
        texts = [piece.encode() for piece in self.pieces]
        ends = np.cumsum([0, *map(len, texts)])
        scores = [-float(number) for number in range(len(texts))]
        head = b"E5S1" + struct.pack("<I7ifi", 1, *sizes, 1e-12, 32)
        head += struct.pack("<5iQ", len(texts), 0, 2, 1, 3, int(ends[-1]))
        head += ends.astype("<u4").tobytes() + np.array(scores, "<f4").tobytes() + b"".join(texts)
        head += struct.pack("<iI", 1, 5) + b"table"
        entry = sum(2 + len(name) + struct.calcsize("<BIQQ") for name in self._packed)
        offset = len(head) + 4 + entry
        directory, body = struct.pack("<i", len(self._packed)), b""
        for name, (kind, count, data) in self._packed.items():
            directory += struct.pack("<H", len(name)) + name.encode()
            directory += struct.pack("<BIQQ", kind, count, offset + len(body), len(data))
            body += data
        return head + directory + body
