"""The results table."""

import json
import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oodml_bench.errors import OutputError, RunError
from oodml_bench.evaluation import ResultRow, read_results, write_results

from .rows import row, rows_of

texts = st.text(st.characters(exclude_categories=("Cs",)), max_size=8)
any_rows = st.builds(
    ResultRow,
    benchmark=texts, level=st.integers(1, 99), fid=st.floats(0, 1e6), recipe=texts, seed=st.integers(0, 2**40),
    weights=st.sampled_from(["last", "selected", "given"]), shots=st.integers(0, 9),
    episode=st.none() | st.integers(0, 9), gallery_classes=st.none() | st.integers(2, 99), metric=texts,
    value=st.floats(allow_nan=False, allow_infinity=False), adaptation=st.none() | texts,
)  # fmt: skip


@given(rows=st.lists(any_rows, unique_by=lambda row: row.key, max_size=6))
def test_what_was_written_is_read(tmp_path_factory, rows):
    path = tmp_path_factory.mktemp("results") / "results.jsonl"
    write_results(path, rows)
    assert read_results(path) == rows
    assert len(path.read_bytes().split(b"\n")) == len(rows) + 1


def test_any_reader_of_json_lines_can_open_it(tmp_path):
    write_results(tmp_path / "results.jsonl", [row(recipe="märgin", value=math.inf), row(level=2)])
    text = (tmp_path / "results.jsonl").read_text(encoding="utf-8")

    def refuse(constant):
        raise ValueError(constant)

    first, second = (json.loads(line, parse_constant=refuse) for line in text.splitlines())
    assert list(first) == list(ResultRow.__dataclass_fields__)
    assert (first["recipe"], first["value"], second["value"]) == ("märgin", None, 0.5)
    assert math.isnan(read_results(tmp_path / "results.jsonl")[0].value)


def test_results_of_before_there_was_adaptation(tmp_path):
    path = tmp_path / "results.jsonl"
    write_results(path, [row(adaptation="margin")])
    record = json.loads(path.read_bytes())
    del record["adaptation"]
    path.write_text(json.dumps(record) + "\n")
    assert read_results(path) == [row()]


def test_a_folder_gives_every_table_below_it_by_path(tmp_path):
    for number, name in enumerate(("b", "a/deep", "c")):
        write_results(tmp_path / name / "results.jsonl", [row(seed=number)])
    (tmp_path / "a" / "metrics.jsonl").write_text("not a result")
    assert [read.seed for read in read_results(tmp_path)] == [1, 0, 2]


def test_writing_replaces_the_whole_table(tmp_path):
    path = tmp_path / "results.jsonl"
    write_results(path, rows_of([[0.1, 0.2, 0.3]]))
    write_results(path, [row()])
    assert read_results(path) == [row()]
    assert [file.name for file in tmp_path.iterdir()] == ["results.jsonl"]
    with pytest.raises(OutputError):
        write_results(path / "below" / "results.jsonl", [row()])


def test_the_same_score_in_two_tables(tmp_path):
    write_results(tmp_path / "a" / "results.jsonl", [row(level=2), row()])
    write_results(tmp_path / "b" / "results.jsonl", [replace(row(), value=0.9)])
    with pytest.raises(RunError) as error:
        read_results(tmp_path)
    assert f"{tmp_path / 'b' / 'results.jsonl'}, line 1 and {tmp_path / 'a' / 'results.jsonl'}, line 2" in str(
        error.value
    )
    assert "recall@1 of margin, seed 0, on level 1 of glyphs" in str(error.value)


@pytest.mark.parametrize(
    "damage",
    [
        b'{"benchmark": "gl',
        b"",
        b"[]",
        b"17",
        b'{"benchmark": "glyphs"}',
        b"\xff\xfe",
        b"[" * 100_000,
        json.dumps({"weights": "best"}).encode(),
        json.dumps({"level": "three"}).encode(),
        json.dumps({"value": "high"}).encode(),
    ],
)
def test_damaged_lines(tmp_path, damage):
    path = tmp_path / "results.jsonl"
    write_results(path, [row()])
    good = json.loads(path.read_bytes())
    if damage.startswith((b'{"weights', b'{"level', b'{"value')):
        damage = json.dumps(good | json.loads(damage)).encode()
    path.write_bytes(path.read_bytes() + damage + b"\n")
    with pytest.raises(RunError, match=r"results.jsonl, line 2 is no result"):
        read_results(path)


def test_no_results(tmp_path):
    with pytest.raises(RunError, match=r"there is no results.jsonl in .* or below"):
        read_results(tmp_path)
    with pytest.raises(RunError, match=r"cannot read the results .*No such file"):
        read_results(tmp_path / "results.jsonl")
