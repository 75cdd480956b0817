"""Bands and instruments that are registered at run time."""

from dataclasses import replace

import numpy as np
import pytest
from astropy import units as u
from astropy.table import QTable

from dustest import MeurerEstimator
from dustest.data.bands import (
    Band,
    canonical_name,
    get_band,
    has_curve,
    list_bands,
    register_band,
)
from dustest.data.errors import DustestWarning, InputError
from dustest.data.instruments import Instrument, register_instrument
from dustest.io import read_catalog

TOY_BAND = Band(
    *("TOYCAM_J", "Toy/TOYCAM.J", [11_000.0, 11_500.0, 13_500.0, 14_000.0]),
    *([0.0, 0.8, 0.8, 0.0], ("toy_j",)),
)


@pytest.fixture(scope="module", autouse=True)
def _registered():
    # Not while tests are collected, some of which take every known band.
    register_band(TOY_BAND)


class TestRegistered:
    @pytest.mark.parametrize("name", ["TOYCAM_J", "toycam_j", "Toy/TOYCAM.J", "TOY_J", " toy_j "])
    def test_every_name(self, name):
        assert canonical_name(name) == "TOYCAM_J"
        assert get_band(name) is TOY_BAND
        assert has_curve(name)

    def test_is_listed(self):
        assert "TOYCAM_J" in list_bands()
        with pytest.raises(InputError, match="did you mean 'TOYCAM_J'"):
            canonical_name("TOYCAM_I")

    @pytest.mark.parametrize("name", ["F277W", "nircam_f115w", "toy_j"])
    def test_names_are_taken_once(self, name):
        with pytest.raises(InputError, match=r"names of its own|is registered already"):
            register_band(replace(TOY_BAND, name=name, svo_id="", aliases=()))

    def test_another_curve_is_another_band(self):
        same = replace(TOY_BAND, transmission=TOY_BAND.transmission.copy())
        assert same == TOY_BAND
        assert hash(same) == hash(TOY_BAND)
        assert register_band(same) is same
        assert get_band("toy_j") is TOY_BAND
        for curve in (
            {"transmission": [0.0, 0.9, 0.8, 0.0]},
            {"wavelength": [1e4, 2e4, 3e4, 4e4]},
        ):
            with pytest.raises(InputError, match="'TOYCAM_J' is registered already: take"):
                register_band(replace(TOY_BAND, **curve))

    def test_aliases_are_a_tuple(self):
        with pytest.raises(InputError, match="aliases of band 'TOYCAM_J' must be a tuple of str"):
            replace(TOY_BAND, aliases="toy_j")

    def test_what_is_no_band_is_refused(self):
        with pytest.raises(InputError, match="must be a Band"):
            register_band("F277W")

    def test_fits_in_two_workers(self):
        columns = {"redshift": [5.5, 6.0, 6.5]}
        for band, flux in (("toy_j", 60.0), ("F150W", 66.0), ("F115W", 58.0)):
            columns |= {f"flux_{band}": [flux] * 3 * u.nJy, f"flux_err_{band}": [2.0] * 3 * u.nJy}
        one, two = (MeurerEstimator().estimate(QTable(columns), n_jobs=n) for n in (1, 2))
        assert np.isfinite(one["A_V"]).all()
        np.testing.assert_array_equal(one["A_V"], two["A_V"])
        del columns["flux_toy_j"], columns["flux_err_toy_j"]
        assert np.all(MeurerEstimator().estimate(QTable(columns))["A_V"] != one["A_V"])

    def test_catalogues_of_any_layout(self):
        table = {"TOYCAM_J_flux": [1.0], "TOYCAM_J_flux_err": [0.1]}
        table |= {"NRC_F277W_flux": [1.0], "NRC_F277W_flux_err": [0.1]}
        with pytest.warns(DustestWarning, match="unit"):
            assert set(read_catalog(table).bands) == {"TOYCAM_J", "F277W"}


class TestInstruments:
    def test_a_new_one(self):
        register_instrument(
            Instrument("TOYCAM", "Toy/TOYCAM.", "", frozenset({"toycam"}), (), ("F277W", "R062"))
        )
        assert canonical_name("toycam-r062") == "R062"
        assert canonical_name("toycam_f277w") == "TOYCAM_F277W"
        assert canonical_name("f277w") == "F277W"

    @pytest.mark.parametrize(
        ("fields", "problem"),
        [
            ({"words": "toycam"}, "words of instrument 'TOY' must be a set of str .*'toycam'"),
            ({"words": {3}}, "words of instrument 'TOY' must be a set of str"),
            ({"online": "F277W"}, "online of instrument 'TOY' must be a tuple of str"),
        ],
    )
    def test_fields_have_a_type(self, fields, problem):
        with pytest.raises(InputError, match=problem):
            Instrument("TOY", "", "", **{"words": {"toy"}, "offline": ()} | fields)

    def test_words_are_in_lower_case(self):
        assert Instrument("TOY", "", "", {"ToyCam"}, ()).words == frozenset({"toycam"})
