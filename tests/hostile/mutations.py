"""Damaging valid files, at random and again the same way from the same generator."""

from __future__ import annotations

import io
import json
import pickletools
import zipfile
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

Mutation = Callable[[np.random.Generator, bytes], bytes]

#: What readers have stumbled over: numbers at the ends of ranges, signs of formats, and calls.
TOKENS = [
    *(
        b"\x00",
        b"\xff" * 8,
        b"\x7f\xff\xff\xff",
        b"\xff\xff\xff\x7f",
        b"\x80\x00\x00\x00",
        b"\r\n",
        b"\xef\xbb\xbf",
        b"%s",
    ),
    *(b"NaN", b"-Infinity", b"1e999", b"-0", b"9" * 400, b"9" * 5000, b'"\\ud800"', b"null", b"[" * 3000, b"{" * 3000),
    *(b'{"a":' * 2000, b"../" * 50, b"\xed\xa0\x80", b"a." * 500, b"[[a]]\n", b"0x" + b"f" * 6000, b"'''", b'"""'),
    *(b"cos\nsystem\n(X\x04\x00\x00\x00exittR", b"c__builtin__\neval\n", b"\x8c\x08builtins\x8c\x04exec\x93"),
    *(
        b"r\xff\xff\xff\xff",
        b"\x8b\xff\xff\xff\x7f",
        b"\x95" + b"\xff" * 8,
        b"\x96" + b"\xff" * 8,
        b"\x8d" + b"\x7f" * 8,
    ),
    *(
        b"PAR1",
        b"PK\x01\x02",
        b"PK\x05\x06",
        b"\x93NUMPY\x01\x00",
        b"'descr': '|O'",
        b"(1000000000000,)",
        b"<U999999999",
    ),
]

#: Values that stand where others were.
VALUES: list[Any] = [
    *(None, True, -1, 0, 2**31, 2**63, 10**400, -(10**18), 1e308, float("nan"), float("inf"), "", "\x00", "x" * 5000),
    *("\ud800", "../..", "\x1b[2J", "1", "nan", [], {}, [[]], [None], {"": None}, {"1": {}}, ["a"] * 200, [{}] * 200),
    *({str(2**61 - 1): 1}, "9" * 400, "९", "margin", {"name": "margin"}),
]

#: Share of the files that are changed once only; what is changed often is refused early.
_ONCE = 0.7

_MOST_MUTATIONS = 4


def damaged(random: np.random.Generator, content: bytes, shaped: Sequence[Mutation]) -> bytes:
    """Change a file once or a few times: somewhere in its bytes, or in a way that knows its format."""
    for _ in range(min(int(random.geometric(_ONCE)), _MOST_MUTATIONS)):
        known = shaped and random.random() < 0.5
        mutations = shaped if known else _ANYWHERE
        content = mutations[random.integers(len(mutations))](random, content)
    return content


def _place(random: np.random.Generator, content: bytes) -> int:
    """Give a place; as often near the end, where archives and tables keep their directories, as anywhere."""
    length = len(content)
    return int(
        random.integers(max(0, length - 1500), length + 1) if random.random() < 0.3 else random.integers(length + 1)
    )


def _flip(random: np.random.Generator, content: bytes) -> bytes:
    changed = bytearray(content)
    for _ in range(random.integers(1, 9)):
        place = _place(random, content)
        if place < len(changed):
            changed[place] ^= 1 << int(random.integers(8))
    return bytes(changed)


def _overwrite(random: np.random.Generator, content: bytes) -> bytes:
    place, new = _place(random, content), random.bytes(int(random.integers(1, 9)))
    return content[:place] + new + content[place + len(new) :]


def _cut(random: np.random.Generator, content: bytes) -> bytes:
    first, last = sorted((_place(random, content), _place(random, content)))
    return content[:first] if random.random() < 0.5 else content[:first] + content[last:]


def _repeat(random: np.random.Generator, content: bytes) -> bytes:
    first = _place(random, content)
    block = content[first : first + int(random.integers(1, 200))]
    return content[:first] + block * int(random.integers(2, 30)) + content[first:]


def _splice(random: np.random.Generator, content: bytes) -> bytes:
    first, to = _place(random, content), _place(random, content)
    block = content[first : first + int(random.integers(1, 400))]
    return content[:to] + block + content[to + len(block) * int(random.integers(2)) :]


def _insert_token(random: np.random.Generator, content: bytes) -> bytes:
    place, token = _place(random, content), TOKENS[random.integers(len(TOKENS))]
    return content[:place] + token + content[place + len(token) * int(random.integers(2)) :]


_ANYWHERE: list[Mutation] = [_flip, _overwrite, _cut, _repeat, _splice, _insert_token]


