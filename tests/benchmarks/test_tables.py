"""One table, three forms."""

import io
import json

from rich.console import Console

from benchmarks.tables import Part, Table

TABLE = Table("Speed", ("who", "comments/s"), [("a|b", "1.5"), ("[bold]", "2")], ["A note."])


def test_markdown() -> None:
    assert TABLE.markdown() == (
        "### Speed\n\n| who | comments/s |\n|---|---:|\n| a\\|b | 1.5 |\n| [bold] | 2 |\n\nA note.\n"
    )


def test_the_terminal_shows_cells_as_they_are() -> None:
    out = io.StringIO()
    Part([TABLE], skipped=["nothing [at all]"]).show(Console(file=out, width=80))
    shown = out.getvalue()
    assert all(text in shown for text in ("Speed", "a|b", "[bold]", "A note.", "skipped: nothing [at all]"))


def test_a_part_keeps_its_numbers_and_says_what_is_missing() -> None:
    part = Part([TABLE], {"per_s": [1.5]}, ["OpenVINO: not installed"])
    assert json.loads(json.dumps(part.to_dict())) == {"per_s": [1.5], "skipped": ["OpenVINO: not installed"]}
    assert part.markdown().endswith("A note.\n\nSkipped: OpenVINO: not installed\n")
