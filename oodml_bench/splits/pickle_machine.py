"""A machine for the instructions of a pickle that plain values need, and for no others.

Python's own unpickler can be kept from importing, but not from reserving gigabytes for the number of a memo entry, nor
from filling a dict with keys that all collide. This one has no instruction that imports, and none that takes more
memory than a fixed multiple of the bytes that ask for it.

The instructions are those of Python's `pickletools`, protocols 0 to 5.
"""

from __future__ import annotations

import pickle
import pickletools
import struct
from collections.abc import Callable
from typing import Any

from oodml_bench.splits.numpy_scalars import STAND_INS, RefusedPickleError, ScalarType

#: Most bytes of one text or number: a class name of 4,096 characters as NumPy writes it under protocol 2.
MOST_ARGUMENT_BYTES = 32_768

#: Most containers that are begun inside each other.
MOST_MARKS = 32

_MOST_INTEGER_BITS = 64

_SHORT, _SIGNED, _UNSIGNED, _FRAME_SIZE = (struct.Struct(form) for form in ("<H", "<i", "<I", "<Q"))
_DOUBLE = struct.Struct(">d")

_NAMES = {ord(code.code): code.name for code in pickletools.opcodes}


class PickleMachine:
    """Runs one pickle.

    Parameters
    ----------
    content
        The pickle.

    Attributes
    ----------
    stack
        The values that are not yet part of another one.
    memo
        The values that can be used again, by number.
    """

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._at = 0
        self.stack: list[Any] = []
        self._below: list[list[Any]] = []
        self.memo: dict[int, Any] = {}

    def run(self) -> Any:
        """Give the value.

        Raises
        ------
        RefusedPickleError
            Where an instruction, a name or a value is none that a benchmark needs.
        ValueError, LookupError, TypeError, struct.error
            Where the pickle is damaged.
        """
        content = self._content
        while (code := content[self._at]) != pickle.STOP[0]:
            self._at += 1
            instruction = _INSTRUCTIONS.get(code)
            if instruction is None:
                raise RefusedPickleError(f"the instruction {_NAMES.get(code, hex(code))}")
            instruction(self)
        if self._below or len(self.stack) != 1:
            raise ValueError("it ends with unfinished values")
        return self.stack[0]

    def take(self, count: int) -> bytes:
        """Give the next bytes."""
        if count > MOST_ARGUMENT_BYTES:
            raise RefusedPickleError(f"a text or number of {count} bytes, more than {MOST_ARGUMENT_BYTES}")
        start, self._at = self._at, self._at + count
        if count < 0 or self._at > len(self._content):
            raise ValueError("it ends too early")
        return self._content[start : self._at]

    def byte(self) -> int:
        """Give the byte that comes next, as a number."""
        value = self._content[self._at]
        self._at += 1
        return value

    def number(self, form: struct.Struct) -> Any:
        """Give the number that comes next."""
        (value,) = form.unpack_from(self._content, self._at)
        self._at += form.size
        return value

    def line(self) -> bytes:
        """Give what comes next as a line of text."""
        end = self._content.index(b"\n", self._at, self._at + MOST_ARGUMENT_BYTES)
        start, self._at = self._at, end + 1
        return self._content[start:end]

    def mark(self) -> None:
        """Begin the values of a container."""
        if len(self._below) == MOST_MARKS:
            raise RefusedPickleError(f"more than {MOST_MARKS} containers inside each other")
        self._below.append(self.stack)
        self.stack = []

    def since_mark(self) -> list[Any]:
        """Take the values of a container."""
        values, self.stack = self.stack, self._below.pop()
        return values


def _keep(machine: PickleMachine, place: int) -> None:
    machine.memo[place] = machine.stack[-1]


def _check_protocol(machine: PickleMachine) -> None:
    if (version := machine.byte()) > pickle.HIGHEST_PROTOCOL:
        raise RefusedPickleError(f"protocol {version}")


def _small_integer(value: int) -> int:
    """Refuse what is beyond 64 bits: such numbers can be made to collide as keys."""
    if value.bit_length() > _MOST_INTEGER_BITS:
        raise RefusedPickleError("a number beyond 64 bits")
    return value


def _written_integer(machine: PickleMachine) -> None:
    line = machine.line().rstrip(b"L")
    # So protocols 0 and 1 write the booleans.
    machine.stack.append(line == b"01" if line in (b"00", b"01") else _small_integer(int(line)))


def _long_integer(machine: PickleMachine) -> None:
    machine.stack.append(_small_integer(int.from_bytes(machine.take(machine.byte()), "little", signed=True)))


def _extend(machine: PickleMachine, values: list[Any]) -> None:
    if type(machine.stack[-1]) is not list:
        raise ValueError("an entry of what is no list")
    machine.stack[-1].extend(values)


def _update(machine: PickleMachine, pairs: list[Any]) -> None:
    if type(machine.stack[-1]) is not dict:
        raise ValueError("an entry of what is no dict")
    machine.stack[-1].update(_mapping(pairs))


def _mapping(pairs: list[Any]) -> dict[str | int, Any]:
    keys, values = pairs[::2], pairs[1::2]
    if not {type(key) for key in keys} <= {str, int}:
        raise RefusedPickleError("a key that is neither text nor a number")
    return dict(zip(keys, values, strict=True))


def _push_container(machine: PickleMachine, make: Callable[[list[Any]], Any]) -> None:
    values = machine.since_mark()
    machine.stack.append(make(values))


