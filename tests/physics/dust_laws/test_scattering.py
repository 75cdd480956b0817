"""Scattering against the radiative transfer of Witt & Gordon (2000), tables 2 and 3."""

from dataclasses import dataclass

import numpy as np
import pytest
from mie_theory import size_distribution

from dustest.data.errors import InputError
from dustest.physics import (
    DustLaw,
    GrainOptics,
    PowerLaw,
    Scattered,
    TwoComponents,
    get_dust_law,
)

WAVELENGTH = np.array([1000.0, 1571.0, 2142.0, 3000.0, 4754.0, 5985.0, 11943.0])
# Optical depth of extinction from the centre to the edge, tau_V = 1, and the attenuation in units
# of optical depth: of stars within a homogeneous and a clumpy shell, and within dusty spheres.
EXTINCTION = {
    "CCM89": [5.237, 2.584, 3.189, 1.817, 1.199, 0.909, 0.304],
    "SMC": [9.675, 4.536, 3.101, 2.031, 1.221, 0.880, 0.272],
}
SHELL = {
    "CCM89": [4.146, 1.444, 2.386, 1.085, 0.711, 0.544, 0.181],
    "SMC": [7.070, 2.809, 1.846, 1.202, 0.736, 0.528, 0.161],
}
CLUMPY_SHELL = {
    "CCM89": [2.036, 1.066, 1.503, 0.857, 0.605, 0.479, 0.172],
    "SMC": [2.502, 1.640, 1.262, 0.927, 0.621, 0.466, 0.154],
}
DUSTY = {
    "CCM89": [1.624, 0.770, 1.137, 0.609, 0.423, 0.333, 0.119],
    "SMC": [2.107, 1.238, 0.922, 0.661, 0.437, 0.324, 0.106],
}
CLUMP_DEPTH = 1.0 / 15.0 / (0.15 + 0.85 * 0.01)
"""At V, of a cell of their grid of 30 cells across, of which 15 per cent are clumps, a hundred
times as dense as the rest."""


@dataclass(frozen=True, eq=False)
class WittGordon(DustLaw):
    """Their extinction; the name decides on the optics."""

    name: str
    wavelength_range = (1000.0, 11_943.0)

    def _curve(self, wavelength):
        nodes, curve = np.log(WAVELENGTH), np.log(EXTINCTION[self.name])
        return np.exp(np.interp(np.log(wavelength), nodes, curve))


def effective_depth(grains):
    """Effective optical depth from the centre to the edge."""
    law = Scattered(WittGordon(grains))
    return law.share_at_v * law.a_over_av(WAVELENGTH)


@pytest.mark.parametrize("grains", EXTINCTION)
class TestRadiativeTransfer:
    def test_shell(self, grains):
        np.testing.assert_allclose(effective_depth(grains), SHELL[grains], rtol=0.13)

    def test_clumpy_shell(self, grains):
        """Poisson clumps, Natta & Panagia (1984), equation 12."""
        depth = effective_depth(grains)
        clump = CLUMP_DEPTH * depth
        leaking = depth * -np.expm1(-clump) / clump
        np.testing.assert_allclose(leaking, CLUMPY_SHELL[grains], rtol=0.15)

    def test_stars_within_a_sphere(self, grains):
        """Share of the light that escapes a sphere of absorbers, Osterbrock (1989), appendix 2."""
        t = effective_depth(grains)
        escaping = (1.0 - 0.5 / t**2 + (1.0 / t + 0.5 / t**2) * np.exp(-2.0 * t)) * 0.75 / t
        np.testing.assert_allclose(-np.log(escaping), DUSTY[grains], rtol=0.18)


class TestOptics:
    def test_limits(self):
        optics = GrainOptics((1000.0, 2000.0, 3000.0), (0.0, 0.6, 0.6), (0.5, 1.0, 0.0))
        share = optics.effective_share(np.array([500.0, 2000.0, 3000.0, 9000.0]))
        np.testing.assert_allclose(share, [1.0, 0.4, np.sqrt(0.4), np.sqrt(0.4)])

    @pytest.mark.parametrize(
        "wrong",
        [
            {"albedo": (0.5, 1.2)},
            {"albedo": (0.5, np.nan)},
            {"albedo": (0.5,)},
            {"asymmetry": (0.5, -2.0)},
            {"wavelength": (2000.0, 1000.0)},
            {"wavelength": (0.0, 1000.0)},
        ],
    )
    def test_refusals(self, wrong):
        right = {"wavelength": (1e3, 1e4), "albedo": (0.5, 0.5), "asymmetry": (0.5, 0.5)}
        with pytest.raises(InputError, match=f"^{next(iter(wrong))}"):
            GrainOptics(**right | wrong)

    @pytest.mark.parametrize(("micron", "m"), [(0.15576, 1.86922 + 0.47921j)])
    def test_supernova_dust_is_mie_theory(self, micron, m):
        _, albedo, cosine = size_distribution(micron, m, 0.001, 4.2, 3.6)
        optics = get_dust_law("SN").optics
        for values, expected in ((optics.albedo, albedo), (optics.asymmetry, cosine)):
            own = np.interp(1e4 * micron, optics.wavelength, values)
            assert own == pytest.approx(expected, abs=2e-3)

    def test_bump_is_absorption(self):
        """With and without the bump the same light is scattered: its albedo has no dip."""
        wavelength = np.array([1857.0, 2142.0, 2428.0])
        with_bump, without = (Scattered(get_dust_law(name)) for name in ("F99", "MW_no_bump"))
        assert without.law.optics.albedo[6:11] == pytest.approx([0.57] * 5, abs=0.02)
        ratio = with_bump.a_over_av(wavelength) / without.a_over_av(wavelength)
        assert ratio[1] > 1.2 * ratio[0]
        assert ratio[1] > 1.2 * ratio[2]


class TestLaw:
    @pytest.mark.parametrize("name", ["SMC", "LMC", "MW", "F99", "G23", "MW_no_bump", "SN"])
    def test_is_greyer_and_thinner_than_extinction(self, name):
        law = get_dust_law(name)
        scattered = Scattered(law)
        assert 0.5 < scattered.share_at_v < 0.7
        assert scattered.a_over_av(5500.0) == pytest.approx(law.a_over_av(5500.0))
        assert scattered.to_dict()["parameters"]["law"] == law.to_dict()

    def test_unknown_grains(self):
        with pytest.raises(InputError, match=r"known albedo .*'power law': take one of SMC"):
            Scattered(PowerLaw())

    def test_birth_clouds(self):
        with pytest.raises(InputError, match="birth clouds"):
            Scattered(TwoComponents(get_dust_law("SMC")))
