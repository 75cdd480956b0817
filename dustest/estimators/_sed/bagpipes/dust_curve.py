"""Dust laws as Bagpipes computes them."""

from dataclasses import dataclass

import numpy as np

from dustest.estimators._sed.bagpipes.loading import load_bagpipes
from dustest.physics import DustLaw

__all__ = ["BAGPIPES_CURVES", "BagpipesCurve"]

BAGPIPES_CURVES = ("SMC", "Cardelli")
"""Types of laws of which Bagpipes' own curve differs from that of dust_extinction: up to 0.04 of
A_V between 0.27 and 0.7 micron and 0.07 at 3 micron for the SMC, 0.0003 for Cardelli."""


@dataclass(frozen=True, eq=False)
class BagpipesCurve(DustLaw):
    """A dust law of one shape, by the function of Bagpipes.

    Parameters
    ----------
    name : str
        Its type in Bagpipes.
    """

    name: str
    r_v = np.nan
    wavelength_range = (0.0, np.inf)
    _holds_everywhere = True

    def _curve(self, wavelength):
        law = load_bagpipes().models.dust_attenuation_model.dust_attenuation
        return law(wavelength, {"type": self.name}).A_cont