def _push_tuple(machine: PickleMachine, count: int) -> None:
    machine.stack.append(tuple([machine.stack.pop() for _ in range(count)][::-1]))


def _set_item(machine: PickleMachine) -> None:
    value, key = machine.stack.pop(), machine.stack.pop()
    _update(machine, [key, value])


def _name(machine: PickleMachine) -> None:
    _push_stand_in(machine, machine.line().decode(), machine.line().decode())


def _name_on_stack(machine: PickleMachine) -> None:
    name, module = machine.stack.pop(), machine.stack.pop()
    if not (isinstance(module, str) and isinstance(name, str)):
        raise RefusedPickleError("a name that is no text")
    _push_stand_in(machine, module, name)


def _push_stand_in(machine: PickleMachine, module: str, name: str) -> None:
    if (module, name) not in STAND_INS:
        raise RefusedPickleError(f"{module}.{name}")
    machine.stack.append(STAND_INS[module, name])


def _call(machine: PickleMachine) -> None:
    arguments, function = machine.stack.pop(), machine.stack.pop()
    # By identity: what is on the stack need not be hashable.
    if type(arguments) is not tuple or not any(function is known for known in STAND_INS.values()):
        raise RefusedPickleError("a call of what is no function")
    machine.stack.append(function(*arguments))


def _set_state(machine: PickleMachine) -> None:
    state = machine.stack.pop()
    if not isinstance(machine.stack[-1], ScalarType):
        raise RefusedPickleError("the state of an object")
    machine.stack[-1].set_state(state)


_INSTRUCTIONS: dict[int, Callable[[PickleMachine], Any]] = {
    code[0]: instruction
    for code, instruction in {
        pickle.PROTO: _check_protocol,
        # A frame only says how much may be read at once.
        pickle.FRAME: lambda machine: machine.number(_FRAME_SIZE),
        pickle.MARK: PickleMachine.mark,
        pickle.NONE: lambda machine: machine.stack.append(None),
        pickle.NEWTRUE: lambda machine: machine.stack.append(True),
        pickle.NEWFALSE: lambda machine: machine.stack.append(False),
        pickle.INT: _written_integer,
        pickle.LONG: _written_integer,
        pickle.BININT: lambda machine: machine.stack.append(machine.number(_SIGNED)),
        pickle.BININT1: lambda machine: machine.stack.append(machine.byte()),
        pickle.BININT2: lambda machine: machine.stack.append(machine.number(_SHORT)),
        pickle.LONG1: _long_integer,
        pickle.FLOAT: lambda machine: machine.stack.append(float(machine.line())),
        pickle.BINFLOAT: lambda machine: machine.stack.append(machine.number(_DOUBLE)),
        # Text of Python 2; its bytes were names.
        pickle.SHORT_BINSTRING: lambda machine: machine.stack.append(machine.take(machine.byte()).decode("latin-1")),
        pickle.BINSTRING: lambda machine: machine.stack.append(machine.take(machine.number(_SIGNED)).decode("latin-1")),
        pickle.UNICODE: lambda machine: machine.stack.append(machine.line().decode("raw-unicode-escape")),
        pickle.SHORT_BINUNICODE: lambda machine: machine.stack.append(machine.take(machine.byte()).decode()),
        pickle.BINUNICODE: lambda machine: machine.stack.append(machine.take(machine.number(_UNSIGNED)).decode()),
        pickle.SHORT_BINBYTES: lambda machine: machine.stack.append(machine.take(machine.byte())),
        pickle.BINBYTES: lambda machine: machine.stack.append(machine.take(machine.number(_UNSIGNED))),
        pickle.EMPTY_LIST: lambda machine: machine.stack.append([]),
        pickle.LIST: lambda machine: _push_container(machine, list),
        pickle.APPEND: lambda machine: _extend(machine, [machine.stack.pop()]),
        pickle.APPENDS: lambda machine: _extend(machine, machine.since_mark()),
        pickle.EMPTY_TUPLE: lambda machine: machine.stack.append(()),
        pickle.TUPLE: lambda machine: _push_container(machine, tuple),
        pickle.TUPLE1: lambda machine: _push_tuple(machine, 1),
        pickle.TUPLE2: lambda machine: _push_tuple(machine, 2),
        pickle.TUPLE3: lambda machine: _push_tuple(machine, 3),
        pickle.EMPTY_DICT: lambda machine: machine.stack.append({}),
        pickle.DICT: lambda machine: _push_container(machine, _mapping),
        pickle.SETITEM: _set_item,
        pickle.SETITEMS: lambda machine: _update(machine, machine.since_mark()),
        pickle.PUT: lambda machine: _keep(machine, int(machine.line())),
        pickle.BINPUT: lambda machine: _keep(machine, machine.byte()),
        pickle.LONG_BINPUT: lambda machine: _keep(machine, machine.number(_UNSIGNED)),
        pickle.MEMOIZE: lambda machine: _keep(machine, len(machine.memo)),
        pickle.GET: lambda machine: machine.stack.append(machine.memo[int(machine.line())]),
        pickle.BINGET: lambda machine: machine.stack.append(machine.memo[machine.byte()]),
        pickle.LONG_BINGET: lambda machine: machine.stack.append(machine.memo[machine.number(_UNSIGNED)]),
        pickle.GLOBAL: _name,
        pickle.STACK_GLOBAL: _name_on_stack,
        pickle.REDUCE: _call,
        pickle.BUILD: _set_state,
    }.items()
}
