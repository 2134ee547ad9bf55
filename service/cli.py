"""The command `huiyin`. Each command imports what it needs when it runs, so that `--help` is quick.

Exit codes: 0 done (rows with errors are told in the summary), 1 every row failed or the output could not be
written, 2 wrong options or unreadable input, 130 and 143 stopped by Ctrl-C and SIGTERM.
"""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, cast

import typer

from models.errors import HuiyinError
from service.errors import ServiceError, UsageError
from service.files.opening import Format
from service.stopping import Stopped, stop_signals

if TYPE_CHECKING:
    from service.tag_file import FileTagger

Load = Callable[[Path | None], "FileTagger"]

_STANDARD: Final = Path("-")

app = typer.Typer(
    help="Reads customer comments in Chinese and says how the customer feels, where in the journey, and "
    "which quality of service is meant. Works offline.",
    epilog="Try it: huiyin demo    On your own words: huiyin tag --text 今天的菜上得太慢了",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)

Model = Annotated[
    Path | None,
    typer.Option("--model", metavar="PATH", help="Folder of a model. Default: the released one."),
]


def main(arguments: Sequence[str] | None = None, *, load: Load | None = None) -> None:
    """Runs the command line and ends the process; `load` gives the model (a test brings its own)."""
    try:
        command = typer.main.get_command(app)
        command.main(args=arguments, prog_name="huiyin", obj=load or _load)
    except Stopped as stopped:
        print(f"stopped by {stopped}; nothing was left behind", file=sys.stderr)
        sys.exit(stopped.exit_code)
    except HuiyinError as error:
        from service.messages import printable

        print(f"huiyin: {printable(str(error))}", file=sys.stderr)
        sys.exit(error.exit_code if isinstance(error, ServiceError) else 2)


def _load(path: Path | None) -> "FileTagger":
    from models.tagger import Tagger

    return Tagger.load(path)


def _named(path: Path | None) -> Path | None:
    """None for `-`, which means standard input or output."""
    return None if path == _STANDARD else path


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        print(f"huiyin {version('huiyin')}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool,
        typer.Option("--version", help="Show the version and end.", callback=_print_version, is_eager=True),
    ] = False,
) -> None:
    """Options of every command."""


@app.command(rich_help_panel="Use")
def tag(
    context: typer.Context,
    source: Annotated[
        Path | None,
        typer.Argument(
            metavar="INPUT", help="File of comments (.jsonl .csv .tsv .xlsx .parquet .txt), or - for a pipe."
        ),
    ] = None,
    *,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="File to write; its ending says the format (.jsonl .csv .tsv .xlsx .parquet). "
            "Default: JSON lines on standard output.",
        ),
    ] = None,
    text: Annotated[
        list[str] | None,
        typer.Option("--text", metavar="TEXT", help="A comment to tag and show at once; may be repeated."),
    ] = None,
    text_column: Annotated[
        str | None, typer.Option(metavar="NAME", help="Column of the comments. Default: the usual name.")
    ] = None,
    model: Model = None,
    input_format: Annotated[
        Format | None,
        typer.Option("--format", help="Format of INPUT. Default: by its ending, or by its first lines."),
    ] = None,
    encoding: Annotated[
        str | None, typer.Option(metavar="NAME", help="Encoding of INPUT. Default: UTF-8, UTF-16 or GB18030.")
    ] = None,
    masked: Annotated[
        bool,
        typer.Option("--mask", help="Hide phone numbers, IDs, cards, e-mails and plates in the comments."),
    ] = False,
) -> None:
    """Tag a file of comments, row by row.

    Every row is kept, in order; one that cannot be read is reported and marked with an error.

    The output file appears when it is complete. The README lists the names of its columns.
    """
    from service.files.opening import Reading
    from service.tag_command import mask_text, run_tag, show_tags

    load = cast(Load, context.obj)
    if text and (source or output or text_column or input_format or encoding):
        raise UsageError(
            "--text shows comments at once; it goes with --model and --mask only, not with a file"
        )
    mask = mask_text if masked else None
    if text:
        with stop_signals():
            show_tags([mask(each) if mask else each for each in text], load(model), summary=len(text) > 1)
        return
    if source is None:
        raise UsageError("INPUT is missing: give a file, - for standard input, or --text TEXT")
    reading = Reading(format=input_format, encoding=encoding, text_column=text_column)
    with stop_signals():
        code = run_tag(_named(source), _named(output), reading, load=lambda: load(model), mask=mask)
    raise typer.Exit(code)


@app.command(rich_help_panel="Use")
def demo(context: typer.Context, model: Model = None) -> None:
    """Tag 60 comments that come with huiyin and show the result."""
    from service.show import demo_comments
    from service.tag_command import show_tags

    with stop_signals():
        show_tags(demo_comments(), cast(Load, context.obj)(model), summary=True)


# Their options are those of the training package, which also shows its own help.
_PASSED_THROUGH: Final = {"ignore_unknown_options": True, "allow_extra_args": True}


@app.command(rich_help_panel="Make models", context_settings=_PASSED_THROUGH, add_help_option=False)
def train(context: typer.Context) -> None:
    """Train a model on your own comments (needs the extra `train`); see huiyin train --help."""
    from service.training_command import run_training

    raise typer.Exit(run_training("training.train", context.args, needs="torch"))


@app.command(rich_help_panel="Make models", context_settings=_PASSED_THROUGH, add_help_option=False)
def evaluate(context: typer.Context) -> None:
    """Score a model on labelled comments; see huiyin evaluate --help."""
    from service.training_command import run_training

    raise typer.Exit(run_training("training.evaluate", context.args))
