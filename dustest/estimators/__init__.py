"""The methods that measure dust, behind one interface.

Submodules load when they are asked for; `get_estimator` finds an estimator by name.
"""

from dustest.estimators.base import DustEstimator
from dustest.estimators.registry import get_estimator, list_estimators
from dustest.estimators.run.batch import Batch, Estimates, ExtraColumn, make_batch

__all__ = [
    "Batch",
    "DustEstimator",
    "Estimates",
    "ExtraColumn",
    "get_estimator",
    "list_estimators",
    "make_batch",
]
