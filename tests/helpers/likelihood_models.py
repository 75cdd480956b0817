"""What a likelihood needs to know of models, with fluxes that tests may change."""

from dataclasses import dataclass

import numpy as np


@dataclass
class FewModels:
    """Fluxes per solar mass, and limits of the logarithm of the mass, of each model or of all."""

    flux: np.ndarray
    low: object = 5.0
    high: object = 12.0

    def __post_init__(self):
        n = len(self.flux)
        self.low, self.high = (np.broadcast_to(one, n).copy() for one in (self.low, self.high))

    @property
    def squared_flux(self):
        return self.flux**2

    @property
    def masses(self):
        return 10.0**self.low, 10.0**self.high

    def take(self, rows):
        return FewModels(self.flux[rows], self.low[rows], self.high[rows])


def random_models(n, n_bands, seed=0, low=5.0, high=12.0):
    """Models of random fluxes."""
    flux = 1e-8 * np.random.default_rng(seed).lognormal(0.0, 0.5, (n, n_bands))
    return FewModels(flux, low, high)
