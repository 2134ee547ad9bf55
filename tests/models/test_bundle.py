"""Strict loading: what is not exactly what was released is refused, with a message that says what to do."""

import json
import shutil
from collections.abc import Callable
from contextlib import suppress
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models import files
from models.bundle import FORMAT, GRAPH, MANIFEST, TOKENIZER, Bundle
from models.errors import BundleCorrupt, BundleError, BundleTooNew
from models.tagger import Tagger
from models.taxonomy import Taxonomy

Manifest = dict[str, Any]


@pytest.fixture
def folder(small_bundle: Path, tmp_path: Path) -> Path:
    """A copy of the small bundle that a test may break."""
    return Path(shutil.copytree(small_bundle, tmp_path / "bundle"))


def read(folder: Path) -> Manifest:
    found: Manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    return found


def write(folder: Path, manifest: Any) -> None:
    (folder / MANIFEST).write_text(json.dumps(manifest, ensure_ascii=False), encoding="utf-8")


def put(*path: str, value: Any) -> Callable[[Manifest], None]:
    """An edit of the manifest: the value at a path."""

    def edit(manifest: Manifest) -> None:
        *parents, last = path
        for key in parents:
            manifest = manifest[key]
        manifest[last] = value

    return edit


def drop(*path: str) -> Callable[[Manifest], None]:
    """An edit of the manifest: without the key at a path."""

    def edit(manifest: Manifest) -> None:
        *parents, last = path
        for key in parents:
            manifest = manifest[key]
        del manifest[last]

    return edit


def test_a_bundle_is_what_its_manifest_says(small_bundle: Path) -> None:
    bundle = Bundle.load(small_bundle)
    taxonomy = Taxonomy.load()
    assert bundle.name == "small-1"
    assert bundle.taxonomy == taxonomy
    assert bundle.touchpoints == (*taxonomy.touchpoint_ids, "overall")
    assert bundle.dimensions == taxonomy.dimension_ids
    assert bundle.encoder["hidden_size"] == 32
    assert bundle.reading.window == 320
    assert set(bundle.calibration.thresholds) == {*bundle.touchpoints, *bundle.dimensions}


def test_a_manifest_that_is_written_again_is_the_same(folder: Path) -> None:
    before = (folder / MANIFEST).read_bytes()
    Bundle.load(folder).write_manifest()
    assert (folder / MANIFEST).read_bytes() == before


# ---- identity ---------------------------------------------------------------------------------------------


def test_a_copy_elsewhere_has_the_same_identity(small_bundle: Path, folder: Path) -> None:
    assert Bundle.load(folder).identity == Bundle.load(small_bundle).identity
    name, _, digits = Bundle.load(folder).identity.partition("@")
    assert name == "small-1"
    assert digits == files.sha256_of(folder / MANIFEST)[:12]


@pytest.mark.parametrize(
    "changes",
    [
        {"metrics": {"touchpoints": 0.8}},
        {"training": {"seed": 2}},
        {"name": "small-2"},
    ],
)
def test_another_manifest_is_another_identity(folder: Path, changes: dict[str, Any]) -> None:
    bundle = Bundle.load(folder)
    replace(bundle, **changes).write_manifest()
    assert Bundle.load(folder).identity != bundle.identity


def test_the_identity_of_a_loaded_model_outlives_its_folder(folder: Path) -> None:
    tagger = Tagger.load(folder, threads=1)
    expected = Bundle.load(folder).identity
    replace(tagger.bundle, metrics={"changed": True}).write_manifest()
    assert tagger.identity == expected
    shutil.rmtree(folder)
    assert tagger.tag(["前台态度很差"])[0].model == expected


# ---- changed and missing files ----------------------------------------------------------------------------


@pytest.mark.parametrize("share", [0.0, 0.3, 0.999])
@pytest.mark.parametrize("name", [TOKENIZER, GRAPH])
def test_a_changed_byte_is_refused(folder: Path, name: str, share: float) -> None:
    content = bytearray((folder / name).read_bytes())
    content[int(share * len(content))] ^= 1
    (folder / name).write_bytes(content)
    with pytest.raises(BundleCorrupt, match=rf"{name}: its SHA-256 is .* the file was changed .* install"):
        Bundle.load(folder)


