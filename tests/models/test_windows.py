import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, pre_tokenizers

from models.errors import BundleCorrupt
from models.text.normalise import normalise
from models.windows import Window, WindowReader, by_length

SPECIAL_PIECES = ["<s>", "<pad>", "</s>", "<unk>"]
CHARACTERS = "前台态度很差价格贵菜甜，。好"
BEGIN, PAD, END = 0, 1, 2


def character_tokenizer(specials: list[str]) -> Tokenizer:
    """One token a character."""
    vocabulary = {piece: place for place, piece in enumerate([*specials, *dict.fromkeys(CHARACTERS)])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token=specials[3]))
    tokenizer.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    return tokenizer


def reader(window: int, overlap: int) -> WindowReader:
    return WindowReader(character_tokenizer(SPECIAL_PIECES), window=window, overlap=overlap)


def content(window: Window) -> list[int]:
    return window.ids[1:-1]


def test_a_short_comment_is_one_window_between_the_special_tokens() -> None:
    (window,) = reader(10, 2).read(["菜甜"])
    assert (window.ids[0], window.ids[-1]) == (BEGIN, END)
    assert len(window.ids) == 4
    assert window.spans == [(0, 0), (0, 1), (1, 2), (0, 0)]


@pytest.mark.parametrize(
    ("tokens", "window", "overlap", "starts"),
    [
        (0, 10, 2, [0]),  # an empty text is a window without content
        (1, 10, 2, [0]),
        (7, 10, 2, [0]),  # one less than full
        (8, 10, 2, [0]),  # exactly full: no window for nothing after it
        (9, 10, 2, [0, 6]),  # one more: the second window begins 8 - 2 further
        (14, 10, 2, [0, 6]),  # both full
        (15, 10, 2, [0, 6, 12]),
        (20, 10, 2, [0, 6, 12]),
        (16, 10, 0, [0, 8]),  # without overlap
        (17, 10, 0, [0, 8, 16]),
        (24, 10, 4, [0, 4, 8, 12, 16]),  # overlapping by half
        (3, 4, 1, [0, 1]),  # the smallest windows
    ],
)
def test_where_windows_begin(tokens: int, window: int, overlap: int, starts: list[int]) -> None:
    text = ("前台态度很差" * 5)[:tokens]
    found = reader(window, overlap).read([text])
    assert [one.spans[1][0] if content(one) else 0 for one in found] == starts


@given(st.integers(0, 60), st.integers(4, 12), st.data())
def test_windows_cover_every_token_and_overlap_as_asked(
    tokens: int, window: int, data: st.DataObject
) -> None:
    overlap = data.draw(st.integers(0, (window - 2) // 2))
    text = "".join(CHARACTERS[place * 7 % len(CHARACTERS)] for place in range(tokens))
    whole = content(reader(1000, 0).read([text])[0])
    found = reader(window, overlap).read([text])

    rebuilt = content(found[0])
    for one in found[1:]:
        assert content(one)[:overlap] == rebuilt[len(rebuilt) - overlap :]
        assert len(content(one)) > overlap, "a window that adds nothing"
        rebuilt += content(one)[overlap:]
    assert rebuilt == whole
    assert all(len(one.ids) == len(one.spans) <= window for one in found)


def test_every_window_names_its_comment() -> None:
    found = reader(6, 1).read(["好", "前台态度很差", "", "好"])
    assert [one.comment for one in found] == [0, 1, 1, 2, 3]


def test_spans_lie_in_the_original_text() -> None:
    text = "  <b>前台</b>  態度 "
    (window,) = reader(20, 2).read([text])
    words = [text[start:end] for start, end in window.spans[1:-1]]
    assert [word for word in words if word.strip()] == ["前", "台", "態", "度"]


def test_normalised_texts_give_the_same_windows() -> None:
    texts = ["前台態度很差", "<br>菜甜"]
    assert reader(8, 2).read_normalised([normalise(text) for text in texts]) == reader(8, 2).read(texts)


def test_settings_of_the_tokenizer_do_not_cut_or_fill() -> None:
    tokenizer = character_tokenizer(SPECIAL_PIECES)
    tokenizer.enable_truncation(3)
    tokenizer.enable_padding(length=9)
    (window,) = WindowReader(tokenizer, window=20, overlap=4).read(["前台态度很差"])
    assert len(window.ids) == 8


def test_the_special_tokens_of_bert_are_known() -> None:
    tokenizer = character_tokenizer(["[PAD]", "[CLS]", "[SEP]", "[UNK]"])
    bert = WindowReader(tokenizer, window=10, overlap=2)
    (window,) = bert.read(["好"])
    assert (window.ids[0], window.ids[-1], bert.pad) == (1, 2, 0)


def test_a_tokenizer_without_special_tokens_is_refused() -> None:
    tokenizer = character_tokenizer(["<s>", "<pad>", "<e>", "<unk>"])
    with pytest.raises(BundleCorrupt, match=r"needed are <s> </s> <pad> or \[CLS\] \[SEP\] \[PAD\]; choose"):
        WindowReader(tokenizer, window=10, overlap=2)


@given(st.lists(st.integers(2, 40), max_size=30), st.integers(1, 100))
def test_batches_hold_every_window_once_within_the_budget(lengths: list[int], tokens: int) -> None:
    windows = [Window(0, [7] * length, [(0, 0)] * length) for length in lengths]
    batches = list(by_length(windows, tokens=tokens))
    assert sorted(place for batch in batches for place in batch) == list(range(len(windows)))
    for batch in batches:
        assert len(batch) == 1 or len(batch) * max(lengths[place] for place in batch) <= tokens


def test_windows_of_like_length_come_together() -> None:
    windows = [Window(0, [7] * length, [(0, 0)] * length) for length in (3, 20, 4, 19, 3)]
    assert list(by_length(windows, tokens=40)) == [[0, 4, 2], [3, 1]]
