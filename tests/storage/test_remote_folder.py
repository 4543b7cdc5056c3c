"""A folder of images at a URL is the dataset that the same folder is on this machine."""

from __future__ import annotations

import pickle
from itertools import count
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oodml_bench.datasets import Dataset, open_dataset
from oodml_bench.datasets.readers import absolute_spec
from oodml_bench.errors import DatasetError, StorageError
from oodml_bench.features import extract
from oodml_bench.locations import location
from oodml_bench.output import write_bytes
from tests.features.feature_samples import contents, tiny_backbone, write_pictures
from tests.storage.s3_server import Connection, contents_at, storage

_numbers = count()

NAMES = st.sampled_from(["cat", "dog", "bird 7", "Ünïcode", "a%20b", "x.y"])
FILES = st.sampled_from(["1.png", "2.JPG", "deep/3.jpeg", "notes.txt", ".hidden.png", ".git/4.png", "a b#1?.png"])


def uploaded(folder: Path) -> str:
    """Put the files of a folder at a new URL whose last part has the folder's name."""
    url = f"memory://datasets-{next(_numbers)}/{folder.name}"
    for file in folder.rglob("*"):
        if file.is_file():
            write_bytes(location(url) / file.relative_to(folder).as_posix(), file.read_bytes())
    return url


def outcome(spec: str, folder: str) -> Dataset | str:
    try:
        return open_dataset(spec)
    except DatasetError as error:
        return str(error).replace(folder, "FOLDER")


@given(
    files=st.sets(st.tuples(NAMES, st.sampled_from(["", "sub"]), FILES), min_size=1, max_size=6), nested=st.booleans()
)
def test_it_is_read_as_the_same_folder_here_is(
    files: set[tuple[str, str, str]], nested: bool, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("tree") / "products"
    for above, below, name in files:
        file = folder / above / below / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(name.encode())
    url = uploaded(folder)
    reader = "nested" if nested else "folder"
    here, there = outcome(f"{reader}:{folder}", str(folder)), outcome(f"{reader}:{url}", url)
    if isinstance(here, str) or isinstance(there, str):
        # Which of several problems is told first may differ; that there is one does not.
        assert isinstance(here, str)
        assert isinstance(there, str)
        return
    assert (here.name, here.samples, here.superclasses) == (there.name, there.samples, there.superclasses)
    assert here.fingerprint == there.fingerprint


def test_problems_are_told_as_here(tmp_path: Path) -> None:
    folder = tmp_path / "products"
    (folder / "cat").mkdir(parents=True)
    (folder / "cat" / "notes.txt").write_text("no image")
    assert outcome(f"folder:{folder}", str(folder)) == outcome(f"folder:{(url := uploaded(folder))}", url)
    (folder / "1.png").write_bytes(b"")
    with pytest.raises(DatasetError, match=r"the image '1.png' lies directly in memory://.*named after its class"):
        open_dataset(f"folder:{uploaded(folder)}")
    with pytest.raises(DatasetError, match=r"(no class folder in|cannot read the folder) memory://nothing"):
        open_dataset("folder:memory://nothing/here")


def test_names_that_lead_out_and_markers_of_folders(bucket: str) -> None:
    s3 = storage()
    s3.pipe_file(f"{bucket}/ok/cat/", b"")
    s3.pipe_file(f"{bucket}/ok/cat/1.png", b"")
    assert dict(open_dataset(f"folder:{bucket}/ok").samples) == {"cat": ("cat/1.png",)}
    for number, name in enumerate(("cat/../../1.png", "cat//1.png")):
        s3.call_s3("put_object", Bucket=bucket.removeprefix("s3://"), Key=f"bad-{number}/{name}", Body=b"")
        with pytest.raises(DatasetError, match=r"which is no path\. Rename it"):
            open_dataset(f"folder:{bucket}/bad-{number}")
    with pytest.raises(DatasetError, match="cannot read the folder s3://missing-bucket/x"):
        open_dataset("folder:s3://missing-bucket/x")


def test_other_datasets_are_read_from_this_machine() -> None:
    for reader in ("cub200", "cars196", "sop", "linked", "torchvision:CIFAR100", "hf"):
        with pytest.raises(DatasetError, match=r"is a URL, but this dataset is read from a folder of this machine"):
            open_dataset(f"{reader}:memory://x")
    with pytest.raises(DatasetError, match=r"If it is a folder .* write folder:s3://bucket/products"):
        open_dataset("s3://bucket/products")
    assert absolute_spec("folder:memory://x/y") == "folder:memory://x/y"


def test_the_image_source_works_in_other_processes(bucket: str, tmp_path: Path) -> None:
    pictures = write_pictures(tmp_path / "pictures")
    storage().put(f"{pictures}/", f"{bucket}/pictures/", recursive=True)
    dataset = open_dataset(f"folder:{bucket}/pictures")
    assert pickle.loads(pickle.dumps(dataset.images)) == dataset.images
    # In this process first: loader processes are forks of one that has a connection.
    assert dataset.fingerprint == open_dataset(f"folder:{pictures}").fingerprint
    for workers in (0, 2):
        extract(dataset, tmp_path / f"there-{workers}", backbone=tiny_backbone(), workers=workers)
    extract(f"folder:{pictures}", tmp_path / "here", backbone=tiny_backbone(), workers=0)
    assert contents(tmp_path / "there-0") == contents(tmp_path / "there-2") == contents(tmp_path / "here")


@pytest.mark.parametrize("workers", [0, 1])
def test_what_cannot_be_fetched_is_not_skipped_as_broken(
    workers: int, connection: Connection, bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import s3fs

    monkeypatch.setattr(s3fs.S3FileSystem, "retries", 1)
    pictures = write_pictures(tmp_path / "pictures", classes=2, samples=2)
    (pictures / "class 0" / "0.png").write_bytes(b"broken")
    storage().put(f"{pictures}/", f"{bucket}/pictures/", recursive=True)
    dataset = open_dataset(f"folder:{bucket}/pictures")
    assert dataset.fingerprint
    connection.refuse("", "GET /", ".png")
    with pytest.raises(StorageError) as error:
        extract(dataset, f"{bucket}/features", backbone=tiny_backbone(), workers=workers, skip_broken=True)
    assert str(error.value).startswith(f"cannot reach {bucket}/pictures/class 0/0.png: ")
    assert str(error.value).endswith("run the same command again to continue.")
    connection.whole()
    done = extract(dataset, f"{bucket}/features", backbone=tiny_backbone(), workers=workers, skip_broken=True)
    assert done.skipped == ("class 0/0.png",)
    extract(f"folder:{pictures}", tmp_path / "here", backbone=tiny_backbone(), workers=0, skip_broken=True)
    assert contents_at(f"{bucket}/features") == contents(tmp_path / "here")
