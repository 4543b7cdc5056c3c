"""The notebooks run from beginning to end, and hold their key figures and no other outputs."""

import base64
import json
import re
import runpy
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

CLONE = Path(__file__).parent.parent
NAMES = ("1_grading_a_new_dataset", "2_umap_and_fid_progressions", "3_baselines_over_a_benchmark")

run = SimpleNamespace(**runpy.run_path(str(CLONE / "notebooks" / "run.py")))


def notebook(name):
    return run.read(CLONE / "notebooks" / f"{name}.ipynb")


def code_of(opened):
    return [cell for cell in opened.cells if cell.cell_type == "code"]


def is_figure(cell):
    return run.FIGURE in cell.metadata.get("tags", [])


def images_of(cell):
    found = [output["data"]["image/png"] for output in cell.outputs if "image/png" in output.get("data", {})]
    return [base64.b64decode(image) for image in found]


def size_of(image):
    """Give the width and height of a PNG file."""
    assert image.startswith(b"\x89PNG")
    return int.from_bytes(image[16:20], "big"), int.from_bytes(image[20:24], "big")


def test_these_are_all():
    assert sorted(path.stem for path in (CLONE / "notebooks").glob("*.ipynb")) == list(NAMES)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_runs_and_makes_the_figures_that_are_stored(name, tmp_path, monkeypatch):
    # Beside nothing of the clone but the benchmarks, and without what the user's own IPython starts with.
    shutil.copytree(CLONE / "datasplits", tmp_path / "datasplits")
    folder = tmp_path / "notebooks"
    folder.mkdir()
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    written = notebook(name)
    done = run.executed(written, folder)
    assert [cell.source for cell in done.cells] == [cell.source for cell in written.cells]
    assert [cell.execution_count for cell in code_of(done)] == list(range(1, len(code_of(done)) + 1))
    for before, after in zip(code_of(written), code_of(done), strict=True):
        assert len(images_of(after)) == is_figure(after), after.id
        # To a tenth: fonts and their widths may be those of another release.
        for old, new in zip(images_of(before), images_of(after), strict=True):
            assert size_of(new) == pytest.approx(size_of(old), rel=0.1), after.id
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_is_stored_with_its_key_figures_alone(name):
    path = CLONE / "notebooks" / f"{name}.ipynb"
    text = path.read_text(encoding="utf-8")
    assert text == run.text_of(run.stored(run.read(path)))
    assert path.stat().st_size < 600_000
    figures = [image for cell in code_of(run.read(path)) for image in images_of(cell)]
    assert len(figures) == sum(map(is_figure, code_of(run.read(path)))) >= 2
    assert max(map(len, figures)) < 150_000
    for cell in json.loads(text)["cells"]:
        for output in cell.get("outputs", []):
            assert output["metadata"]["image/png"].keys() == {"width", "alt"}
            # What is left of the file is short enough to read: no path of a machine is in it.
            output["data"] = {}
        assert not re.search(r"/(home|root|tmp|Users|work)/", json.dumps(cell))


def test_storing_keeps_tagged_figures_and_drops_everything_else():
    image = {"data": {"image/png": "aGVsbG8=", "text/plain": "<Image>"}, "metadata": {"image/png": {"width": 1}}}
    opened = notebook(NAMES[0])
    opened.metadata["language_info"]["version"] = "3.11.7"
    tagged = next(cell for cell in code_of(opened) if is_figure(cell))
    plain = next(cell for cell in code_of(opened) if not is_figure(cell))
    for cell in (tagged, plain):
        cell.metadata["execution"] = {"shell.execute_reply": "2020-01-01T00:00:00"}
        cell.execution_count = 3
        text = {"output_type": "stream", "name": "stdout", "text": "60 classes"}
        cell.outputs = [text, {"output_type": "execute_result", "execution_count": 3, **image}]
    result = run.stored(opened)
    assert result.metadata["language_info"] == {"name": "python"}
    kept, dropped = (next(cell for cell in result.cells if cell.id == each.id) for each in (tagged, plain))
    assert [output["data"] for output in kept.outputs] == [{"image/png": "aGVsbG8="}]
    assert kept.outputs[0]["metadata"] == {"image/png": {"width": 1}}
    assert dropped.outputs == []
    assert kept.metadata == {"tags": ["figure"]}
    assert dropped.metadata == {}
    assert kept.execution_count is dropped.execution_count is None
    # The one that was given is as it was.
    assert plain.outputs
    assert plain.execution_count == 3
