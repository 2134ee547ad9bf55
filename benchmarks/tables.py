"""Tables of results: on the terminal, as Markdown and as JSON."""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table as RichTable


@dataclass(frozen=True, slots=True)
class Table:
    """Cells as they are shown. The first column names the row, the others are numbers."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    notes: Sequence[str] = ()

    def show(self, console: Console) -> None:
        """Print with Rich."""
        table = RichTable(title=self.title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD)
        for place, column in enumerate(self.columns):
            table.add_column(column, justify="right" if place else "left")
        for row in self.rows:
            table.add_row(*map(escape, row))
        console.print(table)
        for note in self.notes:
            console.print(f"  {escape(note)}", style="dim")

    def markdown(self) -> str:
        """A GitHub table under a heading of the third level."""
        out = io.StringIO()
        out.write(f"### {self.title}\n\n| {' | '.join(self.columns)} |\n")
        out.write(f"|{'|'.join('---:' if place else '---' for place in range(len(self.columns)))}|\n")
        for row in self.rows:
            out.write(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |\n")
        for note in self.notes:
            out.write(f"\n{note}\n")
        return out.getvalue()


@dataclass(frozen=True, slots=True)
class Part:
    """What one part of the benchmark found. values: every number, round by round, in JSON types."""

    tables: Sequence[Table] = ()
    values: Mapping[str, Any] = field(default_factory=dict)
    skipped: Sequence[str] = ()
    """What could not be measured, and why."""

    def show(self, console: Console) -> None:
        """Print with Rich."""
        for table in self.tables:
            table.show(console)
        for reason in self.skipped:
            console.print(f"  skipped: {escape(reason)}", style="yellow")

    def markdown(self) -> str:
        """All tables, then what was skipped."""
        skipped = [f"Skipped: {reason}\n" for reason in self.skipped]
        return "\n".join([*(table.markdown() for table in self.tables), *skipped])

    def to_dict(self) -> dict[str, Any]:
        return {**self.values, "skipped": list(self.skipped)}
