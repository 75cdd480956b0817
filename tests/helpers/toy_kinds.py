"""A kind of input that no part of dustest knows, and estimators of it and of emission lines."""

from typing import ClassVar

import numpy as np

from dustest.data import Kind, KindColumn, register_kind
from dustest.estimators import DustEstimator, Estimates

POLARISATION = register_kind(
    Kind(
        "polarisation",
        "degree of linear polarisation",
        (
            KindColumn("polarisation", "degree of polarisation", valid=(0.0, 1.0)),
            KindColumn("polarisation_err", "its standard deviation", role="error", required=True),
        ),
    )
)

N_DRAWS = 32


class PolarisationEstimator(DustEstimator):
    """A_V as the maximum degree of polarisation has it (Serkowski, Mathewson & Ford 1975)."""

    requires: ClassVar[tuple] = ("polarisation",)
    uncertainty: ClassVar[str] = "propagated"

    def __init__(self, random_state=None):
        self.random_state = random_state

    def _estimate(self, batch):
        noise = [np.random.default_rng(seed).normal(size=N_DRAWS) for seed in batch.seed]
        draws = batch.polarisation[:, None] + batch.polarisation_err[:, None] * np.array(noise)
        return Estimates({"A_V": 3.1 * draws / 0.09})


class DecrementEstimator(DustEstimator):
    """A_V of the Balmer decrement, in a power law of the wavelength."""

    requires: ClassVar[tuple] = ("line",)

    def _estimate(self, batch):
        flux = dict(zip(batch.lines, batch.line.T, strict=True))
        ratio = flux["Ha"] / flux["Hb"] / 2.86
        slope = (5500.0 / 4862.68) ** 0.7 - (5500.0 / 6564.61) ** 0.7
        return Estimates({"A_V": 2.5 * np.log10(ratio) / slope})
