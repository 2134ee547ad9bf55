"""huiyin's own files of labelled comments: what is read, what is refused and how it is said."""

import json
import lzma
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.tags import EMOTIONS, LOYALTIES, SENTIMENTS
from models.taxonomy import Taxonomy
from training.corpus import Comment, Unit, read_comments, span_of, write_comments
from training.errors import CorpusError

TAXONOMY = Taxonomy.load()
TOUCHPOINTS = frozenset({*TAXONOMY.touchpoint_ids, TAXONOMY.overall.id})
DIMENSIONS = frozenset(TAXONOMY.dimension_ids)
TEXT = "前台态度很差，早餐不错，价格不错"


def unit(
    start: int, end: int, touchpoint: str | None, dimension: str | None, sentiment: str = "positive"
) -> Unit:
    value = SENTIMENTS[SENTIMENTS.index(sentiment)] if sentiment in SENTIMENTS else SENTIMENTS[1]
    return Unit(start=start, end=end, touchpoint=touchpoint, dimension=dimension, sentiment=value)


def lines(path: Path, *rows: dict[str, Any] | str) -> Path:
    texts = [row if isinstance(row, str) else json.dumps(row, ensure_ascii=False) for row in rows]
    path.write_text("".join(text + "\n" for text in texts), encoding="utf-8")
    return path


def one(tmp_path: Path, row: dict[str, Any]) -> Comment:
    (comment,) = read_comments(lines(tmp_path / "own.jsonl", {"text": TEXT, **row}), TAXONOMY)
    return comment


def quoted(quote: str | None, touchpoint: str | None = "product", **more: Any) -> dict[str, Any]:
    return {"quote": quote, "touchpoint": touchpoint, "servqual": None, "sentiment": 1, **more}


def test_reads_a_comment_with_every_axis(tmp_path: Path) -> None:
    units = [
        {"quote": "前台态度很差", "touchpoint": "staff", "servqual": "assurance", "sentiment": -1},
        {"quote": "早餐不错", "touchpoint": "product", "servqual": "none", "sentiment": "positive"},
    ]
    labels = {"emotions": ["anger", "disgust"], "satisfaction": 2, "loyalty": -1}
    row = {"id": 7, "domain": "hotel", "source": "web", "units": units, **labels}
    assert one(tmp_path, row) == Comment(
        id="7",
        text=TEXT,
        source="web",
        domain="hotel",
        units=(unit(0, 6, "staff", "assurance", "negative"), unit(7, 11, "product", None)),
        touchpoints_known=TOUCHPOINTS,
        dimensions_known=DIMENSIONS,
        emotion=frozenset({"anger"}),
        second_emotion="disgust",
        satisfaction=frozenset({2}),
        loyalty="detractor",
    )


def test_what_is_left_out_is_unlabelled(tmp_path: Path) -> None:
    assert one(tmp_path, {}) == Comment(id="own:1", text=TEXT, source="own", domain="")


def test_null_is_unlabelled_too(tmp_path: Path) -> None:
    row = {"units": None, "emotions": None, "satisfaction": None, "loyalty": None, "id": None, "domain": None}
    assert one(tmp_path, row) == one(tmp_path, {})


def test_no_units_means_that_every_label_is_absent(tmp_path: Path) -> None:
    comment = one(tmp_path, {"units": [], "emotions": []})
    assert (comment.units, comment.touchpoints_known, comment.dimensions_known) == (
        (),
        TOUCHPOINTS,
        DIMENSIONS,
    )
    assert comment.emotion == frozenset({"neutral"})


def test_a_source_may_know_less(tmp_path: Path) -> None:
    known = {"known_touchpoints": ["price", "product"], "known_servqual": []}
    comment = one(
        tmp_path, {"units": [], **known, "emotions": [["joy", "satisfaction"]], "satisfaction": [4, 5]}
    )
    assert comment.touchpoints_known == {"price", "product"}
    assert comment.dimensions_known == frozenset()
    assert comment.emotion == frozenset({"joy", "satisfaction"})
    assert comment.satisfaction == frozenset({4, 5})


