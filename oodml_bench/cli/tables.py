"""Printing a table: every table that commands print goes through here."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from oodml_bench.printing import printable


def show_table(
    headings: Sequence[str | tuple[str, ...]], rows: Iterable[Sequence[str]], *, left: Collection[str] = ()
) -> None:
    """Print a table; cells and headings are text, whatever they hold.

    Parameters
    ----------
    headings
        The heading of each column; a tuple is a heading of several lines.
    rows
        The cells of each row.
    left
        Headings of the columns that are aligned to the left; a heading of several lines is named by its first.
    """
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False)
    for heading in headings:
        lines = (heading,) if isinstance(heading, str) else heading
        table.add_column(
            Text("\n".join(map(printable, lines))), justify="left" if lines[0] in left else "right", no_wrap=True
        )
    for row in rows:
        # Text, since a str would be read as markup and emoji codes.
        table.add_row(*(Text(printable(cell)) for cell in row))
    # Columns are never cut: a narrow terminal wraps, and a pipe gets whole lines.
    console = Console()
    console.width = max(console.width, console.measure(table, options=console.options.update(width=100_000)).maximum)
    console.print(table)
