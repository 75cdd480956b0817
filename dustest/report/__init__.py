"""Comparisons, figures and reports."""

from dustest.report.compare import compare
from dustest.report.comparison import Comparison

__all__ = ["Comparison", "compare"]
