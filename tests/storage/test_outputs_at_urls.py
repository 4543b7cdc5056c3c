from __future__ import annotations

from contextlib import suppress
from itertools import count
from pathlib import Path

import pytest

from oodml_bench.errors import OutputError, OutputExistsError
from oodml_bench.locations import location
from oodml_bench.locks import held
from oodml_bench.output import check_writable, refuse_to_overwrite, replaced_atomically, write_bytes
from tests.storage.s3_server import Connection, contents_at, storage, uploads_left_at

_numbers = count()


@pytest.fixture
def folder() -> Path:
    return location(f"memory://outputs-{next(_numbers)}")


def test_what_is_written_is_there_and_nothing_else(folder: Path) -> None:
    check_writable(folder / "sub" / "x.json")
    assert not (folder / "sub").exists()
    write_bytes(folder / "sub" / "x.json", b"one")
    write_bytes(folder / "sub" / "x.json", b"two")
    assert (folder / "sub" / "x.json").read_bytes() == b"two"
    assert [path.name for path in (folder / "sub").iterdir()] == ["x.json"]
    with pytest.raises(OutputExistsError, match=r"memory://.*/sub/x.json exists already"):
        refuse_to_overwrite(folder / "sub" / "x.json", overwrite=False)


def test_a_block_that_fails_leaves_what_was_there(folder: Path) -> None:
    write_bytes(folder / "x.pkl", b"before")
    with suppress(ZeroDivisionError), replaced_atomically(folder / "x.pkl") as temporary:
        assert temporary.suffix == ".pkl"
        temporary.write_bytes(b"half")
        raise ZeroDivisionError
    assert (folder / "x.pkl").read_bytes() == b"before"
    assert not temporary.exists()


def test_a_folder_at_a_url_can_be_held_more_than_once(folder: Path) -> None:
    with held(folder), held(folder, share="1/2"):
        assert not folder.exists()


@pytest.mark.usefixtures("connection")
def test_a_bucket_that_is_missing_is_an_output_error() -> None:
    for write in (check_writable, lambda path: write_bytes(path, b"")):
        with pytest.raises(OutputError, match=r"cannot write s3://missing/x.json: .*Check that the bucket exists"):
            write(location("s3://missing/x.json"))


@pytest.mark.parametrize("megabytes", [1, 105])
def test_an_upload_that_is_cut_leaves_the_object_as_it_was(megabytes: int, connection: Connection, bucket: str) -> None:
    path = location(f"{bucket}/checkpoint.pt")
    write_bytes(path, b"before")
    # A large file goes in several parts, of which the second is cut.
    connection.cut_from = connection.uploads + (1 if megabytes == 1 else 2)
    with pytest.raises(OutputError, match=r"cannot write s3://.*/checkpoint.pt: .*What is finished is kept"):
        write_bytes(path, bytes(megabytes << 20))
    connection.whole()
    assert contents_at(bucket) == {"checkpoint.pt": b"before"}
    assert uploads_left_at(bucket.removeprefix("s3://")) == []
    write_bytes(path, bytes(megabytes << 20))
    assert storage().size(f"{bucket}/checkpoint.pt") == megabytes << 20
