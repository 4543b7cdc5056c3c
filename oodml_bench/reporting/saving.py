"""Writing figures so that the same content gives the same file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from oodml_bench.errors import InputError
from oodml_bench.output import refuse_to_overwrite, replaced_atomically

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FORMATS = (".png", ".pdf", ".svg")


def check_picture(out: Path, *, overwrite: bool) -> None:
    """Raise `InputError` where a figure cannot be written to `out`: for its suffix, or since it exists."""
    if out.suffix.lower() not in FORMATS:
        raise InputError(f"a picture ends in {', '.join(FORMATS)}, got {out}")
    refuse_to_overwrite(out, overwrite=overwrite)


@contextmanager
def saved_figure(out: Path, *, overwrite: bool) -> Iterator[Figure]:
    """Give an empty figure, and write it to `out` when the block ends without an error."""
    check_picture(out, overwrite=overwrite)
    import matplotlib as mpl
    from matplotlib.figure import Figure

    # A fixed salt and no date: the same benchmark gives the same picture.
    style: Any = {"font.size": 9, "axes.spines.top": False, "axes.spines.right": False, "svg.hashsalt": "oodml-bench"}
    with mpl.rc_context(style):
        figure = Figure(layout="constrained")
        yield figure
        metadata = {".pdf": {"CreationDate": None}, ".svg": {"Date": None}}.get(out.suffix.lower())
        with replaced_atomically(out) as temporary:
            figure.savefig(temporary, dpi=200, metadata=metadata)
