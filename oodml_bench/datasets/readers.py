"""Opening a dataset by its specification, `READER:REST`."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from oodml_bench.datasets.arrays import read_arrays
from oodml_bench.datasets.cars196 import read_cars196
from oodml_bench.datasets.cub200 import read_cub200
from oodml_bench.datasets.folder import read_folder
from oodml_bench.datasets.glyphs import read_glyphs
from oodml_bench.datasets.huggingface import read_huggingface
from oodml_bench.datasets.remote_folder import read_remote_folder
from oodml_bench.datasets.sop import read_sop
from oodml_bench.datasets.torchvision_sets import read_torchvision
from oodml_bench.errors import DatasetError
from oodml_bench.locations import absolute, is_url, location, remote

if TYPE_CHECKING:
    from collections.abc import Callable

    from oodml_bench.datasets.dataset import Dataset

FORMS = (
    "folder:PATH",
    "nested:PATH",
    "linked:PATH",
    "cub200:PATH",
    "cars196:PATH",
    "sop:PATH",
    "torchvision:NAME:PATH",
    "hf:NAME_OR_PATH",
    "arrays:FILE.npz",
    "glyphs",
    "glyphs:N",
    "glyphs+homoglyphs",
    "glyphs+homoglyphs:N",
)

#: Readers of what is bundled: they need no path.
_BUNDLED = ("glyphs", "glyphs+homoglyphs")

#: Readers of a folder or a file: what follows the colon is its path.
_READERS_OF_A_PATH = ("folder", "nested", "linked", "cub200", "cars196", "sop", "arrays")


def open_dataset(spec: str) -> Dataset:
    """Open a dataset by its specification.

    Parameters
    ----------
    spec
        One of `folder:PATH`, `nested:PATH` (a layer of superclass folders above the class folders), `linked:PATH` (a
        `folder:` whose links may lead out of it), `cub200:PATH`, `cars196:PATH`, `sop:PATH`, `torchvision:NAME:PATH`,
        `hf:NAME_OR_PATH`, `arrays:FILE.npz`, `glyphs` and `glyphs:N`. For `folder`, `nested` and `arrays` the path may
        be a URL; see `oodml_bench.locations.location`.

    Raises
    ------
    DatasetError
        Where the specification has another form, or the dataset cannot be read.
    DownloadError
        Where the dataset must be downloaded and cannot be.
    MissingExtraError
        Where its reader needs a package that is not installed.
    """
    reader, _, rest = spec.partition(":")
    if reader not in READERS:
        raise DatasetError(f"unknown dataset {spec!r}. {_advice(spec)}")
    if not rest and reader not in _BUNDLED:
        raise DatasetError(f"the dataset {spec!r} lacks a path or name. {_forms_of(reader)}")
    return READERS[reader](rest)


def absolute_spec(spec: str) -> str:
    """Give a specification that means the same dataset in every working directory."""
    reader, _, rest = spec.partition(":")
    if reader in _READERS_OF_A_PATH:
        return f"{reader}:{_absolute(rest)}"
    if reader == "torchvision":
        name, _, path = rest.partition(":")
        return f"{reader}:{name}:{_absolute(path)}"
    # A name on the hub is no path.
    return f"hf:{_absolute(rest)}" if reader == "hf" and _local_path(rest).exists() else spec


def _absolute(text: str) -> str:
    return absolute(text if is_url(text) else _local_path(text))


def _path(text: str) -> Path:
    # A shell leaves the ~ of `folder:~/photos` alone.
    return location(text) if is_url(text) else _local_path(text)


def _local_path(text: str) -> Path:
    if is_url(text):
        raise DatasetError(
            f"{text} is a URL, but this dataset is read from a folder of this machine. Download it; or, for one folder "
            "a class, write folder:URL."
        )
    return Path(text).expanduser()


def _read_folder(rest: str, *, nested: bool = False) -> Dataset:
    path = _path(rest)
    place = remote(path)
    return read_folder(path, nested=nested) if place is None else read_remote_folder(place, nested=nested)


def _read_torchvision(rest: str) -> Dataset:
    name, _, path = rest.partition(":")
    if not name or not path:
        raise DatasetError(f"the dataset 'torchvision:{rest}' lacks a name or path. {_forms_of('torchvision')}")
    return read_torchvision(name, _local_path(path))


def _read_glyphs(reader: str, rest: str) -> Dataset:
    drop_homoglyphs = reader == "glyphs"
    if not rest:
        return read_glyphs(drop_homoglyphs=drop_homoglyphs)
    if not (rest.isascii() and rest.isdigit()):
        raise DatasetError(f"the dataset '{reader}:{rest}' has no whole number of classes. {_forms_of(reader)}")
    return read_glyphs(int(rest), drop_homoglyphs=drop_homoglyphs)


READERS: dict[str, Callable[[str], Dataset]] = {
    "folder": _read_folder,
    "nested": partial(_read_folder, nested=True),
    "linked": lambda rest: read_folder(_local_path(rest), linked=True),
    "cub200": lambda rest: read_cub200(_local_path(rest)),
    "cars196": lambda rest: read_cars196(_local_path(rest)),
    "sop": lambda rest: read_sop(_local_path(rest)),
    "torchvision": _read_torchvision,
    "hf": lambda rest: read_huggingface(str(_local_path(rest))),
    "arrays": lambda rest: read_arrays(_path(rest)),
    **{reader: partial(_read_glyphs, reader) for reader in _BUNDLED},
}


def _forms_of(reader: str) -> str:
    return "Write " + " or ".join(form for form in FORMS if form.partition(":")[0] == reader) + "."


def _advice(spec: str) -> str:
    if is_url(spec):
        return f"If it is a folder with one folder of images a class, write folder:{spec}; features hold a meta.json."
    if _path(spec).is_dir():
        return f"It is a folder: write folder:{spec}"
    return f"Write one of {', '.join(FORMS)}."
