"""One common two-dimensional UMAP embedding of classes or of samples."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from oodml_bench.features import Features, class_means, feature_matrix
from oodml_bench.progress import working_on

Points = Literal["classes", "samples"]

#: UMAP usually looks at 15 neighbours. A class has about as many samples: they would fall into one island a class.
_NEIGHBOURS = {"classes": 15, "samples": 50}


@dataclass(frozen=True)
class Embedding:
    """Points in the plane, each of a class.

    Attributes
    ----------
    positions
        Shape (N, 2).
    classes
        The class of each point.
    """

    positions: NDArray[np.float64]
    classes: tuple[str, ...]


def umap_embedding(features: Features, points: Points, *, seed: int = 0, progress: bool = False) -> Embedding:
    """Embed class means or samples by UMAP (McInnes et al., 2018), with the same result for the same seed.

    Parameters
    ----------
    features
        What to embed.
    points
        `classes`: one point a class, its mean. `samples`: one point a sample.
    seed
        Seed of the embedding.
    progress
        Show progress on standard error.
    """
    if points == "classes":
        means = class_means(features, progress=progress)
        with working_on("Fitting UMAP", shown=progress):
            return Embedding(umap_of(means.means, seed=seed), means.classes)
    matrices, classes = [], []
    for batch in features.batches():
        matrices.append(feature_matrix(batch))
        classes += batch["class"].to_pylist()
    with working_on("Fitting UMAP", shown=progress):
        return Embedding(_fitted(np.concatenate(matrices), _NEIGHBOURS[points], seed), tuple(classes))


def umap_of(means: NDArray[np.floating], *, seed: int = 0) -> NDArray[np.float64]:
    """Embed class means (C, D) in the plane: (C, 2)."""
    return _fitted(means, _NEIGHBOURS["classes"], seed)


def _fitted(matrix: NDArray[np.floating], neighbours: int, seed: int) -> NDArray[np.float64]:
    import umap

    model = umap.UMAP(
        n_neighbors=min(neighbours, len(matrix) - 1),
        min_dist=0.3,
        # The spectral start fails on few points and on islands, principal axes where there is but one.
        init="pca" if matrix.shape[1] > 1 else "random",
        random_state=seed,
        n_jobs=1,
    )
    return np.asarray(model.fit_transform(matrix), dtype=np.float64)
