"""Whether a benchmark is what it says: every check recomputes, and trusts nothing that the file says of itself."""

from oodml_bench.splits.verification.check import Check
from oodml_bench.splits.verification.verifying import Verification, verify

__all__ = ["Check", "Verification", "verify"]