QUOTES: list[tuple[list[dict[str, Any]], list[tuple[int, int]]]] = [
    # once in the text
    ([quoted("早餐不错")], [(7, 11)]),
    # twice in the text, same label: one after the other
    ([quoted("不错"), quoted("不错", sentiment=-1)], [(9, 11), (14, 16)]),
    # more units than places: the first place again
    ([quoted("不错"), quoted("不错"), quoted("不错")], [(9, 11), (14, 16), (9, 11)]),
    # twice in the text, another label: each may take the first
    ([quoted("不错"), quoted("不错", "price")], [(9, 11), (9, 11)]),
    # the place is given
    ([quoted("不错", start=14)], [(14, 16)]),
    # no quote
    ([quoted(None)], [(0, 0)]),
    ([{"touchpoint": "product", "sentiment": 1}], [(0, 0)]),
]


@pytest.mark.parametrize(("units", "spans"), QUOTES)
def test_finds_the_quotes(tmp_path: Path, units: list[dict[str, Any]], spans: list[tuple[int, int]]) -> None:
    assert [(found.start, found.end) for found in one(tmp_path, {"units": units}).units] == spans


@pytest.mark.parametrize(
    ("name", "value", "word"),
    [
        (name, value, word)
        for name, words in (("s", SENTIMENTS), ("l", LOYALTIES))
        for value, word in zip((-1, 0, 1), words, strict=True)
    ],
)
def test_words_and_numbers_mean_the_same(tmp_path: Path, name: str, value: int, word: str) -> None:
    for given_as in (value, word):
        comment = one(
            tmp_path,
            {"units": [quoted(None, sentiment=given_as if name == "s" else 0)]}
            | ({"loyalty": given_as} if name == "l" else {}),
        )
        assert (comment.units[0].sentiment if name == "s" else comment.loyalty) == word


REFUSED: list[tuple[str, str]] = [
    # not JSON at all, and JSON of the wrong kind
    ("前台态度很差", "line 2: not JSON"),
    ('["a"]', "line 2: ['a']; every line must be one JSON object"),
    # a text that is missing, of a wrong type, empty, or holds what cannot be tokenised
    ("{}", "'text' is missing; it must be the text"),
    ('{"text": 3}', "'text' is 3; it must be the text"),
    ('{"text": " \\u3000\\n"}', "'text' is empty; leave the row out"),
    ('{"text": "好\\u0000"}', "'text' holds the character U+0000; remove it"),
    ('{"text": "好\\ud83d"}', "'text' holds the character U+D83D; remove it"),
    # ids
    ('{"text": "好", "id": "first"}', "the id 'first' stands in line 1 already"),
    ('{"text": "好", "id": true}', "'id' is True; it must be text or a whole number"),
    ('{"text": "好", "domain": ["hotel"]}', "'domain' is ['hotel']; it must be text"),
    # a misspelt key would leave its axis unlabelled without a word
    ('{"text": "好", "emotion": ["joy"]}', "the key 'emotion' is not read; did you mean 'emotions'?"),
    ('{"text": "好", "unit": []}', "the key 'unit' is not read; did you mean 'units'?"),
    # units
    ('{"text": "好", "units": "staff"}', "'units' is 'staff'; it must be a list"),
    ('{"text": "好", "units": ["staff"]}', "'units' holds 'staff'; each must be an object"),
    ('{"text": "好", "units": [{"touchpoint": "staff"}]}', "each must be an object with quote, touchpoint"),
    (
        '{"text": "好", "units": [{"touchpoint": "staf", "sentiment": 1}]}',
        "'touchpoint' is 'staf'; allowed: marketing, digital, ",
    ),
    ('{"text": "好", "units": [{"touchpoint": "staf", "sentiment": 1}]}', "did you mean 'staff'?"),
    ('{"text": "好", "units": [{"touchpoint": 4, "sentiment": 1}]}', "'touchpoint' is 4; allowed: "),
    (
        '{"text": "好", "units": [{"servqual": "trust", "sentiment": 1}]}',
        "'servqual' is 'trust'; allowed: tangibles, reliability, responsiveness, assurance, empathy, none",
    ),
    ('{"text": "好", "units": [{"sentiment": 2}]}', "'sentiment' is 2; allowed: -1, 0, 1 or negative"),
    ('{"text": "好", "units": [{"sentiment": true}]}', "'sentiment' is True; allowed: -1, 0, 1"),
    (
        '{"text": "好", "units": [{"sentiment": "postive"}]}',
        "'sentiment' is 'postive'; allowed: negative, neutral, positive; did you mean 'positive'?",
    ),
    ('{"text": "好吃", "units": [{"quote": "好喝", "sentiment": 1}]}', "the quote '好喝' does not stand in"),
    ('{"text": "好吃", "units": [{"quote": "", "sentiment": 1}]}', "'quote' is ''; it must be words"),
    ('{"text": "好吃", "units": [{"quote": "吃", "start": 0, "sentiment": 1}]}', "the quote '吃' does not"),
    (
        '{"text": "好吃", "units": [], "known_touchpoints": ["shop"]}',
        "'known_touchpoints' is 'shop'; allowed",
    ),
    # the whole comment
    ('{"text": "好", "emotions": ["happy"]}', "'emotions' is 'happy'; allowed: joy, satisfaction, gratitude"),
    ('{"text": "好", "emotions": ["joy", "anger", "disgust"]}', "'emotions' holds 3; at most 2 are read"),
    ('{"text": "好", "emotions": "joy"}', "'emotions' is 'joy'; it must be a list"),
    ('{"text": "好", "satisfaction": 6}', "'satisfaction' is 6; allowed: 1, 2, 3, 4, 5"),
    ('{"text": "好", "satisfaction": "5"}', "'satisfaction' is '5'; allowed: 1, 2, 3, 4, 5"),
    ('{"text": "好", "satisfaction": 4.5}', "'satisfaction' is 4.5; allowed: 1, 2, 3, 4, 5"),
    ('{"text": "好", "satisfaction": []}', "'satisfaction' is []; allowed: 1, 2, 3, 4, 5"),
    ('{"text": "好", "loyalty": "loyal"}', "'loyalty' is 'loyal'; allowed: detractor, none, promoter"),
]


