"""`sop:PATH`: Stanford Online Products (Song et al., 2016)."""

from __future__ import annotations

from collections import defaultdict
from functools import cache
from pathlib import Path

from oodml_bench.datasets.dataset import Dataset
from oodml_bench.datasets.enclosure import Enclosure, leads_out
from oodml_bench.datasets.files import ImageFiles, check_enclosed, images_in
from oodml_bench.errors import DatasetError

HEADER = ("image_id", "class_id", "super_class_id", "path")
LAYOUT = "PATH/Info_Files/Ebay_train.txt, PATH/Info_Files/Ebay_test.txt, PATH/images/bicycle_final/*.JPG"


def read_sop(root: Path) -> Dataset:
    """Read Stanford Online Products: the samples that its two lists name, the lists being the two halves.

    A class is a product id, as text; its superclass is the folder (`bicycle_final`).

    Raises
    ------
    DatasetError
        Where a list or a listed image is missing, or a list is malformed or names files outside of `root`.
    """
    images = ImageFiles(root)
    samples: dict[str, list[str]] = defaultdict(list)
    superclasses: dict[str, str] = {}
    halves: list[tuple[str, ...]] = []
    on_disk = _FilesOnDisk(root / "images", images.enclosure)
    for list_name in ("Ebay_train.txt", "Ebay_test.txt"):
        products = set()
        for listed in _listed_paths(root / "Info_Files" / list_name):
            superclass, _, file_name = listed.rpartition("/")
            product = Path(file_name).stem.partition("_")[0]
            samples[product].append(f"images/{superclass}/{on_disk.name_of(superclass, file_name)}")
            superclasses[product] = superclass
            products.add(product)
        halves.append(tuple(sorted(products)))
    return Dataset(
        name="sop",
        samples={product: tuple(sorted(paths)) for product, paths in samples.items()},
        images=images,
        superclasses=superclasses,
        default_halves=(halves[0], halves[1]),
    )


def _listed_paths(path: Path) -> list[str]:
    """Give the last column of a list file."""
    try:
        header, *lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeError, ValueError) as error:
        raise DatasetError(f"sop: cannot read the list {path}: {error}. Expected layout: {LAYOUT}") from error
    if tuple(header.split()) != HEADER:
        raise DatasetError(f"sop: the first line of {path} is {header!r}, expected {' '.join(HEADER)!r}")
    for number, line in enumerate(lines, start=2):
        if len(line.split()) != len(HEADER) or "/" not in line:
            raise DatasetError(f"sop: line {number} of {path} is {line!r}, expected the columns {' '.join(HEADER)}")
        if leads_out(listed := line.split()[-1]):
            raise DatasetError(
                f"sop: line {number} of {path} names {listed!r}, which is no path inside of the images' folder: "
                "it is absolute, or has '..' or a NUL character. Correct the line."
            )
    return [line.split()[-1] for line in lines]


class _FilesOnDisk:
    """The images of each superclass, found by name whatever the letter case: lists say .JPG where disks hold .jpg."""

    def __init__(self, folder: Path, enclosure: Enclosure) -> None:
        self.folder = folder
        self.enclosure = enclosure
        self._names_in = cache(self._names_on_disk)

    def _names_on_disk(self, superclass: str) -> dict[str, str]:
        check_enclosed(self.folder / superclass, self.enclosure)
        return {name.lower(): name for name in images_in(self.folder / superclass)}

    def name_of(self, superclass: str, listed: str) -> str:
        try:
            return self._names_in(superclass)[listed.lower()]
        except KeyError as error:
            raise DatasetError(
                f"sop: the lists name {superclass}/{listed}, which is not in {self.folder}. Expected layout: {LAYOUT}"
            ) from error
