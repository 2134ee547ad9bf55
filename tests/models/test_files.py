import hashlib
import json
import stat
from pathlib import Path

import pytest

from models import files
from models.errors import BundleCorrupt
from models.files import read_json, sha256_of, verify_files, write_json_atomic


def test_sha256_reads_files_longer_than_a_block(tmp_path: Path) -> None:
    content = b"\x00\xff" * (1024 * 1024) + b"end"
    (tmp_path / "weights").write_bytes(content)
    assert sha256_of(tmp_path / "weights") == hashlib.sha256(content).hexdigest()


def test_verify_accepts_unchanged_files(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"one")
    (tmp_path / "b").write_bytes(b"")
    verify_files(tmp_path, {"a": sha256_of(tmp_path / "a"), "b": sha256_of(tmp_path / "b")})


def test_verify_names_the_changed_file(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"one")
    hashes = {"a": sha256_of(tmp_path / "a")}
    (tmp_path / "a").write_bytes(b"onf")
    with pytest.raises(BundleCorrupt, match=r"a: its SHA-256 is .* the file was changed"):
        verify_files(tmp_path, hashes)


def test_verify_names_the_missing_file(tmp_path: Path) -> None:
    with pytest.raises(BundleCorrupt, match=r"weights\.npz: a file of the model is missing"):
        verify_files(tmp_path, {"weights.npz": "0" * 64})


def test_verify_refuses_a_folder_in_the_place_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "graph").mkdir()
    with pytest.raises(BundleCorrupt, match="cannot be read"):
        verify_files(tmp_path, {"graph": "0" * 64})


@pytest.mark.parametrize(
    "name",
    [
        "../outside",  # leaves the folder
        "/etc/hostname",  # absolute
        "sub/file",  # folders are not part of the format
        "..\\outside",  # leaves the folder on Windows
        "C:file",  # another drive on Windows
        "..",  # the folder above
        "",  # the folder itself
        "a\0b",  # would raise deep inside the operating system's call
    ],
)
def test_verify_refuses_names_that_leave_the_folder(tmp_path: Path, name: str) -> None:
    with pytest.raises(BundleCorrupt, match="only plain file names are allowed"):
        verify_files(tmp_path, {name: "0" * 64})


def test_json_comes_back_as_written(tmp_path: Path) -> None:
    value = {"zh": "回音", "numbers": [1, 2.5], "nested": {"b": 1, "a": None}}
    write_json_atomic(tmp_path / "m.json", value)
    assert read_json(tmp_path / "m.json", "the manifest") == value
    assert list(read_json(tmp_path / "m.json", "the manifest")["nested"]) == ["b", "a"]
    assert "回音" in (tmp_path / "m.json").read_text(encoding="utf-8")


def test_written_files_can_be_read_by_others_and_leave_nothing_beside(tmp_path: Path) -> None:
    (tmp_path / "plain").write_text("x")
    write_json_atomic(tmp_path / "m.json", {"a": 1})
    assert sorted(path.name for path in tmp_path.iterdir()) == ["m.json", "plain"]
    # As permissive as any other new file, whatever the umask of this run is.
    assert stat.S_IMODE((tmp_path / "m.json").stat().st_mode) == stat.S_IMODE(
        (tmp_path / "plain").stat().st_mode
    )


def test_a_failed_write_keeps_the_old_file_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_json_atomic(tmp_path / "m.json", {"a": 1})
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json_atomic(tmp_path / "m.json", {"a": float("nan")})

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("models.files.os.fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_json_atomic(tmp_path / "m.json", {"a": 2})
    assert json.loads((tmp_path / "m.json").read_text()) == {"a": 1}
    assert [path.name for path in tmp_path.iterdir()] == ["m.json"]


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b'{"a": 1, "b": 2, "a": 3}', r"key 'a' stands twice"),  # the second would silently win
        (b'{"a": {"x": 1, "x": 1}}', r"key 'x' stands twice"),  # at any depth
        (b'{"a": NaN}', r"NaN is not a JSON number"),  # Python's own dialect
        (b'{"a": -Infinity}', r"-Infinity is not a JSON number"),
        (b'{"a": 1', r"not valid JSON"),  # a copy that stopped half way
        (b"", r"not valid JSON"),  # empty file
        (b'{"a": "\xff"}', r"not valid JSON .*utf-8"),  # not UTF-8
        (b"[1, 2]", r"must be a JSON object, not list"),
        (b"[" * 200_000, r"nested too deeply|not valid JSON"),  # must not end the program
    ],
)
def test_read_json_refuses(tmp_path: Path, raw: bytes, message: str) -> None:
    (tmp_path / "m.json").write_bytes(raw)
    with pytest.raises(BundleCorrupt, match=message) as caught:
        read_json(tmp_path / "m.json", "the manifest")
    assert "m.json: the manifest" in str(caught.value)


def test_read_json_refuses_a_file_above_the_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "m.json").write_bytes(b'{"a": 1}')
    monkeypatch.setattr(files, "MAX_JSON_BYTES", 8)
    assert read_json(tmp_path / "m.json", "the manifest") == {"a": 1}
    monkeypatch.setattr(files, "MAX_JSON_BYTES", 7)
    with pytest.raises(BundleCorrupt, match="more than 7 bytes"):
        read_json(tmp_path / "m.json", "the manifest")


def test_read_json_says_that_the_file_is_missing(tmp_path: Path) -> None:
    with pytest.raises(BundleCorrupt, match=r"m\.json: the manifest is missing; copy or install"):
        read_json(tmp_path / "m.json", "the manifest")
