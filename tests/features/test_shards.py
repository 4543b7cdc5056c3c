from __future__ import annotations

import shutil
from itertools import chain
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oodml_bench import locks
from oodml_bench.errors import FeatureError, InputError, LockedError
from oodml_bench.features import FeatureStore
from oodml_bench.features.extraction import Extraction, extract
from oodml_bench.features.shards import Shard
from tests.features.feature_samples import contents, tiny_backbone
from tests.features.test_extraction_after_kills import started


def extracted(pictures: Path | str, out: Path | str, shard: str | None = None) -> Extraction:
    return extract(
        f"folder:{pictures}",
        out,
        backbone=tiny_backbone(),
        workers=0,
        part_size=3,
        skip_broken=True,
        shard=None if shard is None else Shard.parse(shard),
    )


@given(count=st.integers(1, 40), parts=st.integers(0, 100))
def test_every_part_belongs_to_one_shard_and_shards_are_even(count: int, parts: int) -> None:
    shares = [list(Shard(number, count).parts_of(parts)) for number in range(1, count + 1)]
    assert sorted(chain.from_iterable(shares)) == list(range(parts))
    assert max(map(len, shares)) - min(map(len, shares)) <= 1


@pytest.mark.parametrize("text", ["0/16", "17/16", "0/0", "a/b", "3", "3/", "-1/4", "1/4/", " 1/4", "１/４", ""])
def test_what_is_no_shard_is_refused(text: str) -> None:
    with pytest.raises(InputError, match=r"allowed: 1/N to N/N, such as 3/16"):
        Shard.parse(text)


def test_shards_one_after_the_other_give_the_bytes_of_one_run(pictures: Path, tmp_path: Path) -> None:
    whole, shared = tmp_path / "whole", tmp_path / "shared"
    (pictures / "class 1" / "2.png").write_bytes(b"broken")
    assert extracted(pictures, whole).skipped == ("class 1/2.png",)
    done = [extracted(pictures, shared, f"{number}/3") for number in (2, 3, 1)]
    assert [extraction.store.complete for extraction in done] == [False, False, True]
    assert [extraction.skipped for extraction in done] == [(), (), ("class 1/2.png",)]
    # 7 parts of 3 samples, the last of 2: shard 1 has parts 0, 3 and 6.
    assert [extraction.computed for extraction in done] == [6, 5, 8]
    assert contents(shared) == contents(whole)


def test_an_unfinished_store_of_shards_is_no_store(pictures: Path, tmp_path: Path) -> None:
    extracted(pictures, tmp_path / "out", "1/3")
    with pytest.raises(FeatureError, match="4 of 7 parts are missing"):
        FeatureStore.open(tmp_path / "out")


def test_folders_of_shards_merge_by_copying_their_files_into_one(pictures: Path, tmp_path: Path) -> None:
    for number in (1, 2):
        extracted(pictures, tmp_path / str(number), f"{number}/2")
        shutil.copytree(tmp_path / str(number), tmp_path / "merged", dirs_exist_ok=True)
    finished = extracted(pictures, tmp_path / "merged")
    assert finished.computed == 0
    assert finished.store.complete
    extracted(pictures, tmp_path / "whole")
    assert contents(tmp_path / "merged") == contents(tmp_path / "whole")


def test_more_shards_than_parts_leave_some_without_work(pictures: Path, tmp_path: Path) -> None:
    idle = extracted(pictures, tmp_path / "out", "9/16")
    assert idle.computed == 0
    assert not idle.store.complete
    assert len(idle.store.missing_parts) == 7
    assert extracted(pictures, tmp_path / "out").computed == 20
    assert extracted(pictures, tmp_path / "out", "9/16").store.complete


def test_only_the_shard_s_own_damaged_parts_are_done_again(pictures: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    extracted(pictures, out)
    before = contents(out)
    for part in (0, 1):
        (out / f"part-0000{part}.parquet").write_bytes(b"damaged")
    assert extracted(pictures, out, "1/2").computed == 3
    assert extracted(pictures, out, "2/2").computed == 3
    assert contents(out) == before


def test_shards_at_the_same_time_in_one_folder(pictures: Path, tmp_path: Path) -> None:
    processes = [started(extracted, pictures, tmp_path / "out", f"{number}/3") for number in (1, 2, 3)]
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0, 0]
    assert FeatureStore.open(tmp_path / "out").complete
    extracted(pictures, tmp_path / "whole")
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")


def test_a_shard_is_held_by_one_process(pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locks, "_WAIT", 0.1)
    out = tmp_path / "out"
    with locks.held(out, share="1/2"):
        assert extracted(pictures, out, "2/2").computed == 9
        with pytest.raises(LockedError, match="is in use: process"):
            extracted(pictures, out, "1/2")
    assert extracted(pictures, out, "1/2").store.complete


def test_shards_of_other_features_are_refused(pictures: Path, tmp_path: Path) -> None:
    extracted(pictures, tmp_path / "out", "1/2")
    with pytest.raises(FeatureError, match="weights sha256"):
        extract(
            f"folder:{pictures}",
            tmp_path / "out",
            backbone=tiny_backbone(1),
            workers=0,
            part_size=3,
            shard=Shard(2, 2),
        )
