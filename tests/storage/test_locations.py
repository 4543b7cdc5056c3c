from __future__ import annotations

import pickle
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from oodml_bench.cli import main
from oodml_bench.errors import InputError, MissingExtraError, OutputError, StorageError
from oodml_bench.locations import is_url, local_copy, location, remote
from oodml_bench.output import write_bytes
from oodml_bench.remote import RemotePath
from oodml_bench.scale import extract_on_ray
from oodml_bench.temporary import temporary_folder
from tests.storage.s3_server import storage

_numbers = count()

#: Names of files that mean something to some tool, and nothing here.
NAMES = st.text(st.sampled_from("ab.[]*?#% é"), min_size=1, max_size=4).filter(lambda name: name.strip("."))


@pytest.mark.parametrize("text", ["features", "/data/x_splits.pkl", "C:/data", "folder:s3", "s3:/bucket", "./s3:x"])
def test_a_path_of_this_machine_stays_one(text: str) -> None:
    assert location(text) == Path(text)
    assert not is_url(text)
    assert remote(location(text)) is None


def test_a_url_is_written_as_it_was_given_and_has_parts_like_a_path() -> None:
    path: Any = location("memory://bucket/features/")
    assert isinstance(path, RemotePath)
    assert location(path) is path
    assert path.absolute() == path
    assert pickle.loads(pickle.dumps(path)) == path
    assert str(path) == "memory://bucket/features"
    assert (
        str((path / "runs").with_name("x_splits.pkl").with_suffix(".json")) == "memory://bucket/features/x_splits.json"
    )
    assert str(location("MEMORY://bucket")) == "memory://bucket"
    assert location("memory://bucket").name == "bucket"
    assert location("memory://bucket").parent == location("memory://bucket")


@given(names=st.lists(NAMES, min_size=1, max_size=4), suffix=st.sampled_from([".json", ".pkl"]))
def test_names_are_those_of_a_path_of_this_machine(names: list[str], suffix: str) -> None:
    there, here = RemotePath("memory", ("bucket",)), Path("/bucket")
    for name in names:
        there, here = there / name, here / name
    for attribute in ("name", "stem", "suffix"):
        assert getattr(there, attribute) == getattr(here, attribute)
    assert there.with_suffix(suffix).parts == here.with_suffix(suffix).parts[1:]
    assert there.parent.parts == here.parent.parts[1:]
    assert there.relative_to(RemotePath("memory", ("bucket",))) == here.relative_to("/bucket")


@given(files=st.sets(st.tuples(NAMES, NAMES, st.sampled_from(["run.json", "other.json"])), max_size=5))
def test_a_folder_holds_what_a_folder_of_this_machine_holds(
    files: set[tuple[str, str, str]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    here = tmp_path_factory.mktemp("folder")
    there: Any = location(f"memory://folders-{next(_numbers)}/it[1]")
    for file in files:
        name = "/".join(file)
        (here / name).parent.mkdir(parents=True, exist_ok=True)
        (here / name).write_bytes(name.encode())
        write_bytes(there / name, name.encode())
    found = [path.relative_to(here).as_posix() for path in sorted(here.rglob("run.json"))]
    assert [path.relative_to(there).as_posix() for path in sorted(there.rglob("run.json"))] == found
    if files:
        assert {path.name for path in there.iterdir()} == {path.name for path in here.iterdir()}
    for path in here.rglob("*"):
        same = there / path.relative_to(here).as_posix()
        assert (same.exists(), same.is_file(), same.is_dir()) == (True, path.is_file(), path.is_dir())
        if path.is_file():
            assert same.read_bytes() == path.read_bytes()
            assert same.stat().st_size == path.stat().st_size
            with local_copy(same) as copy:
                assert copy.read_text(encoding="utf-8") == same.read_text(encoding="utf-8")


def test_a_folder_that_a_tool_has_made_is_empty(bucket: str) -> None:
    storage().call_s3("put_object", Bucket=bucket.removeprefix("s3://"), Key="features/", Body=b"")
    assert list(location(f"{bucket}/features").iterdir()) == []


def test_what_is_not_there() -> None:
    path = location("memory://nothing/here.json")
    assert not path.exists()
    assert not path.is_file()
    assert not path.is_dir()
    for ask in (path.read_bytes, path.stat, lambda: path.open("rb")):
        with pytest.raises(FileNotFoundError):
            ask()
    with pytest.raises(ValueError, match="for reading bytes"):
        path.open("w")


@pytest.mark.parametrize("url", ["s3://", "s3:///x", "s3://bucket//x", "s3://bucket/../x", "memory://b::s3://c"])
def test_urls_that_are_no_paths_are_refused(url: str) -> None:
    with pytest.raises(InputError, match=r"is no path; write (s3|memory)://BUCKET/NAME/NAME"):
        location(url)


def test_other_protocols_are_refused() -> None:
    with pytest.raises(InputError, match=r"files at ftp:// cannot be used; allowed: s3://, .*gs://"):
        location("ftp://host/features")
    result = CliRunner().invoke(main, ["inspect", "https://host/x_splits.pkl"])
    assert result.exit_code == 2
    assert "files at https:// cannot be used" in result.output


@pytest.mark.parametrize(("url", "extra"), [("s3://b/x", "s3"), ("s3a://b/x", "s3"), ("gs://b/x", "gcs")])
def test_a_missing_package_is_named_by_its_extra(url: str, extra: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def lacking(protocol: str, **_: object) -> None:
        raise ImportError(f"Install the package for {protocol}")

    monkeypatch.setattr("fsspec.filesystem", lacking)
    with pytest.raises(MissingExtraError, match=rf'{url} needs .*: pip install "oodml-bench\[{extra}\]"'):
        location(url)


@pytest.mark.usefixtures("connection")
def test_storage_that_cannot_be_reached_is_noticed_before_any_work(monkeypatch: pytest.MonkeyPatch) -> None:
    import s3fs

    # By an option, since a connection to the server is kept by now.
    monkeypatch.setattr("oodml_bench.remote._OPTIONS", {"client_kwargs": {"endpoint_url": "http://127.0.0.1:9"}})
    monkeypatch.setattr(s3fs.S3FileSystem, "retries", 1)
    result = CliRunner().invoke(main, ["inspect", "s3://bucket/x_splits.pkl"])
    assert result.exit_code == 1
    assert "Error: cannot reach s3://bucket/x_splits.pkl: EndpointConnectionError: " in result.output
    assert "Check the credentials and the network." in result.output


def test_memory_is_not_shared_by_machines() -> None:
    pytest.importorskip("ray")
    with pytest.raises(InputError, match="memory://features lies in the memory of this process"):
        extract_on_ray("glyphs:2", "memory://features", backbone="efficientnet_lite0")


def test_there_has_to_be_room_for_temporary_files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "missing"))
    with pytest.raises(OutputError, match=r"there is no folder for temporary files: .*Name one by TMPDIR"):
        write_bytes(location("memory://x/y"), b"")
    with pytest.raises(OutputError, match="TMPDIR"), temporary_folder():
        pass


def test_errors_of_storage_are_no_os_errors() -> None:
    # What reads files takes those for damage.
    assert not issubclass(StorageError, OSError | ValueError)
