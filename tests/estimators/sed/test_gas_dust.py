"""Dust in front of the gas, and the light of lines and pixels behind it."""

import numpy as np
import pytest
from packages import skip_without
from sed_gas import fluxes, spectra_of_pools
from warm_process import call

from dustest import BagpipesEstimator
from dustest.data.errors import InputError
from dustest.physics import get_dust_law

CASES = {
    "as stars": ("Calzetti", None, {}),
    "same law": ("Calzetti", "Calzetti", {}),
    "f": ("Calzetti", "CCM89", {"dust:f": 0.5}),
    "f of one": ("Calzetti", None, {"dust:f": 1.0}),
}


@pytest.fixture(scope="module")
def found():
    """Fluxes by case."""
    skip_without("bagpipes")
    return call(fluxes, CASES)


class TestGasDust:
    def test_the_same_law_changes_nothing(self, found):
        np.testing.assert_allclose(found["same law"]["flux"], found["as stars"]["flux"], rtol=1e-5)

    def test_lines_are_behind_the_dust_of_the_gas(self, found):
        """Between f of 1 and 0.5, the colour excess of the gas doubles."""
        law, case = get_dust_law("CCM89"), found["f"]
        e_bv = case["A_V"] / get_dust_law("Calzetti").r_v
        curve = law.extended(case["wavelength"]) * law.r_v
        expected = 10.0 ** (-0.4 * e_bv[:, np.newaxis] * curve)
        ratio = case["flux"][:, 3:] / found["f of one"]["flux"][:, 3:]
        np.testing.assert_allclose(ratio, expected, rtol=1e-4)

    def test_stars_keep_their_dust(self, found):
        """Where there is little dust, bands change little, however strong the lines."""
        ratio = found["f"]["flux"][:, 0] / found["f of one"]["flux"][:, 0]
        assert np.all(ratio <= 1.0 + 1e-6)
        assert np.all(ratio[found["f"]["A_V"] < 0.1] > 0.85)

    @pytest.mark.parametrize(
        ("parameters", "message"),
        [
            ({"priors": {"dust:f": 0.0}}, r"priors\['dust:f'\] must be above 0"),
            ({"priors": {"dust:f": (-0.5, 1.0)}}, r"priors\['dust:f'\] must be above 0"),
            ({"dust_law": "CF00", "nebular_law": "CCM89"}, "need a dust_law without birth clouds"),
            ({"nebular_law": "Calzeti"}, "nebular_law: "),
            ({"engine": "bagpipes", "nebular_law": "CCM89"}, "needs engine='tabulated'"),
            ({"engine": "bagpipes", "priors": {"dust:f": 0.5}}, "Bagpipes has no dust:f"),
        ],
    )
    def test_what_cannot_be_is_refused(self, parameters, message):
        with pytest.raises(InputError, match=message):
            BagpipesEstimator(preset="Fu", **parameters)._check_parameters()


def test_models_of_pools_are_those_of_their_parameters():
    skip_without("bagpipes")
    pool, again = call(spectra_of_pools)
    np.testing.assert_allclose(pool, again, rtol=2e-5, atol=1e-6 * np.abs(pool).max())
