"""Reading and writing the files of a model folder strictly: hashes, bounded JSON, atomic writing.

Whatever is read here may come from a stranger or from a copy that stopped half way, so nothing is
trusted before it was checked and nothing executes. Every failure is a `BundleCorrupt` whose message
names the file.
"""

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, NoReturn

from models.errors import BundleCorrupt

MAX_JSON_BYTES: Final = 16 * 1024 * 1024
"""A larger JSON file is refused unread: no manifest or vocabulary of ours comes near."""

_BLOCK_BYTES: Final = 1024 * 1024
_ADVICE: Final = "copy or install the model again"


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file as 64 lower-case hex digits, read in blocks.

    Raises BundleCorrupt when the file is missing or cannot be read.
    """
    digest = hashlib.sha256()
    try:
        with path.open("rb") as stream:
            while block := stream.read(_BLOCK_BYTES):
                digest.update(block)
    except OSError as error:
        raise _unreadable(path, "a file of the model", error) from error
    return digest.hexdigest()


def verify_files(folder: Path, hashes: Mapping[str, str]) -> None:
    """Checks that `folder` holds every named file, unchanged.

    `hashes` maps plain file names (no folders) to SHA-256 hex digests. Raises BundleCorrupt for a name that
    leaves the folder, a file that is missing, and a file with other content.
    """
    for name, expected in hashes.items():
        if name in {"", ".", ".."} or any(mark in name for mark in ("/", "\\", "\0", ":")):
            raise BundleCorrupt(f"{folder}: the manifest lists {name!r}; only plain file names are allowed")
        found = sha256_of(folder / name)
        if found != expected:
            raise BundleCorrupt(
                f"{folder / name}: its SHA-256 is {found[:12]}…, the manifest says {expected[:12]}…; "
                f"the file was changed after the model was written: {_ADVICE}"
            )


def write_json_atomic(path: Path, value: Mapping[str, Any]) -> None:
    """Writes `value` as readable UTF-8 JSON beside `path` and renames it: never a half-written file.

    Keys keep their order, so equal values give equal bytes. Raises ValueError for NaN and infinities, which
    JSON does not have, and OSError where the folder cannot be written.
    """
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, indent=1) + "\n"
    # Not tempfile: its files are private (0600), and a model is shared with the other users of the machine.
    beside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with beside.open("w", encoding="utf-8", newline="\n") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def read_json(path: Path, what: str) -> dict[str, Any]:
    """The object in a JSON file; `what` names the file's role in messages ("the manifest").

    Raises BundleCorrupt when it is missing, above `MAX_JSON_BYTES`, not UTF-8, not JSON, nested beyond
    reason, not an object, has a key twice or a number that JSON does not know (NaN, Infinity).
    """
    try:
        with path.open("rb") as stream:
            raw = stream.read(MAX_JSON_BYTES + 1)
    except OSError as error:
        raise _unreadable(path, what, error) from error
    if len(raw) > MAX_JSON_BYTES:
        raise BundleCorrupt(f"{path}: {what} has more than {MAX_JSON_BYTES:,} bytes; {_ADVICE}")
    try:
        value = json.loads(
            raw.decode("utf-8"), object_pairs_hook=_unique_keys, parse_constant=_refuse_constant
        )
    except RecursionError as error:
        raise BundleCorrupt(f"{path}: {what} is nested too deeply; {_ADVICE}") from error
    except ValueError as error:
        raise BundleCorrupt(f"{path}: {what} is not valid JSON ({error}); {_ADVICE}") from error
    if not isinstance(value, dict):
        raise BundleCorrupt(f"{path}: {what} must be a JSON object, not {type(value).__name__}; {_ADVICE}")
    return value


def _unreadable(path: Path, what: str, error: OSError) -> BundleCorrupt:
    if isinstance(error, FileNotFoundError):
        return BundleCorrupt(f"{path}: {what} is missing; {_ADVICE}")
    return BundleCorrupt(f"{path}: {what} cannot be read ({error.strerror}); {_ADVICE}")


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f"key {twice!r} stands twice")
    return value


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")