def other_instruction(random: np.random.Generator, content: bytes) -> bytes:
    """Put an instruction into a pickle, between two others or instead of one."""
    try:
        places = [place for _, _, place in pickletools.genops(content) if place is not None]
    except Exception:
        return content
    at = int(random.integers(len(places)))
    end = places[at + int(random.integers(2))] if at + 1 < len(places) else places[at]
    return content[: places[at]] + _instruction(random) + content[end:]


def random_instructions(random: np.random.Generator, _: bytes) -> bytes:
    """Make a pickle of instructions in any order."""
    return b"\x80\x02" + b"".join(_instruction(random) for _ in range(random.integers(1, 200))) + b"."


def _instruction(random: np.random.Generator) -> bytes:
    code = pickletools.opcodes[random.integers(len(pickletools.opcodes))]
    if code.arg is None:
        argument = b""
    elif code.arg.n >= 0:
        argument = (
            bytes([int(random.integers(4)), *bytes(code.arg.n - 1)])
            if random.random() < 0.7
            else random.bytes(code.arg.n)
        )
    elif code.arg.n == pickletools.UP_TO_NEWLINE:
        argument = [b"1\n", b"os\nsystem\n", b"numpy\ndtype\n", b"-1\n", b"9" * 6000 + b"\n", b"x\n"][
            random.integers(6)
        ]
    else:
        text, width = random.bytes(int(random.integers(5))), {-2: 1, -3: 4, -4: 4, -5: 8}[code.arg.n]
        argument = (len(text) if random.random() < 0.7 else 2**31 - 1 >> (8 * (4 - min(width, 4)))).to_bytes(
            width, "little"
        ) + text
    return code.code.encode("latin-1") + argument


def other_value(random: np.random.Generator, content: bytes) -> bytes:
    """Put another value, or a copy of another part, somewhere into JSON."""
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        return content
    holders = [holder for holder in _holders(document) if holder]
    if not holders:
        return content
    holder = holders[random.integers(len(holders))]
    key = list(holder)[random.integers(len(holder))] if isinstance(holder, dict) else int(random.integers(len(holder)))
    new = VALUES[random.integers(len(VALUES))] if random.random() < 0.7 else holders[random.integers(len(holders))]
    if isinstance(holder, dict) and random.random() < 0.3:
        holder[str(VALUES[random.integers(10)])] = holder.pop(key)
    else:
        holder[key] = new
    try:
        return json.dumps(document).encode()
    except (ValueError, RecursionError):  # it now holds itself
        return content


def _holders(value: Any) -> list[Any]:
    entries = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return [] if entries is None else [value, *(holder for entry in entries for holder in _holders(entry))]


def other_setting(random: np.random.Generator, content: bytes) -> bytes:
    """Change the value, the name or the place of a setting in TOML."""
    lines = content.split(b"\n")
    at = int(random.integers(len(lines)))
    name, sign, _ = lines[at].partition(b"=")
    value = json.dumps(VALUES[random.integers(len(VALUES))]).encode()
    choice = random.integers(4)
    if choice == 0:
        lines.insert(int(random.integers(len(lines))), lines[at])
    elif choice == 1:
        lines[at] = b"[" + name.strip() + b".x]"
    else:
        lines[at] = name + (sign or b" = ") + (value if choice == 2 else TOKENS[random.integers(len(TOKENS))])
    return b"\n".join(lines)


def other_member(random: np.random.Generator, content: bytes) -> bytes:
    """Damage an array inside an archive, so that the archive itself is whole."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = [(name, archive.read(name)) for name in archive.namelist()]
    except Exception:
        return content
    if not members:
        return content
    at = int(random.integers(len(members)))
    name, array = members[at]
    header = array[:128]
    members[at] = (name, damaged(random, header, [_other_header]) + array[128:])
    if random.random() < 0.1:
        members.append(members[random.integers(len(members))])
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED][random.integers(2)]) as archive:
        for name, array in members:
            archive.writestr(name, array)
    return made.getvalue()


def _other_header(random: np.random.Generator, header: bytes) -> bytes:
    changes = [
        *(
            (b"<f4", b"|O8"),
            (b"<f4", b"<U9"),
            (b"<f4", b"<M8"),
            (b"<U", b"<V"),
            (b"<U", b"<S"),
            (b"(", b"(99999999999, "),
        ),
        *(
            (b"False", b"True "),
            (b", )", b",-1)"),
            (b"descr", b"shape"),
            (b"(", b"[" * 60),
            (b"'", b'"'),
            (b"<f4", b"<c8"),
        ),
    ]
    old, new = changes[random.integers(len(changes))]
    changed = header.replace(old, new)
    return changed[: len(header)].ljust(len(header)) if random.random() < 0.8 else changed