@pytest.mark.parametrize(("line", "message"), REFUSED)
def test_refuses_a_row_and_names_file_and_line(tmp_path: Path, line: str, message: str) -> None:
    path = lines(tmp_path / "own.jsonl", {"text": TEXT, "id": "first"}, line)
    with pytest.raises(CorpusError) as caught:
        read_comments(path, TAXONOMY)
    assert str(caught.value).startswith(f"{path}, line 2: ")
    assert message in str(caught.value)


def test_a_file_cut_off_in_a_line(tmp_path: Path) -> None:
    path = tmp_path / "own.jsonl"
    path.write_text('{"text": "很好"}\n{"text": "很', encoding="utf-8")
    with pytest.raises(CorpusError, match=r"line 2: the file ends in the middle of this line; copy it again"):
        read_comments(path, TAXONOMY)


def test_a_file_cut_off_in_a_character(tmp_path: Path) -> None:
    path = tmp_path / "own.jsonl"
    path.write_bytes('{"text": "很好"}\n{"text": "很'.encode()[:-1])
    with pytest.raises(CorpusError, match=r"line 2: the file ends in the middle of this line; copy it again"):
        read_comments(path, TAXONOMY)


def test_a_compressed_file_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "own.jsonl.xz"
    path.write_bytes(lzma.compress(b'{"text": "a"}\n' * 100)[:-20])
    with pytest.raises(CorpusError, match=r"own\.jsonl\.xz: cannot be read .*; copy it again"):
        read_comments(path, TAXONOMY)


def test_a_file_that_is_not_compressed(tmp_path: Path) -> None:
    path = lines(tmp_path / "own.jsonl.xz", {"text": TEXT})
    with pytest.raises(CorpusError, match=r"own\.jsonl\.xz: cannot be read"):
        read_comments(path, TAXONOMY)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        # nothing there
        ("none.jsonl", None, "there is no such file"),
        # a folder
        (".", None, "read are .jsonl, .jsonl.xz and .csv"),
        # another form
        ("own.xlsx", "", "read are .jsonl, .jsonl.xz and .csv"),
        # a file without comments
        ("own.jsonl", "\n\n", "holds no comments"),
        # a header without comments
        ("own.csv", "text,id\n", "holds no comments"),
    ],
)
def test_refuses_a_file(tmp_path: Path, name: str, content: str | None, message: str) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_text(content, encoding="utf-8")
    with pytest.raises(CorpusError) as caught:
        read_comments(path, TAXONOMY)
    assert message in str(caught.value)
    assert str(path) in str(caught.value)


