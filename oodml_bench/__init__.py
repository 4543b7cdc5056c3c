"""Turn any labelled image collection into a graded, out-of-distribution benchmark for metric learning."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from oodml_bench.datasets import Dataset, dataset_from_arrays, open_dataset
    from oodml_bench.errors import OodmlError
    from oodml_bench.evaluation import Curve, ResultRow, Scores, curves_of, evaluate_embeddings, read_results
    from oodml_bench.features import Features, class_means, extract, features_from_arrays, open_features
    from oodml_bench.hardness import FrechetDistance, frechet_distance
    from oodml_bench.reporting import (
        plot_agreement,
        plot_ags,
        plot_curves,
        plot_few_shot,
        plot_fid,
        plot_umap,
        write_report,
    )
    from oodml_bench.splits import Agreement, Benchmark, Level, OODSplitter, build, load_benchmark, measure_split
    from oodml_bench.splits.agreement import agreement
    from oodml_bench.splits.audit import audit
    from oodml_bench.splits.verification import verify
    from oodml_bench.training import (
        FewShot,
        Material,
        Recipe,
        Run,
        adapt_run,
        evaluate_on,
        evaluate_run,
        load_adaptation,
        load_recipe,
        score_foreign,
        sweep,
        train_run,
    )

__version__ = "0.1.0"

__all__ = [
    "Agreement",
    "Benchmark",
    "Curve",
    "Dataset",
    "Features",
    "FewShot",
    "FrechetDistance",
    "Level",
    "Material",
    "OODSplitter",
    "OodmlError",
    "Recipe",
    "ResultRow",
    "Run",
    "Scores",
    "__version__",
    "adapt_run",
    "agreement",
    "audit",
    "build",
    "class_means",
    "curves_of",
    "dataset_from_arrays",
    "evaluate_embeddings",
    "evaluate_on",
    "evaluate_run",
    "extract",
    "features_from_arrays",
    "frechet_distance",
    "load_adaptation",
    "load_benchmark",
    "load_recipe",
    "measure_split",
    "open_dataset",
    "open_features",
    "plot_agreement",
    "plot_ags",
    "plot_curves",
    "plot_few_shot",
    "plot_fid",
    "plot_umap",
    "read_results",
    "score_foreign",
    "sweep",
    "train_run",
    "verify",
    "write_report",
]

_HOMES = {
    "datasets": ("Dataset", "dataset_from_arrays", "open_dataset"),
    "errors": ("OodmlError",),
    "evaluation": ("Curve", "ResultRow", "Scores", "curves_of", "evaluate_embeddings", "read_results"),
    "features": ("Features", "class_means", "extract", "features_from_arrays", "open_features"),
    "hardness": ("FrechetDistance", "frechet_distance"),
    "reporting": (
        "plot_agreement",
        "plot_ags",
        "plot_curves",
        "plot_few_shot",
        "plot_fid",
        "plot_umap",
        "write_report",
    ),
    "splits": (
        "Agreement",
        "Benchmark",
        "Level",
        "OODSplitter",
        "agreement",
        "build",
        "load_benchmark",
        "measure_split",
    ),
    "splits.audit": ("audit",),
    "splits.verification": ("verify",),
    "training": (
        "FewShot",
        "Material",
        "Recipe",
        "Run",
        "adapt_run",
        "evaluate_on",
        "evaluate_run",
        "load_adaptation",
        "load_recipe",
        "score_foreign",
        "sweep",
        "train_run",
    ),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    """Load a public name on its first use: importing the package alone imports nothing heavy."""
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME_OF[name]}"), name)


def __dir__() -> list[str]:
    return __all__
