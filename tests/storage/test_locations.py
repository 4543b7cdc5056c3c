from __future__ import annotations

import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from oodml_bench.cli import main
from oodml_bench.errors import InputError, MissingExtraError, StorageError
from oodml_bench.locations import absolute, is_remote, is_url, location, storage_failure


@pytest.mark.parametrize("text", ["features", "/data/x_splits.pkl", "C:/data", "folder:s3", "s3:/bucket", "./s3:x"])
def test_a_path_of_this_machine_stays_one(text: str) -> None:
    assert location(text) == Path(text)
    assert not is_url(text)
    assert not is_remote(location(text))
    assert absolute(location(text)) == Path.cwd() / text


def test_a_url_is_written_as_it_was_given_and_has_parts_like_a_path() -> None:
    path = location("memory://bucket/features/")
    assert is_remote(path)
    assert location(path) is path
    assert str(path) == "memory://bucket/features"
    assert absolute(path) == path
    assert (
        str((path / "runs").with_name("x_splits.pkl").with_suffix(".json")) == "memory://bucket/features/x_splits.json"
    )
    assert str(location("MEMORY://bucket")) == "memory://bucket"


def test_protocols_that_show_half_a_file_are_refused() -> None:
    with pytest.raises(InputError, match=r"files at ftp:// cannot be used; allowed: s3://, .*gs://"):
        location("ftp://host/features")
    result = CliRunner().invoke(main, ["inspect", "https://host/x_splits.pkl"])
    assert result.exit_code == 2
    assert "files at https:// cannot be used" in result.output


@pytest.mark.parametrize(("url", "extra", "package"), [("s3://b/x", "s3", "upath"), ("gs://b/x", "gcs", "gcsfs")])
def test_a_missing_package_is_named_by_its_extra(
    url: str, extra: str, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingExtraError, match=rf'{url} needs .*: pip install "oodml-bench\[{extra}\]"'):
        location(url)


@pytest.mark.usefixtures("connection")
def test_storage_that_cannot_be_reached_is_noticed_before_any_work(monkeypatch: pytest.MonkeyPatch) -> None:
    import s3fs

    # Another option makes another connection: one to the server is kept by now.
    monkeypatch.setattr("oodml_bench.locations._OPTIONS", {"use_listings_cache": False, "connect_timeout": 2})
    monkeypatch.setattr(s3fs.S3FileSystem, "retries", 1)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(StorageError, match=r"cannot reach s3://bucket/features: .*Check the address, the credentials"):
        location("s3://bucket/features")


def test_errors_of_storage_packages_are_told_from_others() -> None:
    from botocore.exceptions import NoCredentialsError

    failure = storage_failure(NoCredentialsError())
    assert failure is not None
    assert "NoCredentialsError: Unable to locate credentials. Check the credentials" in str(failure)
    assert storage_failure(ValueError("botocore")) is None
