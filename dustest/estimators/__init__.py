"""The methods that measure dust, behind one interface.

Submodules load when they are asked for; `get_estimator` finds an estimator by name.
"""

from dustest.estimators.base import DustEstimator
from dustest.estimators.batch import Batch, Estimates, ExtraColumn, make_batch
from dustest.estimators.registry import get_estimator, list_estimators

__all__ = [
    "Batch",
    "DustEstimator",
    "Estimates",
    "ExtraColumn",
    "get_estimator",
    "list_estimators",
    "make_batch",
]
