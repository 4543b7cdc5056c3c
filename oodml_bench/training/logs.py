"""Following a run elsewhere: TensorBoard, or Weights & Biases."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from oodml_bench.errors import MissingExtraError, RunError
from oodml_bench.locations import remote
from oodml_bench.training.settings import unknown_name

if TYPE_CHECKING:
    from oodml_bench.training.trainer import EpochRecord


class RunLogger(Protocol):
    """Is told of every epoch."""

    def log(self, record: EpochRecord) -> None:
        """Take up an epoch."""
        ...

    def close(self) -> None:
        """Write what is still held."""
        ...


class TensorBoardLogger:
    """Writes TensorBoard's files into the folder `tensorboard` of a run."""

    def __init__(self, folder: Path, _: Mapping[str, Any]) -> None:
        if remote(folder) is not None:
            raise RunError(f"TensorBoard's files cannot be written to {folder}: give a folder of this machine as --out")
        self._open: Any = _imported("tensorboard").SummaryWriter
        self._folder = folder / "tensorboard"
        self._writer: Any = None

    def log(self, record: EpochRecord) -> None:
        """Take up an epoch; an interrupted run's later ones are dropped."""
        if self._writer is None:
            self._writer = self._open(str(self._folder), purge_step=record.epoch)
        for name, value in scalars(record).items():
            self._writer.add_scalar(name, value, record.epoch)

    def close(self) -> None:
        """Write what is still held."""
        if self._writer is not None:
            self._writer.close()


class WandbLogger:
    """Sends epochs to Weights & Biases, by the key that `wandb login` or the environment holds: no file gets it.

    A continued run goes on where it was, since its id follows from what the run is.
    """

    def __init__(self, folder: Path, description: Mapping[str, Any]) -> None:
        self._run: Any = _imported("wandb").init(
            project="oodml-bench",
            name=folder.name,
            id=description["id"],
            resume="allow",
            dir=str(folder) if remote(folder) is None else None,
            config=dict(description),
        )

    def log(self, record: EpochRecord) -> None:
        """Take up an epoch."""
        self._run.log(scalars(record), step=record.epoch)

    def close(self) -> None:
        """Send what is still held."""
        self._run.finish()


_LOGGERS: Mapping[str, type[TensorBoardLogger] | type[WandbLogger]] = {
    "tensorboard": TensorBoardLogger,
    "wandb": WandbLogger,
}


_MODULES = {"tensorboard": "torch.utils.tensorboard", "wandb": "wandb"}


@contextmanager
def opened_loggers(names: Sequence[str], folder: Path, description: Mapping[str, Any]) -> Iterator[list[RunLogger]]:
    """Open loggers, and close them when the block ends.

    Parameters
    ----------
    names
        Any of `tensorboard` and `wandb`.
    folder
        Of the run.
    description
        What the run is, in built-in types, with an `id`.

    Raises
    ------
    RunError, MissingExtraError
        See `check_loggers`.
    """
    check_loggers(names)
    with ExitStack() as stack:
        loggers: list[RunLogger] = []
        for name in names:
            loggers.append(_LOGGERS[name](folder, description))
            stack.callback(loggers[-1].close)
        yield loggers


def check_loggers(names: Sequence[str]) -> None:
    """Refuse loggers that cannot be used.

    Raises
    ------
    RunError
        Where a name is unknown.
    MissingExtraError
        Where a logger's package is not installed.
    """
    for name in names:
        if name not in _LOGGERS:
            raise RunError(unknown_name("logger", name, list(_LOGGERS)))
        _imported(name)


def scalars(record: EpochRecord) -> dict[str, float]:
    """Give the numbers of an epoch by the names that they are shown under."""
    return {
        "train/loss": record.loss,
        "train/lr": record.lr,
        "train/images_per_second": record.images_per_second,
        **{f"validation/{name}": value for name, value in record.validation.items()},
    }


def _imported(logger: str) -> Any:
    try:
        return import_module(_MODULES[logger])
    except ImportError as error:
        raise MissingExtraError(
            f'the logger {logger} needs a package that is missing: pip install "oodml-bench[{logger}]"'
        ) from error
