from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest
from click.testing import CliRunner

from oodml_bench.cli import main
from oodml_bench.errors import MissingExtraError
from oodml_bench.scale.cluster import connected


def imported(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""


def importers_of_ray(folder: Path) -> set[Path]:
    return {file for file in folder.rglob("*.py") if any(name.partition(".")[0] == "ray" for name in imported(file))}


def test_nothing_outside_of_scale_imports_ray(clone: Path) -> None:
    package = clone / "oodml_bench"
    importers = importers_of_ray(package)
    assert importers
    assert importers == importers_of_ray(package / "scale")


def test_without_ray_its_modules_can_be_imported(clone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("oodml_bench.scale")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "ray", None)
    for file in (clone / "oodml_bench" / "scale").glob("*.py"):
        import_module(f"oodml_bench.scale.{file.stem}")


def test_without_ray_the_error_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingExtraError, match=r'pip install "oodml-bench\[ray\]"'), connected("auto"):
        pass
    called = CliRunner().invoke(main, ["extract", "glyphs:4", "--out", str(tmp_path / "out"), "--engine", "ray"])
    assert called.exit_code == 1
    assert 'pip install "oodml-bench[ray]"' in called.output
    assert not (tmp_path / "out").exists()