@pytest.mark.parametrize("name", [TOKENIZER, GRAPH])
def test_half_a_file_is_refused(folder: Path, name: str) -> None:
    content = (folder / name).read_bytes()
    (folder / name).write_bytes(content[: len(content) // 2])
    with pytest.raises(BundleCorrupt, match=f"{name}: its SHA-256 is"):
        Bundle.load(folder)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_a_changed_byte_of_the_manifest_is_refused_or_another_identity(
    small_bundle: Path, folder: Path, place: float, bit: int
) -> None:
    content = bytearray((small_bundle / MANIFEST).read_bytes())
    content[int(place * len(content))] ^= 1 << bit
    (folder / MANIFEST).write_bytes(content)
    try:
        found = Bundle.load(folder).identity
    except BundleError:
        return
    assert found != Bundle.load(small_bundle).identity


@pytest.mark.parametrize("name", [TOKENIZER, GRAPH, MANIFEST])
def test_a_missing_file_is_named(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(BundleCorrupt, match=rf"{name}: .* is missing; copy or install the model again"):
        Bundle.load(folder)


def test_a_folder_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x", encoding="utf-8")
    for path in (tmp_path / "nowhere", tmp_path / "file"):
        with pytest.raises(BundleCorrupt, match=rf"{path.name} is not a folder; give the path of a bundle"):
            Bundle.load(path)


# ---- the manifest's form ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"", "is not valid JSON"),
        (b"\xff\xfe{", "is not valid JSON"),  # not UTF-8
        ("{}".encode("utf-16"), "is not valid JSON"),
        ('{"name": "回音"}'.encode("gb18030"), "is not valid JSON"),
        (b'{"format": 1, "name": "hui', "is not valid JSON"),  # half a file
        (b'{"format": NaN}', "NaN is not a JSON number"),
        (b'{"format": 1, "format": 1}', "key 'format' stands twice"),
        (b"[" * 100_000, "nested too deeply"),
        (b"[]", "must be a JSON object"),
        (b"null", "must be a JSON object"),
        (b"{}", "format is None; it must be 1"),
    ],
)
def test_a_manifest_that_is_no_manifest(folder: Path, raw: bytes, message: str) -> None:
    (folder / MANIFEST).write_bytes(raw)
    with pytest.raises(BundleCorrupt, match=rf"{MANIFEST}.*{message}"):
        Bundle.load(folder)


def test_a_huge_manifest_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    size = (folder / MANIFEST).stat().st_size
    monkeypatch.setattr(files, "MAX_JSON_BYTES", size - 1)
    with pytest.raises(BundleCorrupt, match=rf"{MANIFEST}: .* has more than {size - 1:,} bytes"):
        Bundle.load(folder)


@pytest.mark.parametrize("found", [FORMAT + 1, 99, 10**30])
def test_a_newer_format_is_refused_whatever_else_it_holds(folder: Path, found: int) -> None:
    write(folder, {"format": found, "layout": "unheard of"})
    with pytest.raises(
        BundleTooNew, match=rf"{MANIFEST} has format {found}; this program reads format 1; install"
    ):
        Bundle.load(folder)


@pytest.mark.parametrize("found", [0, -1, True, 1.0, "1", None, [1], {}])
def test_what_is_no_format_is_refused(folder: Path, found: Any) -> None:
    write(folder, {**read(folder), "format": found})
    with pytest.raises(BundleCorrupt, match=r"format is .*; it must be 1; is this a bundle of huiyin\?"):
        Bundle.load(folder)


KEYS = (
    "name",
    "taxonomy",
    "taxonomy_version",
    "heads",
    "encoder",
    "reading",
    "calibration",
    "metrics",
    "training",
    "sources",
    "files",
)


@pytest.mark.parametrize("key", KEYS)
def test_every_key_is_needed_and_typed(folder: Path, key: str) -> None:
    manifest = read(folder)
    write(folder, {name: value for name, value in manifest.items() if name != key})
    with pytest.raises(
        BundleCorrupt, match=rf"{MANIFEST}: the manifest lacks the key '{key}'; copy or install"
    ):
        Bundle.load(folder)
    wrongs: list[Any] = [[], 7, None, True]
    for wrong in wrongs:
        write(folder, {**manifest, key: wrong})
        with pytest.raises(BundleCorrupt, match=rf"{MANIFEST}: .*{key}"):
            Bundle.load(folder)


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        # unknown and missing keys, on top and inside
        (put("licence", value="MIT"), "the manifest has the unknown key 'licence'; allowed: format, name"),
        (
            put("heads", "emotions", value=[]),
            "heads has the unknown key 'emotions'; allowed: touchpoints, dimensions",
        ),
        (put("reading", "stride", value=8), "reading has the unknown key 'stride'"),
        (put("encoder", "model_type", value="bert"), "encoder has the unknown key 'model_type'"),
        (put("calibration", "margin", value=0.1), "the calibration holds .*margin"),
        (put("calibration", "temperature", "tone", value=1.0), "the calibration has temperatures of .*tone"),
        (put("taxonomy", "colour", value="red"), "taxonomy.*colour"),
        (drop("heads", "dimensions"), "heads lacks the key 'dimensions'; copy or install the model again"),
        (drop("reading", "overlap"), "reading lacks the key 'overlap'"),
        (drop("encoder", "vocab_size"), "encoder lacks the key 'vocab_size'"),
        (
            drop("calibration", "believed"),
            "it must have exactly temperature, thresholds, second_emotion, believed",
        ),
        (drop("taxonomy", "stages"), "taxonomy.*stages"),
        # files: exactly two, by plain names, with hashes
        (put("files", "extra.bin", value="0" * 64), "files has the unknown key 'extra.bin'"),
        (put("files", "../../secret", value="0" * 64), "files has the unknown key '../../secret'"),
        (put("files", "/etc/hostname", value="0" * 64), "files has the unknown key '/etc/hostname'"),
        (drop("files", GRAPH), "files lacks the key 'model.onnx'"),
        (put("files", GRAPH, value=5), "files: model.onnx has 5; it must be the 64 hex digits"),
        (put("files", GRAPH, value=None), "files: model.onnx has None"),
        (put("files", GRAPH, value="0" * 63), "files: model.onnx has '000"),
        (put("files", TOKENIZER, value="0" * 64), "tokenizer.json: its SHA-256 is"),
        # names and versions
        (put("name", value=""), "the name is ''; it must match"),
        (put("name", value="Huiyin"), "the name is 'Huiyin'"),
        (put("name", value="../huiyin"), "the name is"),
        (put("name", value="a@b"), "the name is"),
        (put("name", value="huiyin\n"), "the name is"),
        (put("name", value="a" * 65), "the name is"),
        (
            put("taxonomy_version", value="2025.1"),
            "taxonomy_version '2025.1' differs from the taxonomy's '2026.1'",
        ),
        # heads
        (
            put("heads", "touchpoints", value="staff"),
            "heads: touchpoints is 'staff'; it must be a list of ids",
        ),
        (put("heads", "touchpoints", value=[1, 2]), "heads: touchpoints is"),
        (put("heads", "dimensions", value={"a": 1}), "heads: dimensions is"),
        (
            put("heads", "touchpoints", value=["staff"]),
            "the touchpoints of the heads are not those of the taxonomy",
        ),
        (put("heads", "dimensions", value=[]), "the dimensions of the heads are not those of the taxonomy"),
        # reading
        (
            put("reading", "window", value=320.0),
            "reading: window is 320.0; it must be a whole number of tokens",
        ),
        (put("reading", "window", value="320"), "reading: window is '320'"),
        (put("reading", "overlap", value=True), "reading: overlap is True"),
        (put("reading", "window", value=7), "a window of 7 tokens overlapping by 64; allowed are 8 to 512"),
        (
            put("reading", "window", value=513),
            "a window of 513 tokens",
        ),  # more than the encoder has positions
        (put("reading", "overlap", value=161), "a window of 320 tokens overlapping by 161"),
        (put("reading", "overlap", value=-1), "overlapping by -1"),
        # encoder
        (
            put("encoder", "hidden_size", value="32"),
            "encoder: hidden_size is '32'; it must be a whole number",
        ),
        (put("encoder", "num_hidden_layers", value=0), "encoder: num_hidden_layers is 0"),
        (put("encoder", "vocab_size", value=True), "encoder: vocab_size is True"),
        (
            put("encoder", "layer_norm_eps", value=0),
            "encoder: layer_norm_eps is 0; it must be a number between",
        ),
        (put("encoder", "hidden_act", value=1), "encoder: hidden_act is 1; it must be a name"),
        # calibration
        (put("calibration", "thresholds", value={"staff": "0.5"}), "the threshold '0.5' for staff"),
        (
            put("calibration", "thresholds", value={"lobby": 0.5}),
            "threshold for 'lobby', which no head answers for",
        ),
        (put("calibration", "temperature", "emotion", value=0), "the temperature 0 for emotion"),
    ],
)
def test_what_the_manifest_must_not_say(folder: Path, edit: Callable[[Manifest], None], message: str) -> None:
    manifest = read(folder)
    edit(manifest)
    write(folder, manifest)
    with pytest.raises(BundleCorrupt, match=message) as caught:
        Bundle.load(folder)
    assert "install the model again" in str(caught.value)


def test_a_long_value_is_not_quoted_in_full(folder: Path) -> None:
    write(folder, {**read(folder), "name": "x" * 100_000})
    with pytest.raises(BundleCorrupt) as caught:
        Bundle.load(folder)
    assert len(str(caught.value)) < 1_000


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


def places_of(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The path of every value inside a JSON value."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, child in inner for place in places_of(child, (*path, key)))][not path :]


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), value=JSON)
def test_any_value_anywhere_is_read_or_refused(
    small_bundle: Path, folder: Path, data: st.DataObject, value: Any
) -> None:
    manifest = read(small_bundle)
    # The taxonomy has thousands of places and tests of its own.
    outside = {key: part for key, part in manifest.items() if key != "taxonomy"}
    *parents, last = data.draw(st.sampled_from([("taxonomy",), *places_of(outside)]))
    edited = deepcopy(manifest)
    parent = edited
    for key in parents:
        parent = parent[key]
    parent[last] = value
    (folder / MANIFEST).write_text(json.dumps(edited), encoding="utf-8")
    with suppress(BundleError):
        Bundle.load(folder)
