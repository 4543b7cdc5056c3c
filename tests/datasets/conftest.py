"""Small pictures and trees of pictures on disk."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

WriteImage = Callable[..., Path]


@pytest.fixture(scope="session")
def write_image() -> WriteImage:
    """Write a picture of one colour that depends on `shade`; makes the folders above it."""

    def write(path: Path, shade: int = 0, mode: str = "RGB") -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        picture = Image.new("RGB", (8, 6), (shade % 256, shade // 2 % 256, 100)).convert(mode)
        picture.save(path)
        return path

    return write


@pytest.fixture
def tree(tmp_path: Path, write_image: WriteImage) -> Callable[..., Path]:
    """Make a folder that holds pictures at the given paths, each of another shade."""

    def make(*paths: str, at: str = "pictures") -> Path:
        root = tmp_path / at
        root.mkdir(parents=True, exist_ok=True)
        for shade, path in enumerate(paths):
            write_image(root / path, shade * 9)
        return root

    return make
