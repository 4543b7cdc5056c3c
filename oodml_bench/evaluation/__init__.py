"""How good an embedding is: retrieval, clustering, geometry, and curves of scores over hardness."""

from oodml_bench.evaluation.curves import Curve, Estimate, ags, curves_of, mean_interval
from oodml_bench.evaluation.embeddings_file import EmbeddingsFile, matched_to, read_embeddings
from oodml_bench.evaluation.fixed_galleries import size_controlled_scores
from oodml_bench.evaluation.metrics import METRICS, Scores, evaluate_embeddings
from oodml_bench.evaluation.results import ResultRow, read_results, write_results

__all__ = [
    "METRICS",
    "Curve",
    "EmbeddingsFile",
    "Estimate",
    "ResultRow",
    "Scores",
    "ags",
    "curves_of",
    "evaluate_embeddings",
    "matched_to",
    "mean_interval",
    "read_embeddings",
    "read_results",
    "size_controlled_scores",
    "write_results",
]
