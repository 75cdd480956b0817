"""Corruptions of stamps: what mosaics and catalogues do to galaxies, as functions of arrays.

They serve the augmentation of networks (inside the trained range) and the detector of galaxies
outside it.
"""

from dustest.estimators._cnn.corruptions.records import CORRUPTIONS, Corruption

__all__ = ["CORRUPTIONS", "Corruption"]
