"""The package has no call that runs what is in a file."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import oodml_bench

FORBIDDEN = {
    *("eval", "exec", "os.system", "os.popen", "pickle.load", "pickle.loads", "pickle.Unpickler", "yaml.load"),
    *("marshal.load", "marshal.loads", "shelve.open", "joblib.load", "pd.read_pickle", "torch.hub.load", "dill.load"),
}

#: What must be said so that these run nothing.
SAFE = {"torch.load": ("weights_only", True), "np.load": ("allow_pickle", False), "read_array": ("allow_pickle", False)}


def unsafe(source: str) -> Iterator[str]:
    """Give the calls in a source that may run what is in a file."""
    for call in (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)):
        name = ast.unparse(call.func)
        said = {word.arg: word.value for word in call.keywords}
        wanted = next(
            (said_so for ending, said_so in SAFE.items() if name == ending or name.endswith(f".{ending}")), None
        )
        shell = said.get("shell")
        if (
            name in FORBIDDEN
            or (shell is not None and not (isinstance(shell, ast.Constant) and shell.value is False))
            or (wanted is not None and not _says(said.get(wanted[0]), wanted[1]))
        ):
            yield f"line {call.lineno}: {ast.unparse(call)}"


def _says(value: ast.expr | None, wanted: bool) -> bool:
    return isinstance(value, ast.Constant) and value.value is wanted


def test_the_package_calls_nothing_unsafe() -> None:
    files = sorted(Path(oodml_bench.__file__).parent.rglob("*.py"))
    found = {str(file): calls for file in files if (calls := list(unsafe(file.read_text(encoding="utf-8"))))}
    assert not found
    assert len(files) > 100


@pytest.mark.parametrize(
    "source",
    [
        *("torch.load(path)", "torch.load(path, weights_only=False)", "np.load(path)", "np.load(p, allow_pickle=x)"),
        *("pickle.load(f)", "eval(text)", "exec(text)", "run(x, shell=True)", "yaml.load(f)", "npy.read_array(file)"),
    ],
)
def test_an_unsafe_call_is_found(source: str) -> None:
    assert list(unsafe(source))
