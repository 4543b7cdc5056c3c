"""The report: a benchmark, and what was trained on it, as one page that opens in a browser."""

from oodml_bench.reporting.report.writing import write_report

__all__ = ["write_report"]
