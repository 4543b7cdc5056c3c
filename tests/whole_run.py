"""The whole way from pictures to scores, for a process of its own: `python -m tests.whole_run FOLDER CPUS BATCH`."""

from __future__ import annotations

import sys
from pathlib import Path
from unittest import mock

import numpy as np

from oodml_bench.cli.main import main

#: Names that other encodings than UTF-8 write otherwise, and that other rules than those of code points sort otherwise.
CLASSES = (
    *("Zebra", "apfel", "ångström", "ığdır", "İzmir", "naïve", "zebra", "字"),
    *("Öl", "ähre", "éclair", "øre", "ß", "žába", "Ελλάδα", "я"),
)

RECIPE = """
trains = "head"
embedding = { dimension = 8 }
objective = { name = "margin" }
miner = { name = "distance" }
batches = { size = 8, per_class = 2 }
training = { epochs = 2 }
"""


def run(*arguments: object) -> None:
    """Run a command, which must succeed."""
    main([*map(str, arguments)], standalone_mode=False)


def made_in(folder: Path, batch: int) -> None:
    """Extract, build, train, score: twice, since a file system may not take the names that array features may."""
    (folder / "head.toml").write_text(RECIPE)
    backbone = ("--backbone", "efficientnet_lite0", "--image-size", 64, "--device", "cpu", "--workers", 0)
    run("extract", "glyphs:12", *backbone, "--batch-size", batch, "--out", folder / "features")
    for features in (folder / "features", named_features(folder / "named.npz")):
        made = folder / f"{features.stem}_splits.pkl"
        run("build", features, "--levels", 3, "--episodes", 2, "--shots", 2, "--null-draws", 5, "--out", made)
        out = folder / f"{features.stem}-run"
        run("train", made, features, "--level", 2, "--recipe", folder / "head.toml", "--out", out)


def named_features(file: Path) -> Path:
    """Write features whose classes have names of many scripts."""
    rng = np.random.default_rng(0)
    classes = np.repeat(CLASSES, 6)
    samples = np.array([f"{name}/{number}ü.png" for number, name in enumerate(classes)])
    np.savez(file, features=rng.standard_normal((len(classes), 16)), classes=classes, samples=samples)
    return file


if __name__ == "__main__":
    out, cpus, batch_size = sys.argv[1:]
    # A machine of so many processors: loaders and the network are given their shares of them.
    with mock.patch("oodml_bench.features.devices._usable_cpus", return_value=int(cpus)):
        made_in(Path(out), int(batch_size))
