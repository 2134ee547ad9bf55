import json
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models import linear
from models.errors import BundleCorrupt, BundleError, BundleTooNew
from models.files import sha256_of, write_json_atomic
from models.linear import MANIFEST, VOCABULARY, WEIGHTS, LinearModel
from tests.models.linear_cases import OUTPUTS, TAXONOMY, TERMS, named, small_model


def edit_manifest(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    change(manifest)
    write_json_atomic(folder / MANIFEST, manifest)


def sign(folder: Path) -> None:
    """Makes the manifest fit the files, so that what they hold is what gets checked."""
    hashes = {name: sha256_of(folder / name) for name in (VOCABULARY, WEIGHTS)}
    edit_manifest(folder, lambda manifest: manifest.update(files=hashes))


def test_outputs_cover_every_column_once() -> None:
    columns = [*range(len(OUTPUTS.labels))]
    for part in (OUTPUTS.sentiment, OUTPUTS.emotion, OUTPUTS.satisfaction, OUTPUTS.loyalty):
        columns += range(part.start, part.stop)
    assert columns == list(range(len(OUTPUTS))) == list(range(15 + 5 + 3 + 10 + 5 + 3))
    assert "overall" not in OUTPUTS.labels


def test_a_saved_model_comes_back(tmp_path: Path) -> None:
    model = small_model()
    saved = model.save(tmp_path / "deep" / "folder")
    loaded = LinearModel.load(tmp_path / "deep" / "folder")
    assert loaded.identity == saved.identity == f"small@{sha256_of(tmp_path / 'deep/folder' / MANIFEST)[:12]}"
    assert loaded.vocabulary == TERMS
    assert loaded.taxonomy == TAXONOMY
    assert (loaded.calibration, loaded.metrics) == (model.calibration, model.metrics)
    assert loaded.training == model.training
    for name in ("idf", "weights", "bias"):
        assert np.array_equal(getattr(loaded, name), getattr(model, name))
        assert getattr(loaded, name).dtype == np.float32
    assert sorted(path.name for path in (tmp_path / "deep/folder").iterdir()) == [
        MANIFEST,
        VOCABULARY,
        WEIGHTS,
    ]


def test_equal_models_have_equal_identities_and_others_do_not(tmp_path: Path) -> None:
    first = small_model().save(tmp_path / "a").identity
    assert small_model().save(tmp_path / "b").identity == first
    moved = replace(small_model(), bias=small_model().bias + np.float32(0.5))
    assert moved.save(tmp_path / "b").identity != first


def test_an_interrupted_save_leaves_nothing_that_loads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small_model().save(tmp_path)

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("models.linear.np.savez_compressed", full)
    with pytest.raises(OSError, match="No space left"):
        small_model().save(tmp_path)
    assert not list(tmp_path.glob("*.tmp")) + list(tmp_path.glob(".*.tmp"))
    with pytest.raises(BundleCorrupt, match=r"manifest\.json: the manifest of a baseline is missing"):
        LinearModel.load(tmp_path)


@pytest.mark.parametrize("name", [MANIFEST, VOCABULARY, WEIGHTS])
def test_a_missing_file_is_named(tmp_path: Path, name: str) -> None:
    small_model().save(tmp_path)
    (tmp_path / name).unlink()
    with pytest.raises(BundleCorrupt, match=rf"{name}: .* is missing"):
        LinearModel.load(tmp_path)


@pytest.mark.parametrize("name", [VOCABULARY, WEIGHTS])
def test_a_changed_byte_is_refused(tmp_path: Path, name: str) -> None:
    small_model().save(tmp_path)
    content = bytearray((tmp_path / name).read_bytes())
    content[len(content) // 2] ^= 1
    (tmp_path / name).write_bytes(content)
    with pytest.raises(BundleCorrupt, match=f"{name}: its SHA-256 is .* the file was changed"):
        LinearModel.load(tmp_path)


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="nowhere is not a folder; give the folder of a baseline"):
        LinearModel.load(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        # a newer format, whatever else it holds
        (lambda m: m.update(format=2, new=1), BundleTooNew, "has format 2; this program reads format 1"),
        (lambda m: m.update(format=0), BundleCorrupt, "format is 0; it must be 1"),
        (lambda m: m.update(format=True), BundleCorrupt, "format is True; it must be 1"),
        # the manifest of a neural bundle
        (lambda m: m.pop("kind"), BundleCorrupt, "kind is None; a baseline has 'linear'"),
        (lambda m: m.update(extra=1), BundleCorrupt, "unknown key 'extra'; allowed: format, kind"),
        (lambda m: m.pop("metrics"), BundleCorrupt, "lacks the key 'metrics'"),
        (lambda m: m["files"].update({"run.py": "0" * 64}), BundleCorrupt, "unknown key 'run.py'"),
        (lambda m: m["files"].pop(WEIGHTS), BundleCorrupt, r"lacks the key 'weights\.npz'"),
        (lambda m: m.update(files=[]), BundleCorrupt, "files must be an object"),
        (lambda m: m.update(name="../x"), BundleCorrupt, "the name '../x' must match"),
        (lambda m: m.update(name=7), BundleCorrupt, "the name 7 must match"),
        (lambda m: m.update(taxonomy_version="1"), BundleCorrupt, "taxonomy_version '1' differs"),
        (lambda m: m["taxonomy"].pop("stages"), BundleCorrupt, "the taxonomy in the manifest is broken"),
        (lambda m: m.update(calibration=[]), BundleCorrupt, "calibration is list; it must be an object"),
        (lambda m: m["calibration"].update(extra=1), BundleCorrupt, "calibration .*extra"),
        (lambda m: m["calibration"]["thresholds"].update(staff=1.5), BundleCorrupt, "0 to 1"),
        (lambda m: m.update(training=None), BundleCorrupt, "training is NoneType"),
        # a taxonomy with other labels than the weights have columns
        (
            lambda m: m["taxonomy"]["touchpoints"].pop(),
            BundleCorrupt,
            r"weights is float16 of shape \(6, 41\)",
        ),
    ],
)
def test_a_wrong_manifest_is_refused(
    tmp_path: Path, change: Callable[[dict[str, Any]], object], error: type[Exception], message: str
) -> None:
    small_model().save(tmp_path)
    edit_manifest(tmp_path, change)
    with pytest.raises(error, match=message):
        LinearModel.load(tmp_path)


