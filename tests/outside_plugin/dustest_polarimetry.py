"""A package from outside: a kind of input, a quantity, a law, a band, a layout and an estimator.

Linear polarisation by aligned grains grows with the dust in front of a galaxy: at most 9 % in V
for each magnitude of E(B-V) (Serkowski, Mathewson & Ford 1975, ApJ 196, 261).
"""

from typing import ClassVar

import numpy as np
from astropy import units as u

from dustest.data import (
    Band,
    DustQuantity,
    Kind,
    KindColumn,
    register_band,
    register_kind,
    register_quantity,
)
from dustest.estimators import DustEstimator, Estimates
from dustest.io import Layout, LayoutColumn, register_layout
from dustest.physics import PowerLaw, get_dust_law, register_dust_law

__all__ = ["PolarimetryEstimator"]

SERKOWSKI = """@article{Serkowski1975,
  author = {Serkowski, K. and Mathewson, D. S. and Ford, V. L.},
  title = {Wavelength dependence of interstellar polarization},
  journal = {The Astrophysical Journal},
  volume = {196},
  pages = {261--290},
  year = {1975},
}"""

register_kind(
    Kind(
        "polarisation",
        "degree of linear polarisation of the galaxy",
        (
            KindColumn("polarisation", "degree of polarisation", valid=(0.0, 1.0)),
            KindColumn("polarisation_err", "its standard deviation", role="error", required=True),
        ),
    )
)
register_quantity(
    DustQuantity(
        "alignment",
        u.dimensionless_unscaled,
        r"$f_\mathrm{align}$",
        "fraction of the strongest polarisation that the dust can give",
        bounds=(0.0, 1.0),
        references=(SERKOWSKI,),
    )
)
register_dust_law(
    0.5 * PowerLaw(1.1) + 0.5 * get_dust_law("SMC"), name="aligned", references=(SERKOWSKI,)
)
register_band(
    Band(
        "POL1",
        "Polarimeter/POL.1",
        wavelength=np.linspace(1.8e4, 2.2e4, 41),
        transmission=np.concatenate([[0.0], np.ones(39), [0.0]]),
    )
)
register_layout(
    Layout(
        "polarimetry",
        flux=r"f_(?P<band>pol\d)",
        error="e_{band}",
        unit=u.nJy,
        description="a catalogue of polarisation",
        reference="Serkowski et al. 1975",
        unit_source="survey",
        marker="poldeg",
        columns=(
            LayoutColumn("polarisation", "poldeg"),
            LayoutColumn("polarisation_err", "e_poldeg"),
        ),
    )
)


class PolarimetryEstimator(DustEstimator):
    """Dust from the degree of polarisation.

    Parameters
    ----------
    alignment : float, optional
        Fraction of the strongest polarisation.
    dust_law : str, optional
        Law that turns E(B-V) into A_V.
    extra : tuple of str, optional
        Further quantities of the result.
    random_state : int, Generator or None, optional
        Seed of the draws.
    """

    requires: ClassVar[tuple] = ("polarisation",)
    gives: ClassVar[tuple] = ("A_V", "E_BV", "alignment")
    uncertainty: ClassVar[str] = "propagated"
    references: ClassVar[tuple] = (SERKOWSKI,)

    def __init__(self, alignment=0.5, dust_law="aligned", extra=(), random_state=None):
        self.alignment = alignment
        self.dust_law = dust_law
        self.extra = extra
        self.random_state = random_state

    def _estimate(self, batch):
        noise = np.stack([np.random.default_rng(seed).normal(size=200) for seed in batch.seed])
        degree = batch.polarisation[:, np.newaxis] + batch.polarisation_err[:, np.newaxis] * noise
        colour_excess = degree / (0.09 * self.alignment)
        a_v = get_dust_law(self.dust_law).r_v * colour_excess
        alignment = np.full_like(a_v, self.alignment)
        return Estimates({"A_V": a_v, "E_BV": colour_excess, "alignment": alignment})