def test_blank_lines_bom_and_unicode_line_ends_are_no_lines(tmp_path: Path) -> None:
    path = tmp_path / "own.jsonl"
    path.write_text('\ufeff{"text": "第一\u2028行"}\r\n\r\n{"text": "好"}\r\n', encoding="utf-8", newline="")
    assert [(comment.id, comment.text) for comment in read_comments(path, TAXONOMY)] == [
        ("own:1", "第一\u2028行"),
        ("own:3", "好"),
    ]


def test_reads_compressed_files(tmp_path: Path) -> None:
    path = tmp_path / "own.jsonl.xz"
    with lzma.open(path, "wt", encoding="utf-8") as stream:
        stream.write(json.dumps({"text": TEXT}))
    assert read_comments(path, TAXONOMY)[0].text == TEXT


def test_labels_merge_and_quotes_are_by_axis() -> None:
    comment = Comment(
        id="1",
        text=TEXT,
        source="s",
        domain="d",
        units=(
            unit(0, 6, "staff", "assurance", "negative"),
            unit(7, 11, "product", "assurance"),
            unit(12, 16, "staff", None),
            unit(0, 0, "price", None),
        ),
    )
    assert comment.labels("touchpoints") == {"staff": "neutral", "product": "positive", "price": "positive"}
    assert comment.labels("servqual") == {"assurance": "neutral"}
    assert comment.quotes("touchpoints", "staff") == [(0, 6), (12, 16)]
    assert comment.quotes("servqual", "assurance") == [(0, 6), (7, 11)]
    assert comment.quotes("touchpoints", "price") == []


TEXTS = st.text(alphabet="好不错吃贵，。 a1\n\u2028👍", min_size=1, max_size=12).filter(
    lambda text: bool(text.strip())
)


@st.composite
def any_comment(draw: st.DrawFn) -> Comment:
    text = draw(TEXTS)
    labelled = draw(st.booleans())
    known = draw(st.frozensets(st.sampled_from(sorted(TOUCHPOINTS)), min_size=1))
    units: list[Unit] = []
    for _ in range(draw(st.integers(0, 3)) if labelled else 0):
        start = draw(st.integers(0, len(text)))
        end = draw(st.integers(start, len(text)))
        units.append(
            Unit(
                start=start if end > start else 0,
                end=end if end > start else 0,
                touchpoint=draw(st.none() | st.sampled_from(sorted(known))),
                dimension=draw(st.none() | st.sampled_from(sorted(DIMENSIONS))),
                sentiment=draw(st.sampled_from(SENTIMENTS)),
            )
        )
    emotion = draw(st.none() | st.frozensets(st.sampled_from(EMOTIONS), min_size=1, max_size=3))
    return Comment(
        id=draw(st.uuids()).hex,
        text=text,
        source=draw(st.sampled_from(["web", "survey"])),
        domain=draw(st.sampled_from(["", "hotel"])),
        units=tuple(units),
        touchpoints_known=known if labelled else frozenset(),
        dimensions_known=draw(st.frozensets(st.sampled_from(sorted(DIMENSIONS))))
        if labelled
        else frozenset(),
        emotion=emotion,
        second_emotion=draw(st.none() | st.sampled_from(EMOTIONS)) if emotion else None,
        satisfaction=draw(st.none() | st.frozensets(st.integers(1, 5), min_size=1)),
        loyalty=draw(st.none() | st.sampled_from(LOYALTIES)),
    )


@given(st.lists(any_comment(), min_size=1, max_size=4))
def test_what_is_written_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, comments: list[Comment]
) -> None:
    path = tmp_path_factory.mktemp("round") / "own.jsonl"
    write_comments(path, comments)
    assert read_comments(path, TAXONOMY) == comments
    assert list(path.parent.iterdir()) == [path]


def test_writes_compressed_files(tmp_path: Path) -> None:
    path = tmp_path / "own.jsonl.xz"
    comment = Comment(id="1", text=TEXT, source="web", domain="hotel", satisfaction=frozenset({4, 5}))
    write_comments(path, [comment])
    assert lzma.decompress(path.read_bytes()).startswith(b'{"id": "1"')
    assert read_comments(path, TAXONOMY) == [comment]


def test_a_write_that_stops_leaves_the_old_file(tmp_path: Path) -> None:
    path = lines(tmp_path / "own.jsonl", {"text": TEXT})
    before = path.read_bytes()

    def stopping() -> Any:
        yield Comment(id="1", text="好", source="s", domain="d")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_comments(path, stopping())
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


