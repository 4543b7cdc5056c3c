"""What is known to harm readers of pickles."""

from __future__ import annotations

import pickle
import struct
from pathlib import Path

import pytest

from oodml_bench.errors import BenchmarkFileError
from oodml_bench.splits.plain_tree import MOST_CHARACTERS, MOST_DEPTH, check_tree
from oodml_bench.splits.unpickling import load_plain
from tests.hostile.attacks import check_outcomes
from tests.hostile.kinds import levels


def laughs(rounds: int, empty: bytes = b"]", many: bytes = b"e") -> bytes:
    """Give a list of lists, each of ten times the one before it: 10**rounds values in a few bytes a round."""
    made = b"\x80\x02](" + empty + b"q\x00(" + b"K\x01" * 10 + many
    for number in range(rounds):
        made += empty + b"q" + bytes([number + 1]) + b"(" + b"h" + bytes([number]) + (b"h" + bytes([number])) * 9 + many
    return made + b"e."


def in_level(value: bytes) -> bytes:
    """Put a pickled value where the train classes of a level are."""
    return b"\x80\x02}K\x01}X\x05\x00\x00\x00train" + value + b"ss."


COLLIDING = [2**61 - 1 + number * (2**61 - 1) for number in range(2_000)]

ATTACKS = {
    "a memo entry of a huge number": (b"\x80\x02]r\xff\xff\xff\x7f.", "is no benchmark"),
    "an integer of 2 GB": (b"\x80\x02\x8b\xff\xff\xff\x7f1.", "the instruction LONG4"),
    "an integer of many bytes": (b"\x80\x02\x8a\xff" + b"\x7f" * 255 + b".", "beyond 64 bits"),
    "an integer of many digits": (b"L" + b"9" * 5000 + b"L\n.", "not a readable pickle"),
    "colliding keys": (pickle.dumps(dict.fromkeys(COLLIDING, 1), protocol=2), "beyond 64 bits"),
    "colliding keys that are tuples": (b"\x80\x02}K\x01\x85K\x01s.", "a key that is neither"),
    "lists inside each other": (b"\x80\x02" + b"]" * 200_000 + b"a" * 199_999 + b".", "containers inside each other"),
    "marks inside each other": (b"\x80\x02" + b"(" * 200_000 + b"l" * 200_000 + b".", "containers inside each other"),
    "a list that holds itself": (in_level(b"]q\x00h\x00a"), "holds itself"),
    "a dict that holds itself": (b"\x80\x02}q\x00K\x01h\x00s.", "holds itself"),
    "a billion laughs": (laughs(9), "again and again"),
    "a billion laughs in the train classes": (in_level(laughs(20)[2:-1]), "again and again"),
    "a frame beyond the end": (b"\x80\x04\x95" + b"\xff" * 8 + b"N.", "is no benchmark"),
    "a text of 2 GB": (b"\x80\x02X\xff\xff\xff\x7fabc.", "more than"),
    "a text of very many bytes": (b"\x80\x04\x8d" + struct.pack("<Q", 2**62) + b"abc.", "BINUNICODE8"),
    "bytes of very many bytes": (b"\x80\x04\x8e" + struct.pack("<Q", 2**62) + b"abc.", "BINBYTES8"),
    "an array of very many bytes": (b"\x80\x05\x96" + struct.pack("<Q", 2**62) + b"abc.", "BYTEARRAY8"),
    "a buffer from elsewhere": (b"\x80\x05\x97.", "NEXT_BUFFER"),
    "a read-only buffer": (b"\x80\x05N\x98.", "READONLY_BUFFER"),
    "an extension code": (b"\x80\x02\x82\x01.", "EXT1"),
    "a persistent object": (b"Pos\n.", "PERSID"),
    "an instance": (b"(S'true'\nios\nsystem\n.", "STRING"),
    "an instance without a text": (b"(K\x01ios\nsystem\n.", "INST"),
    "an object": (b"\x80\x02(cos\nsystem\nK\x01o.", "os.system"),
    "a new object": (b"\x80\x02cnumpy\ndtype\n)\x81.", "NEWOBJ"),
    "a name from the stack": (b"\x80\x04\x8c\x08builtins\x8c\x04eval\x93.", "builtins.eval"),
    "a name with a dot": (b"\x80\x04\x8c\x05numpy\x8c\x0edtype.__init__\x93.", "numpy.dtype.__init__"),
    "a set": (b"\x80\x04\x8f.", "EMPTY_SET"),
    "a function as a value": (b"\x80\x02]cnumpy\ndtype\na.", "a value of type type"),
    "a very long name": (in_level(b"]X\x88\x13\x00\x00" + b"x" * 5000 + b"a"), "a text of 5000 characters"),
    "a zero byte in a name of a module": (b"\x80\x02cnumpy\x00\ndtype\n.", "refused"),
    "a call with a list": (b"\x80\x02cnumpy\ndtype\n]R.", "a call"),
    "a protocol of the future": (b"\x80\xff.", "protocol 255"),
    "a structured scalar": (b"\x80\x02cnumpy\ndtype\nX\x03\x00\x00\x00V99\x85R.", "no plain scalar"),
    "a scalar of gigabytes": (b"\x80\x02cnumpy\ndtype\nX\x0a\x00\x00\x00U999999999\x85R.", "no plain scalar"),
    "a scalar without its bytes": (
        b"\x80\x02cnumpy.core.multiarray\nscalar\ncnumpy\ndtype\nX\x07\x00\x00\x00U999999\x85RU\x04abcd\x86R.",
        "4 bytes for a NumPy scalar",
    ),
}


