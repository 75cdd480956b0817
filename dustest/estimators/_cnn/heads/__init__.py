"""Heads of networks: predictions and training. Each head is one file."""

from importlib import import_module
from pkgutil import iter_modules

from dustest.data.registry import Registry
from dustest.estimators._cnn.heads.head import Head

__all__ = ["HEADS", "Head"]


def _own_heads():
    """Heads of the modules of this folder."""
    modules = (import_module(f"{__name__}.{found.name}") for found in iter_modules(__path__))
    return [module.HEAD for module in modules if hasattr(module, "HEAD")]


HEADS = Registry("network head", Head, _own_heads())
"""Heads by name, which is the ``kind`` of a `~dustest.estimators.cnn.CNNConfig`."""
