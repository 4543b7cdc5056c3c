"""Run the notebooks, and store them with the key figures as their only outputs: `python notebooks/run.py`."""

from __future__ import annotations

import os
import sys
from copy import deepcopy
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode

from oodml_bench.output import write_bytes

HERE = Path(__file__).parent

#: Tag of the cells whose figure is stored.
FIGURE = "figure"

#: All that is stored of the kernel: what a notebook was run with last says nothing about what it needs.
_METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


def read(path: Path) -> NotebookNode:
    """Read a notebook."""
    return nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]


def executed(notebook: NotebookNode, folder: Path) -> NotebookNode:
    """Give a copy of a notebook that was run from beginning to end in a folder.

    Raises
    ------
    CellExecutionError
        Where a cell fails.
    """
    copy = deepcopy(notebook)
    resources = {"metadata": {"path": str(folder)}}
    NotebookClient(copy, kernel_name="python3", record_timing=False, resources=resources).execute()
    return copy


def stored(notebook: NotebookNode) -> NotebookNode:
    """Give a copy of a notebook that holds its cells, with their tags, and the figures of those tagged so."""
    copy = deepcopy(notebook)
    copy.metadata = _METADATA
    for cell in copy.cells:
        tags = cell.metadata.get("tags", [])
        cell.metadata = {"tags": tags} if tags else {}
        if cell.cell_type == "code":
            cell.execution_count = None
            cell.outputs = _figures(cell) if FIGURE in tags else []
    return copy


def text_of(notebook: NotebookNode) -> str:
    """Give the text of a notebook's file."""
    return str(nbformat.writes(notebook)) + "\n"  # type: ignore[no-untyped-call]


def _figures(cell: NotebookNode) -> list[NotebookNode]:
    return [
        nbformat.v4.new_output(  # type: ignore[no-untyped-call]
            "display_data",
            data={"image/png": output["data"]["image/png"]},
            metadata={"image/png": output["metadata"].get("image/png", {})},
        )
        for output in cell.outputs
        if "image/png" in output.get("data", {})
    ]


def main() -> None:
    """Run every notebook in its own folder, and write it back when it has run to its end."""
    # Numbers, and so the figures, are those of the CPU, also where there is a GPU.
    os.environ["CUDA_VISIBLE_DEVICES"] = ""
    for path in sorted(HERE.glob("*.ipynb")):
        print(path.name, file=sys.stderr)
        write_bytes(path, text_of(stored(executed(read(path), HERE))).encode())


if __name__ == "__main__":
    main()
