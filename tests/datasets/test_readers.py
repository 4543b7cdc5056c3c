import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from oodml_bench.datasets import open_dataset
from oodml_bench.datasets.readers import READERS, absolute_spec
from oodml_bench.errors import DatasetError


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("photos:/data", "unknown dataset 'photos:/data'. Write one of folder:PATH, nested:PATH, linked:PATH"),
        ("", "unknown dataset ''"),
        ("folder", "'folder' lacks a path or name. Write folder:PATH"),
        ("folder:", "'folder:' lacks a path or name. Write folder:PATH"),
        ("torchvision:MNIST", "lacks a name or path. Write torchvision:NAME:PATH"),
        ("torchvision::/data", "lacks a name or path"),
        ("glyphs:many", "no whole number of classes. Write glyphs or glyphs:N"),
        ("glyphs:-5", "no whole number of classes"),
    ],
)
def test_a_malformed_specification_is_refused(spec: str, message: str) -> None:
    with pytest.raises(DatasetError, match=message):
        open_dataset(spec)


def test_a_bare_folder_gets_the_form_to_write(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=rf"It is a folder: write folder:{tmp_path}"):
        open_dataset(str(tmp_path))


@pytest.mark.parametrize("reader", sorted(set(READERS) - {"glyphs", "glyphs+homoglyphs"}))
def test_a_specification_can_be_said_for_every_working_directory(
    reader: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "data").mkdir()
    monkeypatch.chdir(tmp_path)
    before = "torchvision:MNIST:" if reader == "torchvision" else f"{reader}:"
    absolute = absolute_spec(f"{before}data")
    assert absolute == f"{before}{tmp_path / 'data'}"
    assert absolute_spec(absolute) == absolute


@pytest.mark.parametrize("spec", ["glyphs", "glyphs:9", "glyphs+homoglyphs:9", "hf:someone/things"])
def test_specifications_without_a_path_stay(spec: str) -> None:
    assert absolute_spec(spec) == spec


def test_a_path_may_hold_colons(tree: Callable[..., Path]) -> None:
    assert open_dataset(f"folder:{tree('a/1.png', at='c:d')}").name == "c:d"


def test_a_path_may_start_at_home(tree: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tree("a/1.png").parent))
    assert open_dataset("folder:~/pictures").classes == ("a",)


def test_importing_the_package_is_cheap() -> None:
    heavy = ("torch", "torchvision", "numpy", "PIL", "matplotlib", "datasets")
    code = f"import sys, oodml_bench.datasets; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