@pytest.mark.parametrize(
    ("vocabulary", "message"),
    [
        ({"terms": list(TERMS), "more": 1}, "unknown key 'more'"),
        ({}, "lacks the key 'terms'"),
        ({"terms": "abcdef"}, "terms must be a list of texts"),
        ({"terms": [*TERMS[:5], 6]}, "terms must be a list of texts"),
        ({"terms": [*TERMS[:5], ""]}, "terms must be a list of texts"),
        ({"terms": [*TERMS[:5], TERMS[0]]}, "a term stands twice"),
        (
            {"terms": [*TERMS, "w更多"]},
            r"must be float16 or float32 of shape \(7,",
        ),  # more terms than weights
    ],
)
def test_a_wrong_vocabulary_is_refused(tmp_path: Path, vocabulary: dict[str, Any], message: str) -> None:
    small_model().save(tmp_path)
    write_json_atomic(tmp_path / VOCABULARY, vocabulary)
    sign(tmp_path)
    with pytest.raises(BundleCorrupt, match=message):
        LinearModel.load(tmp_path)


GOOD: dict[str, Any] = {
    "idf": np.ones(6, np.float16),
    "weights": np.ones((6, 41), np.float16),
    "bias": np.ones(41, np.float32),
}


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({**GOOD, "extra": np.ones(1)}, "unknown key 'extra'"),
        ({"idf": GOOD["idf"], "bias": GOOD["bias"]}, "lacks the key 'weights'"),
        ({**GOOD, "bias": np.ones(40, np.float32)}, r"bias is float32 of shape \(40,\)"),
        ({**GOOD, "bias": np.ones(41, np.int64)}, "bias is int64"),
        ({**GOOD, "idf": np.full(6, np.nan, np.float16)}, "idf holds values that are no numbers"),
        (
            {**GOOD, "weights": np.full((6, 41), np.inf, np.float16)},
            "weights holds values that are no numbers",
        ),
        # objects would have to be unpickled, which executes what the file says
        ({**GOOD, "bias": np.array([print] * 41, dtype=object)}, "cannot be read .*allow_pickle"),
    ],
)
def test_wrong_arrays_are_refused(tmp_path: Path, arrays: dict[str, Any], message: str) -> None:
    small_model().save(tmp_path)
    np.savez(tmp_path / WEIGHTS, **arrays)
    sign(tmp_path)
    with pytest.raises(BundleCorrupt, match=message):
        LinearModel.load(tmp_path)


def test_a_file_of_something_else_is_refused(tmp_path: Path) -> None:
    small_model().save(tmp_path)
    (tmp_path / WEIGHTS).write_bytes(b"not a zip file")
    sign(tmp_path)
    with pytest.raises(BundleCorrupt, match=r"weights\.npz: cannot be read"):
        LinearModel.load(tmp_path)


def test_arrays_that_unpack_to_too_much_are_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small_model().save(tmp_path)
    with zipfile.ZipFile(tmp_path / WEIGHTS) as archive:
        unpacked = sum(entry.file_size for entry in archive.infolist())
    monkeypatch.setattr(linear, "MAX_ARRAY_BYTES", unpacked)
    LinearModel.load(tmp_path)
    monkeypatch.setattr(linear, "MAX_ARRAY_BYTES", unpacked - 1)
    with pytest.raises(BundleCorrupt, match=f"unpacks to {unpacked:,} bytes"):
        LinearModel.load(tmp_path)


def test_the_identity_starts_with_the_name(tmp_path: Path) -> None:
    assert named("our-yardstick.2").save(tmp_path).identity.startswith("our-yardstick.2@")