@given(st.text(alphabet="ab", max_size=12), st.text(alphabet="ab", min_size=1, max_size=3))
def test_a_span_holds_the_quote(text: str, quote: str) -> None:
    taken: list[tuple[int, int]] = []
    while (span := span_of(text, quote, taken)) is not None and span not in taken:
        assert text[slice(*span)] == quote
        taken.append(span)
    starts = [start for start in range(len(text)) if text.startswith(quote, start)]
    assert [start for start, _ in taken] == starts


HEADER = "id,text,domain,touchpoints,servqual,emotions,satisfaction,loyalty,score\n"
ROW = (
    '1,"前台态度很差，\n早餐不错",hotel,'
    "staff:negative; product:1,assurance：-1,anger；disgust,2,detractor,9\n"
)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
def test_reads_a_csv_of_ones_own(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "own.csv"
    path.write_bytes((HEADER + ROW + ",很好,,,,,,,\n").encode(encoding))
    full, bare = read_comments(path, TAXONOMY)
    assert full == Comment(
        id="1",
        text="前台态度很差，\n早餐不错",
        source="own",
        domain="hotel",
        units=(
            unit(0, 0, "staff", None, "negative"),
            unit(0, 0, "product", None, "positive"),
            unit(0, 0, None, "assurance", "negative"),
        ),
        touchpoints_known=TOUCHPOINTS,
        dimensions_known=DIMENSIONS,
        emotion=frozenset({"anger"}),
        second_emotion="disgust",
        satisfaction=frozenset({2}),
        loyalty="detractor",
    )
    assert bare == Comment(id="own:4", text="很好", source="own", domain="")


def test_an_axis_without_its_column_is_unlabelled(tmp_path: Path) -> None:
    path = tmp_path / "own.csv"
    path.write_text("text,touchpoints\n很贵,price:negative\n在吗,none\n", encoding="utf-8")
    dear, asked = read_comments(path, TAXONOMY)
    assert dear.labels("touchpoints") == {"price": "negative"}
    for comment in (dear, asked):
        assert comment.touchpoints_known == TOUCHPOINTS
        assert comment.dimensions_known == frozenset()
        assert (comment.emotion, comment.satisfaction, comment.loyalty) == (None, None, None)
    assert asked.units == ()


CSV_REFUSED = [
    # no text column
    ("comment,id\n很好,1\n", "line 1: no column 'text'; got comment, id; read are text, id"),
    # a column twice
    ("text,id,id\n很好,1,2\n", "line 1: the column 'id' comes twice"),
    # an unquoted comma
    ("text,id\n很好,1\n很好,很快,2\n", "line 3: 3 cells, the header has 2; quote cells"),
    # a quote that never ends
    ('text,id\n很好,1\n"很好,2\n', "line 3: not CSV"),
    # a label without a sentiment
    ("text,touchpoints\n很贵,price\n", "line 2: 'touchpoints' holds 'price'; write label and sentiment"),
    # an unknown label
    ("text,touchpoints\n很贵,prize:-1\n", "line 2: 'touchpoint' is 'prize'; allowed: marketing"),
    # an unknown sentiment
    ("text,touchpoints\n很贵,price:bad\n", "line 2: 'sentiment' is 'bad'; allowed: negative"),
    # numbers outside the scale, and no number
    ("text,satisfaction\n很贵,7\n", "line 2: 'satisfaction' is 7; allowed: 1, 2, 3, 4, 5"),
    ("text,satisfaction\n很贵,low\n", "line 2: 'satisfaction' is 'low'; allowed: 1, 2, 3, 4, 5"),
    # an empty text
    ('text,id\n"",1\n', "line 2: 'text' is empty"),
    # a row behind a cell of two lines is named by its own line
    ('text,id\n"很好\n很快",1\n,2\n', "line 4: 'text' is empty"),
]


@pytest.mark.parametrize(("content", "message"), CSV_REFUSED)
def test_refuses_a_csv_and_names_the_line(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "own.csv"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(CorpusError) as caught:
        read_comments(path, TAXONOMY)
    assert message in str(caught.value)
    assert str(path) in str(caught.value)


def test_refuses_a_csv_in_another_encoding(tmp_path: Path) -> None:
    path = tmp_path / "own.csv"
    path.write_bytes(b"text\n\xff\xff\xff\n")
    with pytest.raises(CorpusError, match="neither UTF-8 nor GB18030; save the file as UTF-8"):
        read_comments(path, TAXONOMY)
