"""Writing figures in one style, so that the same content gives the same file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

from oodml_bench.errors import InputError
from oodml_bench.output import refuse_to_overwrite, replaced_atomically
from oodml_bench.printing import printable

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FORMATS = (".png", ".pdf", ".svg")

#: Where a figure goes in a paper: in one column of two, or across the page.
Size = Literal["column", "page"]

#: Inches.
WIDTHS: dict[Size, float] = {"column": 3.3, "page": 6.9}

#: Dots an inch of what is printed; on screens those of the style do.
_PRINTED = 300

_STYLE = Path(__file__).with_name("paper.mplstyle")


def check_picture(out: Path, *, overwrite: bool) -> None:
    """Raise `InputError` where a figure cannot be written to `out`: for its suffix, or since it exists."""
    if out.suffix.lower() not in FORMATS:
        raise InputError(f"a picture ends in {', '.join(FORMATS)}, got {out}")
    refuse_to_overwrite(out, overwrite=overwrite)


@contextmanager
def paper_style() -> Iterator[None]:
    """Have everything drawn in the block in the style of all figures."""
    import matplotlib.style

    # After matplotlib's own defaults: what a user has set elsewhere changes nothing here.
    with matplotlib.style.context(["default", str(_STYLE)]):
        yield


def _make_printable(figure: Figure) -> None:
    """Make control characters in names visible: fonts have no letters for them, and XML does not allow them."""
    from matplotlib.text import Text

    for text in figure.findobj(Text):
        text.set_text("\n".join(map(printable, text.get_text().split("\n"))))


@contextmanager
def saved_figure(out: Path, *, overwrite: bool, size: Size | None = None) -> Iterator[Figure]:
    """Give an empty figure, and write it to `out` when the block ends without an error.

    Parameters
    ----------
    out
        The picture: `.png`, `.pdf` or `.svg`.
    overwrite
        Replace a file that exists.
    size
        What the block draws for: it has to set the width of that size. Pixels are as fine as print needs then.

    Raises
    ------
    InputError
        Where the suffix or the size is another, or the file exists and `overwrite` is off.
    """
    check_picture(out, overwrite=overwrite)
    if size not in (None, *WIDTHS):
        raise InputError(f"a figure has size {' or '.join(get_args(Size))}, or none, got {size!r}")
    from matplotlib.figure import Figure

    with paper_style():
        figure = Figure(layout="constrained")
        yield figure
        _make_printable(figure)
        # No date: the same content gives the same picture.
        metadata = {".pdf": {"CreationDate": None}, ".svg": {"Date": None}}.get(out.suffix.lower())
        with replaced_atomically(out) as temporary:
            figure.savefig(temporary, dpi=None if size is None else _PRINTED, metadata=metadata)
