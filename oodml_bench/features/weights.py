"""Weights of a network: reading them from a file, loading them, and telling two sets of weights apart."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch

from oodml_bench.errors import BackboneError
from oodml_bench.reading.archives import check_archive
from oodml_bench.reading.cutting import cut

if TYPE_CHECKING:
    from pathlib import Path

State = dict[str, torch.Tensor]

#: Keys under which checkpoints of training scripts keep the weights.
NESTED_UNDER = ("state_dict", "model")

#: How often they nest at most, one under the other.
_MOST_NESTED = 4

#: How many mismatching entries a message lists.
LISTED_ENTRIES = 5


def state_digest(module: torch.nn.Module) -> str:
    """Give the SHA-256, in hexadecimal, over the sorted names, dtypes, shapes and bytes of a network's weights."""
    total = hashlib.sha256()
    for name, tensor in sorted(module.state_dict().items()):
        total.update(json.dumps([name, str(tensor.dtype), list(tensor.shape)]).encode())
        total.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy())
    return total.hexdigest()


def read_state(path: Path) -> State:
    """Read a weights file: `.pt` or `.pth` (plain, or nested under `state_dict` or `model`), or `.safetensors`.

    Nothing in the file is run: pickles are read with torch's `weights_only=True`.

    Raises
    ------
    BackboneError
        Where there is no such file, or it holds something other than weights.
    """
    if not path.is_file():
        raise BackboneError(f"there is no weights file {path}. Give a .pt, .pth or .safetensors file.")
    content = _unnested(_content_of(path))
    if not content or not all(isinstance(tensor, torch.Tensor) for tensor in content.values()):
        raise BackboneError(
            f"weights file {path} holds no state dict (names to tensors), neither plain nor under "
            f"{' or '.join(map(repr, NESTED_UNDER))}"
        )
    return dict(content)


def _content_of(path: Path) -> Any:
    try:
        check_archive(path)
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            return load_file(path)
        if path.suffix in {".pt", ".pth"}:
            return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # the readers raise errors of many kinds for a damaged or unsafe file
        reason = str(error).strip().splitlines()[:1] or [type(error).__name__]
        raise BackboneError(f"weights file {path} cannot be read: {cut(reason[0])}") from error
    raise BackboneError(f"weights file {path}: the suffix {path.suffix!r} is not one of .pt, .pth and .safetensors")


def _unnested(content: Any) -> Mapping[str, Any]:
    if not isinstance(content, Mapping):
        return {}
    for _ in range(_MOST_NESTED):
        content = next((content[key] for key in NESTED_UNDER if isinstance(content.get(key), Mapping)), content)
    return content


def load_state(module: torch.nn.Module, state: State, *, source: str, head: tuple[str, ...]) -> None:
    """Load `state` into a network that has no classifier.

    Parameters
    ----------
    module, state
        The network, and its weights by name.
    source
        Where the weights are from, for messages.
    head
        Names of the classifier's layers; their entries are left out.

    Raises
    ------
    BackboneError
        Where any other entry is missing, unexpected or of another shape.
    """
    prefixes = tuple(f"{layer}." for layer in head)
    expected = module.state_dict()
    body = {name: tensor for name, tensor in state.items() if name in expected or not name.startswith(prefixes)}
    if problems := _mismatches(expected, body):
        rest = len(problems) - LISTED_ENTRIES
        listed = "; ".join(problems[:LISTED_ENTRIES]) + (f"; and {rest} more" if rest > 0 else "")
        raise BackboneError(f"weights of {source} do not fit the backbone: {listed}")
    module.load_state_dict(body)


def _mismatches(expected: Mapping[str, torch.Tensor], given: Mapping[str, torch.Tensor]) -> list[str]:
    return [
        *(f"{name} is missing" for name in expected if name not in given),
        *(f"{cut(name, 80)} is unexpected" for name in given if name not in expected),
        *(
            f"{name} has shape {tuple(given[name].shape)} instead of {tuple(tensor.shape)}"
            for name, tensor in expected.items()
            if name in given and given[name].shape != tensor.shape
        ),
    ]
