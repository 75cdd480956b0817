"""Dust attenuation of distant galaxies, by several methods with one interface.

Public names are loaded on first access, so that importing dustest is fast.
"""

from importlib import import_module
from importlib.metadata import PackageNotFoundError, version

__all__ = [
    "BagpipesEstimator",
    "BalmerEstimator",
    "CNNEstimator",
    "CalibratedEstimator",
    "Comparison",
    "ConstantEstimator",
    "DustEstimator",
    "DustTable",
    "FusionEstimator",
    "GalaxySample",
    "MeurerEstimator",
    "Photometry",
    "ShiftDetector",
    "cite",
    "compare",
    "get_estimator",
    "infer_population",
    "list_estimators",
    "map_attenuation",
    "reproduce",
]

_HOMES = {
    "BagpipesEstimator": "dustest.estimators.bagpipes",
    "BalmerEstimator": "dustest.estimators.balmer",
    "CNNEstimator": "dustest.estimators.cnn",
    "CalibratedEstimator": "dustest.estimators.calibrated",
    "Comparison": "dustest.report.comparison",
    "ConstantEstimator": "dustest.estimators.constant",
    "DustEstimator": "dustest.estimators.base",
    "DustTable": "dustest.data.containers.results",
    "FusionEstimator": "dustest.estimators.fusion",
    "GalaxySample": "dustest.data.containers.sample",
    "MeurerEstimator": "dustest.estimators.meurer",
    "Photometry": "dustest.estimators.photometry",
    "ShiftDetector": "dustest.estimators.shift_detector",
    "cite": "dustest.citations",
    "compare": "dustest.report.compare",
    "get_estimator": "dustest.estimators.registry",
    "infer_population": "dustest.studies.populations.inference",
    "list_estimators": "dustest.estimators.registry",
    "map_attenuation": "dustest.resolved.mapping",
    "reproduce": "dustest.reproduction.pipeline",
}

_SUBPACKAGES = (
    "data",
    "estimators",
    "io",
    "physics",
    "report",
    "resolved",
    "simulate",
    "studies",
    "testing",
    "validation",
)

try:
    __version__ = version("dustest")
except PackageNotFoundError:  # run from a folder without installation
    __version__ = "unknown"


def __getattr__(name):
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    if name in _SUBPACKAGES:
        return import_module(f"dustest.{name}")
    msg = f"module 'dustest' has no attribute {name!r}"
    raise AttributeError(msg)


def __dir__():
    return sorted({*globals(), *__all__, *_SUBPACKAGES})