def test_attacks_are_refused_in_time_and_in_bounds(tmp_path: Path) -> None:
    files = {tmp_path / f"{name}.pkl": message for name, (_, message) in ATTACKS.items()}
    for path in files:
        path.write_bytes(ATTACKS[path.stem][0])
    check_outcomes("pickle", files)


def test_lists_in_several_places_are_read() -> None:
    content = levels()
    read = load_plain(pickle.dumps(content, protocol=4), "x")
    assert read == content
    assert read[1]["train"] is read[2]["train"]


@pytest.mark.parametrize("protocol", range(6))
def test_plain_values_come_back(protocol: int) -> None:
    value = {1: ["ü", "", (), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4)], "a": [None, True, False, -1, 255, 70_000, 2**40]}
    value |= {2: [1.5, -0.0, float("inf"), [], {}, "x" * 300], -3: {"b": ["same", "same"]}}
    assert load_plain(pickle.dumps(value, protocol=protocol), "x") == value


def test_depth_and_length_are_allowed_up_to_their_bounds() -> None:
    value: object = "x" * MOST_CHARACTERS
    for _ in range(MOST_DEPTH):
        value = [value]
    assert load_plain(pickle.dumps(value, protocol=4), "x") == value
    with pytest.raises(BenchmarkFileError, match="containers inside each other"):
        load_plain(pickle.dumps([value], protocol=4), "x")
    with pytest.raises(BenchmarkFileError, match=f"a text of {MOST_CHARACTERS + 1} characters"):
        load_plain(pickle.dumps("x" * (MOST_CHARACTERS + 1), protocol=4), "x")


def test_values_are_counted_wherever_they_are() -> None:
    shared = [1, 2, 3]
    # Two lists of three, and a number, in a list of three.
    value = [shared, shared, 5]
    check_tree(value, 9)
    with pytest.raises(ValueError, match="more than 8 values"):
        check_tree(value, 8)


def test_a_large_benchmark_is_read_in_bounds(tmp_path: Path) -> None:
    names = [f"coffee_maker_{number:012}" for number in range(20_000)]
    content = {level: {"train": names[::2], "test": names[1::2], "fid": float(level)} for level in range(1, 6)}
    (tmp_path / "large.pkl").write_bytes(pickle.dumps(content, protocol=2))
    check_outcomes("pickle", {tmp_path / "large.pkl": "good"})
