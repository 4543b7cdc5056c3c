"""The leakage audit: what should be on one side of a benchmark, and lies on both."""

from oodml_bench.splits.audit.auditing import audit
from oodml_bench.splits.audit.findings import Apart, Audit, Finding, Item, LevelSides

__all__ = ["Apart", "Audit", "Finding", "Item", "LevelSides", "audit"]
