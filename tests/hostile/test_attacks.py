"""What is known to harm readers of JSON, TOML, Parquet, NumPy archives and weights."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from oodml_bench.errors import BackboneError, OodmlError, RecipeError, RunError, SplitError
from oodml_bench.features.weights import read_state
from oodml_bench.splits.class_names import read_class_names
from oodml_bench.splits.groups import groups_of
from oodml_bench.training.checkpoint import CheckpointFile
from oodml_bench.training.recipe_files import load_recipe
from oodml_bench.training.run_folder import RunFolder
from tests.hostile.attacks import check_outcomes
from tests.hostile.kinds import KINDS, RECIPE


def edited(folder: Path, change: Callable[[dict[str, Any]], object]) -> str:
    """Give a valid JSON benchmark, changed."""
    KINDS["json"].make(folder)
    document = json.loads((folder / "x.json").read_text())
    change(document)
    return json.dumps(document)


def test_json(tmp_path: Path) -> None:
    def level(**fields: Any) -> str:
        return edited(tmp_path, lambda document: document["levels"]["1"].update(fields))

    many = {str(number * (2**61 - 1)): {} for number in range(1, 20_000)}
    attacks = {
        "deep lists": ("[" * 100_000, "too deep"),
        "deep dicts": ('{"a":' * 100_000, "too deep"),
        "many digits": ("9" * 100_000, "not valid JSON"),
        "not UTF-8": (b"\xff\xfe{\x00", "not valid JSON"),
        "another version": (json.dumps({"schema_version": "9" * 10_000}), "schema version '99"),
        "colliding levels": (edited(tmp_path, lambda document: document["levels"].update(many)), "at most 9 digits"),
        "colliding shots": (level(test_episodes=many), "at most 9 digits"),
        "colliding episodes": (level(test_episodes={"2": many}), "at most 9 digits"),
        "colliding shots left out": (level(left_out=many), "at most 9 digits"),
        "a million errors": (level(train=[{}] * 1_000_000), "valid string"),
        "a million errors in a dict": (
            level(test_episodes={"2": {"0": dict.fromkeys(map(str, range(300_000)), 1)}}),
            "is no",
        ),
        "half a surrogate pair": (level(train=["\ud800"]), "surrogates not allowed"),
        "a FID beyond all floats": (level(fid=10**400), "is no benchmark"),
        "a FID that is no number": (level(fid=float("nan")), "is nan"),
        "a very long key": (edited(tmp_path, lambda document: document["levels"].update({"x" * 10**6: {}})), "…"),
    }
    files = {}
    for name, (content, message) in attacks.items():
        path = tmp_path / f"{name}.json"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        files[path] = message
    check_outcomes("json", files)


def test_toml(tmp_path: Path) -> None:
    tables = "\n".join(f'[datasets."{number}"]' for number in range(100))
    attacks = {
        "deep lists": ("a = " + "[" * 30_000, "too deep"),
        "deep tables": ("a = " + "{a=" * 10_000, "too deep"),
        "a deep key": (".".join(["a"] * 20) + " = 1", "lie inside each other"),
        "a very long key": (".".join(["a"] * 20_000) + " = 1", "more than 64 dots"),
        "a huge number": ("[objective]\nname = 'margin'\nbeta = 0x" + "f" * 10_000, "beyond 64 bits"),
        "many digits": ("a = " + "9" * 10_000, "cannot be read"),
        "a large file": ("#" * 70_000, "longer than"),
        "many tables": (RECIPE.decode() + tables, "at most 64"),
        "itself as its base": ('base = "itself as its base.toml"', "leads back to itself"),
        "a device as its base": ('base = "/dev/zero"', "unknown recipe"),
        "a very long base": (f'base = "{"x" * 50_000}"', "unknown recipe"),
        "a very long name": (RECIPE.decode().replace('"margin"', f'"{"x" * 50_000}"'), "…"),
        "a very long setting": (RECIPE.decode() + f"[training2{'x' * 50_000}]", "…"),
    }
    files = {tmp_path / f"{name}.toml": message for name, (_, message) in attacks.items()}
    for path in files:
        path.write_text(attacks[path.stem][0])
    check_outcomes("toml", files)


def test_a_long_row_of_bases_is_refused(tmp_path: Path) -> None:
    for number in range(40):
        (tmp_path / f"{number}.toml").write_text(f'base = "{number + 1}.toml"')
    (tmp_path / "40.toml").write_bytes(RECIPE)
    with pytest.raises(RecipeError, match="at most 16 are allowed"):
        load_recipe(tmp_path / "0.toml")
    assert load_recipe(tmp_path / "30.toml").objective["beta"] == 0.6


def write_parquet(path: Path, **columns: Any) -> None:
    pq.write_table(pa.table(columns), path)


def test_parquet_embeddings(tmp_path: Path) -> None:
    good = {"sample": ["a", "b"], "embedding": [[1.0, 2.0], [3.0, 4.0]]}
    long = pa.array(["x" * 500_000]).dictionary_encode().take(pa.array([0] * 5_000))
    zeros = pa.FixedSizeListArray.from_arrays(pa.array(np.zeros(25_000_000, np.float32)), 500)
    attacks: dict[str, tuple[dict[str, Any], str]] = {
        "a long name often": (
            {"sample": long, "embedding": pa.array([[1.0]] * 5_000)},
            "a name in it has 500000 bytes",
        ),
        "zeros": ({"sample": [str(row) for row in range(50_000)], "embedding": zeros}, "are allowed"),
        "no numbers": (good | {"embedding": [["a"], ["b"]]}, "object"),
        "no lists": (good | {"embedding": [1.0, 2.0]}, "`embedding` holds double"),
        "empty lists": (good | {"embedding": pa.array([[], []], pa.list_(pa.float32()))}, "shape (2, 0)"),
        "other lengths": (good | {"embedding": [[1.0], [1.0, 2.0]]}, "different lengths"),
        "null names": (good | {"sample": ["a", None]}, "1 of them null"),
        "null numbers": (good | {"embedding": [[1.0, None], [1.0, 2.0]]}, "is null"),
        "structures": (good | {"sample": [{"a": 1}, {"a": 2}]}, "names are struct"),
        "very deep samples": (good | {"sample": ["a", "/" * 1000]}, "folders deep"),
        "invalid text": (
            good | {"sample": pa.Array.from_buffers(pa.string(), 2, pa.array([b"\xff", b"b"]).buffers())},
            "cannot be read",
        ),
    }
    for name, (columns, _) in attacks.items():
        write_parquet(tmp_path / f"{name}.parquet", **columns)
    twice = pa.table([pa.array(["a"]), pa.array(["b"]), pa.array([[1.0]])], names=["sample", "sample", "embedding"])
    pq.write_table(twice, tmp_path / "twice.parquet")
    files = {tmp_path / f"{name}.parquet": message for name, (_, message) in attacks.items()}
    check_outcomes("parquet-embeddings", files | {tmp_path / "twice.parquet": "there twice"})


def test_parquet_parts(tmp_path: Path) -> None:
    def part_of(name: str, rows: int, **columns: Any) -> Path:
        (tmp_path / name).mkdir()
        KINDS["parquet"].make(tmp_path / name)
        path = tmp_path / name / KINDS["parquet"].file
        table = pq.read_table(path).take(pa.array([0] * rows))
        for column, values in columns.items():
            at = table.schema.get_field_index(column)
            table = table.set_column(at, table.schema.field(at), pa.chunked_array([values]))
        pq.write_table(table, path)
        return path

    files = {
        part_of("more rows", 33): "33 rows, more than the 32 of a part",
        part_of("many rows", 3_000_000): "3000000 rows, more than the 32 of a part",
        part_of("a long name", 32, **{"class": pa.array(["x" * 5_000] * 32)}): "a name in it has 5000 bytes",
    }
    check_outcomes("parquet", files)


def test_descriptions_of_stores(tmp_path: Path) -> None:
    changes: dict[str, tuple[dict[str, Any] | str, str]] = {
        "many parts": ({"part_size": 1, "dataset": 10**12}, "parts; at most"),
        "very many parts": ({"part_size": 1, "dataset": 10**4000}, "parts; at most"),
        "a huge dimension": ({"dimension": 2**31}, "values a feature; at most"),
        "a huge part": ({"part_size": 2**40}, "rows a part; at most"),
        "another dimension": ({"dimension": 6}, "does not have the columns"),
        "deep": ("[" * 100_000, "too deep"),
        "a list": ("[]", "is not the description"),
    }
    files = {}
    for name, (change, message) in changes.items():
        (tmp_path / name).mkdir()
        KINDS["meta"].make(tmp_path / name)
        path = tmp_path / name / KINDS["meta"].file
        content = change if isinstance(change, str) else json.loads(path.read_text()) | change
        if isinstance(content, dict) and isinstance(content["dataset"], int):
            content["dataset"] = json.loads(path.read_text())["dataset"] | {"sample_count": content["dataset"]}
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        files[path] = message
    check_outcomes("meta", files)


def npy(shape: str, descr: str = "<f4", content: bytes = b"") -> bytes:
    header = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode() + content


def archive(*members: tuple[str, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", compression) as file:
        for name, content in members:
            file.writestr(name, content)
    return made.getvalue()


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_npz(tmp_path: Path) -> None:
    classes = ("classes.npy", npy("(1,)", "<i8", bytes(8)))
    zeros = npy("(25000000, 1)", "<f4", bytes(100_000_000))
    names = npy("(1,)", "<U25000000", bytes(100_000_000))
    both = (("features.npy", npy("(1, 1)", "<f4", bytes(4))), classes)
    ahead = archive(("features.npy", npy("(1, 1)", "<f4", bytes(4))), ("classes.npy", npy("(1,)", "<i8", bytes(8))))
    attacks = {
        "a zip bomb": (archive(("features.npy", zeros), classes, compression=zipfile.ZIP_DEFLATED), "are allowed"),
        "a bomb of text": (archive(both[0], ("classes.npy", names), compression=zipfile.ZIP_DEFLATED), "are allowed"),
        "another compression": (archive(*both, compression=zipfile.ZIP_LZMA), "NumPy does not use"),
        "a gigantic shape": (archive(("features.npy", npy("(999999999999, 9)")), classes), "not an array of shape"),
        "a shape beyond all integers": (archive(("features.npy", npy(f"({10**30}, 0)")), classes), "cannot be read"),
        "a gigantic text": (archive(both[0], ("classes.npy", npy("(1,)", "<U999999999"))), "cannot be read"),
        "objects": (archive(("features.npy", npy("(1, 1)", "|O", b"cos\nsystem\n")), classes), "Python objects"),
        "an array twice": (archive(*both, both[0]), "there twice"),
        "a deep header": (archive(("features.npy", npy("(" * 5000)), classes), "cannot be read"),
        "a call in a header": (
            archive(("features.npy", npy("__import__('os').system('true')")), classes),
            "cannot be read",
        ),
        "a cut archive": (ahead[:-30], "cannot be read"),
        "a single array": (npy("(1, 1)", "<f4", bytes(4)), "a single array"),
    }
    files = {tmp_path / f"{name}.npz": message for name, (_, message) in attacks.items()}
    for path in files:
        path.write_bytes(attacks[path.stem][0])
    check_outcomes("npz", files)


@pytest.mark.parametrize(
    "content", ["[" * 100_000, '{"a":' * 900 + "1" + "}" * 900, "[]", "9" * 9_000, '{"schema_version": 1}']
)
def test_descriptions_of_runs(tmp_path: Path, content: str) -> None:
    (tmp_path / "run.json").write_text(content)
    with pytest.raises(RunError, match="is not the description of a run") as refused:
        RunFolder(tmp_path).description()
    assert len(str(refused.value)) < 1_000


def test_results(tmp_path: Path) -> None:
    attacks = {
        "a line without an end": ("[1," * 100_000, "is longer than"),
        "a deep line": ("[" * 60_000, "too deep"),
        "many digits": ('{"value": ' + "9" * 6_000 + "}", "is no result"),
        "binary": ("\x00\x01", "is no result"),
    }
    files = {tmp_path / f"{name}.jsonl": message for name, (_, message) in attacks.items()}
    for path in files:
        path.write_text(attacks[path.stem][0])
    check_outcomes("results", files)


def bomb(path: Path) -> None:
    """Write a file of torch whose zeros are compressed, which torch itself never does."""
    made = io.BytesIO()
    torch.save({"identity": {}, "weight": torch.zeros(25_000_000)}, made)
    with zipfile.ZipFile(made) as whole:
        members = [(name, whole.read(name)) for name in whole.namelist()]
    path.write_bytes(archive(*members, compression=zipfile.ZIP_DEFLATED))


def test_weights_and_checkpoints_that_are_bombs(tmp_path: Path) -> None:
    bomb(tmp_path / "x.pt")
    with pytest.raises(BackboneError, match="are allowed"):
        read_state(tmp_path / "x.pt")
    with pytest.raises(RunError, match=r"are allowed.* Delete it"):
        CheckpointFile(tmp_path / "x.pt", {}).read()


@pytest.mark.parametrize("identity", [3, [1], None, "x"])
def test_a_checkpoint_of_no_identity_is_refused(tmp_path: Path, identity: object) -> None:
    torch.save({"identity": identity}, tmp_path / "x.pt")
    with pytest.raises(RunError, match="cannot be read"):
        CheckpointFile(tmp_path / "x.pt", {}).read()


def test_a_checkpoint_of_another_run_is_refused_in_few_words(tmp_path: Path) -> None:
    torch.save({"identity": {f"{number}": "x" * 10_000 for number in range(1_000)}}, tmp_path / "x.pt")
    with pytest.raises(RunError, match="another run") as refused:
        CheckpointFile(tmp_path / "x.pt", {"seed": 0}).read()
    assert len(str(refused.value)) < 5_000


def test_weights_that_nest_without_end_are_refused(tmp_path: Path) -> None:
    state: dict[str, Any] = {}
    for _ in range(200):
        state = {"state_dict": state}
    torch.save(state, tmp_path / "x.pt")
    with pytest.raises(BackboneError, match="holds no state dict"):
        read_state(tmp_path / "x.pt")


@pytest.mark.parametrize("content", [b"\xff\xfe", b"", b"\n\n"])
def test_class_names(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.txt").write_bytes(content)
    with pytest.raises(SplitError):
        read_class_names(tmp_path / "x.txt")


@pytest.mark.parametrize(
    "content", [b"\xff", b"a,b,c", b'"' + b"x" * 200_000, b"a\x00,b", b'a,"b' + b"\n" * 50_000, b","]
)
def test_groups(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.csv").write_bytes(content)
    with pytest.raises(SplitError) as refused:
        groups_of(["a"], str(tmp_path / "x.csv"), {})
    assert len(str(refused.value)) < 1_000


@pytest.mark.parametrize("read", [read_class_names, lambda path: groups_of(["a"], str(path), {})])
def test_a_device_without_an_end_is_not_read_to_it(read: Callable[[Path], object]) -> None:
    with pytest.raises(OodmlError, match=r"longer than 64 MiB"):
        read(Path("/dev/zero"))
