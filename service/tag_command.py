"""What `huiyin tag` and `huiyin demo` do, given a model."""

import sys
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path

from service.files.flat import FlatTable
from service.files.opening import Reading, open_reader, open_writer, output_format, refuse_same_file
from service.messages import Screen
from service.tag_file import FileTagger, Options, Summary, tag_file


def run_tag(
    source: Path | None,
    target: Path | None,
    reading: Reading,
    *,
    load: Callable[[], FileTagger],
    mask: Callable[[str], str] | None = None,
) -> int:
    """Tags the file `source` (None: standard input) into `target` (None: JSON lines on standard output).

    Whatever can be refused is refused before the model is loaded. Returns the exit code: 0, or 1 if every
    row failed. Raises ServiceError, and what `load` raises.
    """
    screen = Screen()
    refuse_same_file(source, target)
    flat = target is not None and output_format(target) != "jsonl"
    with closing(open_reader(source, reading, say=screen.say, twice=flat)) as reader:
        tagger = load()
        screen.say(f"model {tagger.identity}")
        began = time.monotonic()

        def make_table() -> FlatTable:
            return FlatTable(
                reader.columns(),
                touchpoints=tagger.taxonomy.touchpoint_ids,
                dimensions=tagger.taxonomy.dimension_ids,
            )

        # A bar and JSON lines on one terminal would run into each other.
        wanted = target is not None or not sys.stdout.isatty()
        try:
            with (
                open_writer(target, make_table, say=screen.say) as writer,
                screen.progress(reader, wanted=wanted) as steps,
            ):
                summary = tag_file(
                    reader,
                    writer,
                    tagger,
                    options=Options(mask=mask),
                    on_error=partial(screen.bad_row, reader.unit),
                    on_batch=lambda so_far: steps.step(so_far.rows),
                )
        except BrokenPipeError:
            # Whoever reads has seen enough, as `head` does: no reason to complain.
            return 0
    screen.say(_told(summary, time.monotonic() - began, target))
    return 1 if summary.all_failed else 0


def show_tags(texts: Sequence[str], tagger: FileTagger, *, summary: bool) -> None:
    """Tags the texts and shows them as a table on standard output, with the `summary` by touchpoint."""
    from service.show import Shown, make_console, show_comments, show_touchpoints

    console = make_console()
    comments = [Shown(text, tags) for text, tags in zip(texts, tagger.tag(list(texts)), strict=True)]
    show_comments(console, comments)
    if summary:
        show_touchpoints(console, comments, tagger.taxonomy)


def mask_text(text: str) -> str:
    """The text with private data replaced by placeholders."""
    from models.text.privacy import mask

    return mask(text).text


def _told(summary: Summary, seconds: float, target: Path | None) -> str:
    tagged = summary.rows - summary.failed
    words = [f"{tagged:,} comments tagged in {seconds:.1f} s"]
    if summary.uncertain:
        words.append(f"{summary.uncertain:,} of them uncertain")
    if summary.failed:
        words.append(f"{summary.failed:,} of {summary.rows:,} rows with an error, marked in the output")
    if target is not None:
        words.append(f"written to {target}")
    return "; ".join(words)
