"""What people look at: comparisons, figures and the report."""

from dustest.report.compare import compare
from dustest.report.comparison import Comparison

__all__ = ["Comparison", "compare"]
