"""Tests of the intergalactic medium, against that of Bagpipes."""

from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path

import numpy as np
import pytest
from astropy import units as u
from astropy.table import Column, MaskedColumn

from dustest.data.errors import InputError
from dustest.physics import igm_transmission
from dustest.physics._inoue14 import LYMAN_SERIES

REDSHIFTS = (0.5, 1.5, 2.0, 3.0, 4.5, 5.0, 6.0, 7.5, 9.0)


@pytest.fixture(scope="module")
def bagpipes_igm():
    """The module of Bagpipes that makes its table, without the package around it."""
    folder = Path(find_spec("bagpipes").origin).parent
    path = folder / "models" / "making" / "igm_inoue2014.py"
    spec = spec_from_file_location("igm_inoue2014", path)
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class TestTransmission:
    @pytest.mark.parametrize("redshift", REDSHIFTS)
    def test_against_bagpipes(self, redshift, bagpipes_igm):
        observed = np.linspace(911.9, 1250.0 * (1.0 + redshift), 5000)
        theirs = bagpipes_igm.get_Inoue14_trans(observed / (1.0 + redshift), redshift)
        np.testing.assert_allclose(igm_transmission(observed, redshift), theirs, atol=1e-10)

    def test_pieces_of_the_table_join(self):
        """A slip in a coefficient would break the published approximation apart."""
        _, forest_1, forest_2, forest_3, damped_1, damped_2 = LYMAN_SERIES.T
        np.testing.assert_allclose(forest_1 * 2.2**1.2, forest_2 * 2.2**3.7, rtol=2e-3)
        np.testing.assert_allclose(forest_2 * 5.7**3.7, forest_3 * 5.7**5.5, rtol=2e-3)
        np.testing.assert_allclose(damped_1 * 3.0**2, damped_2 * 3.0**3, rtol=2e-3)

    def test_nothing_absorbs_redwards_of_lyman_alpha(self):
        red = 1215.67 * 8.0 * np.array([1.0 + 1e-9, 1.5, 20.0])
        assert igm_transmission(red, 7.0).tolist() == [1.0, 1.0, 1.0]

    def test_more_gas_farther_away(self):
        at_1150 = [igm_transmission([1150.0 * (1 + z)], z)[0] for z in np.arange(0.0, 12.0)]
        assert np.all(np.diff(at_1150) < 0)

    def test_dark_bluewards_of_the_published_formulae(self):
        assert igm_transmission([300.0, 900.0], 7.0).max() < 1e-3

    @pytest.mark.parametrize("wavelength", [[np.nan], [0.0], [[5000.0]], [np.inf]])
    def test_bad_wavelength(self, wavelength):
        with pytest.raises(InputError, match=r"wavelength must be (one-dim|positive and)"):
            igm_transmission(wavelength, 7.0)

    @pytest.mark.parametrize(
        "wavelength",
        [
            [0.4, 0.58, 0.61] * u.um,
            Column([400.0, 580.0, 610.0], unit="nm"),
            MaskedColumn([4000.0, 5800.0, 6100.0], unit="Angstrom"),
            np.ma.array([4000.0, 5800.0, 6100.0]),
        ],
    )
    def test_units(self, wavelength):
        expected = igm_transmission([4000.0, 5800.0, 6100.0], 4.0)
        np.testing.assert_allclose(igm_transmission(wavelength, 4.0), expected, rtol=1e-9)

    @pytest.mark.parametrize(
        "redshift", [-1.0, np.nan, np.inf, [7.0], 7 * u.mag, 7 * u.km / u.s, "7", True]
    )
    def test_bad_redshift(self, redshift):
        with pytest.raises(InputError, match="redshift must"):
            igm_transmission([5000.0], redshift)
