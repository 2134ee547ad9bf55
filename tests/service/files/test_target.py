"""An output appears whole or not at all."""

import os
import stat
from pathlib import Path

import pytest

from service.errors import OutputError, UsageError
from service.files.opening import output_format, refuse_same_file
from service.files.target import replacing


class _Interrupted(BaseException):
    pass


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def half_written(target: Path, error: BaseException) -> None:
    with replacing(target) as stream:
        stream.write(b"half")
        raise error


def test_the_file_appears_at_the_end(tmp_path: Path) -> None:
    target = tmp_path / "out.csv"
    target.write_bytes(b"old")
    with replacing(target) as stream:
        stream.write(b"new")
        stream.flush()
        assert target.read_bytes() == b"old"
    assert target.read_bytes() == b"new"
    assert names(tmp_path) == ["out.csv"]


@pytest.mark.parametrize("error", [_Interrupted(), ValueError("x"), KeyboardInterrupt()])
def test_whatever_ends_it_leaves_the_old_file(tmp_path: Path, error: BaseException) -> None:
    target = tmp_path / "out.csv"
    target.write_bytes(b"old")
    with pytest.raises(type(error)):
        half_written(target, error)
    assert target.read_bytes() == b"old"
    assert names(tmp_path) == ["out.csv"]


def test_an_error_of_the_disk_is_told_plainly(tmp_path: Path) -> None:
    target = tmp_path / "out.csv"
    with pytest.raises(OutputError, match=r"out\.csv: cannot be written \(No space left on device\)"):
        half_written(target, OSError(28, "No space left on device"))
    assert names(tmp_path) == []


def test_the_mode_of_the_file(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        with replacing(tmp_path / "new.csv") as stream:
            stream.write(b"x")
    finally:
        os.umask(before)
    old = tmp_path / "old.csv"
    old.touch()
    old.chmod(0o604)
    with replacing(old) as stream:
        stream.write(b"x")
    modes = [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("new.csv", "old.csv")]
    assert modes == [0o640, 0o604]


def test_a_link_is_followed(tmp_path: Path) -> None:
    real = tmp_path / "folder" / "real.csv"
    real.parent.mkdir()
    link = tmp_path / "link.csv"
    link.symlink_to(real)
    with replacing(link) as stream:
        stream.write(b"x")
    assert link.is_symlink()
    assert real.read_bytes() == b"x"


def test_a_device_is_written_to(tmp_path: Path) -> None:
    link = tmp_path / "out.csv"
    link.symlink_to("/dev/full")
    with pytest.raises(OutputError, match="No space left on device"), replacing(link) as stream:
        stream.write(b"x")
    assert names(tmp_path) == ["out.csv"]


@pytest.mark.parametrize(
    ("name", "error", "message"),
    [
        ("out.doc", UsageError, r"must end in one of \.jsonl, \.ndjson, \.csv"),
        ("out", UsageError, "must end in one of"),
        # plain text has no place for tags
        ("out.txt", UsageError, "must end in one of"),
        ("missing/out.csv", OutputError, "there is no folder"),
        ("folder.csv", OutputError, "is a folder"),
    ],
)
def test_what_cannot_be_an_output(tmp_path: Path, name: str, error: type[Exception], message: str) -> None:
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(error, match=message):
        output_format(tmp_path / name)


def test_the_output_is_never_the_input(tmp_path: Path) -> None:
    path = tmp_path / "in.jsonl"
    path.touch()
    hard = tmp_path / "hard.jsonl"
    hard.hardlink_to(path)
    soft = tmp_path / "soft.jsonl"
    soft.symlink_to(path)
    for target in (path, hard, soft, tmp_path / ".." / tmp_path.name / "in.jsonl"):
        with pytest.raises(UsageError, match="is the input itself"):
            refuse_same_file(path, target)
    refuse_same_file(path, tmp_path / "other.jsonl")
    refuse_same_file(tmp_path / "none.jsonl", tmp_path / "none.jsonl")
