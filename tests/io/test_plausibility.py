"""Warnings about improbable photometry."""

import warnings

import numpy as np
import pytest
from astropy import units as u
from astropy.table import Table

from dustest.data import DustestWarning
from dustest.io import load_demo, read_catalog
from dustest.simulate import GalaxySimulator

BANDS = ("F115W", "F150W", "F200W", "F277W")


def make_table(n=20, unit="nJy", redshift=7.0):
    """Galaxies of all brightnesses with grey spectra and errors of 1 nJy."""
    table = Table({"id": np.arange(n), "redshift": np.full(n, redshift)})
    for band in BANDS:
        table[band] = np.geomspace(4.0, 400.0, n)
        table[f"{band}_err"] = np.ones(n)
        table[band].unit = table[f"{band}_err"].unit = unit
    return table


def said(table, **options):
    """What reading warns of."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        read_catalog(table, **options)
    return [str(warning.message) for warning in caught]


class TestMagnitudes:
    @pytest.mark.parametrize("n", [1, 2, 50])
    def test_in_columns_of_fluxes(self, n):
        table = make_table(n)
        for band in BANDS:
            table[band] = np.linspace(25.0, 29.0, n) * u.nJy
            table[f"{band}_err"] = np.full(n, 0.1) * u.nJy
        with pytest.warns(DustestWarning, match=r"F115W, .* look like magnitudes.*ABmag"):
            read_catalog(table)

    def test_in_one_column(self):
        table = make_table()
        table["F200W"] = np.linspace(25.0, 29.0, 20) * u.nJy
        table["F200W_err"] = np.full(20, 0.1) * u.nJy
        with pytest.warns(DustestWarning, match="columns F200W are read as fluxes"):
            read_catalog(table)

    def test_missing_ones_do_not_hide_them(self):
        table = make_table(10)[BANDS[0], f"{BANDS[0]}_err"]
        table["F115W"] = [26.0, 27.0, 99.0, -99.0, *[28.0] * 6] * u.uJy
        table["F115W_err"] = np.full(10, 0.1) * u.uJy
        assert any("look like magnitudes" in text for text in said(table))

    def test_bright_galaxies_are_none(self):
        table = make_table(3)
        for band in BANDS:
            table[band] = [20.0, 25.0, 30.0] * u.nJy
        assert said(table) == []

    @pytest.mark.parametrize(
        ("values", "error", "expected"),
        [
            ([16.0, 20.0, 31.0], 0.1, True),
            ([24.0, 34.0, 26.0], 0.4, True),
            ([12.0, 14.0, 20.0], 0.1, False),
            ([20.0, 30.0, 36.0], 0.1, False),
            ([16.0, 32.0, 20.0], 0.1, False),
            ([16.0, 33.0, 20.0], 0.1, False),
            ([20.0, 25.0, 30.0], 0.5, False),
            ([20.0, 25.0, 30.0], 0.6, False),
        ],
    )
    def test_range_ratio_and_errors(self, values, error, expected):
        table = make_table(3)
        for band in BANDS:
            table[band] = values * u.nJy
            table[f"{band}_err"] = np.full(3, error) * u.nJy
        assert any("look like magnitudes" in text for text in said(table)) == expected


class TestErrors:
    @pytest.mark.parametrize("error", [0.0, -1.0])
    def test_that_are_not_positive(self, error):
        table = make_table()
        table["F200W_err"] = np.full(20, error) * u.nJy
        with pytest.warns(DustestWarning, match="flux_err_F200W are all zero or negative"):
            read_catalog(table)

    @pytest.mark.parametrize("error", [-99.0, np.nan])
    def test_that_are_missing(self, error):
        table = make_table()
        table["F200W_err"] = np.full(20, error) * u.nJy
        with pytest.warns(DustestWarning, match="flux_err_F200W are missing where fluxes are not"):
            read_catalog(table)

    def test_that_are_missing_with_their_fluxes(self):
        table = make_table()
        table["F200W"] = table["F200W_err"] = np.full(20, -99.0) * u.nJy
        assert said(table) == []

    def test_that_exceed_the_fluxes(self):
        table = make_table()
        table["F200W_err"] = np.full(20, 1e4) * u.nJy
        with pytest.warns(DustestWarning, match="flux_err_F200W are in the median more than 100"):
            read_catalog(table)

    @pytest.mark.parametrize(("flux", "error"), [(0.0, 1.0), (2.0, 200.0), (-2.0, 200.0)])
    def test_that_do_not_exceed_the_fluxes_more_than_100_times(self, flux, error):
        table = make_table()
        table["F200W"] = np.full(20, flux) * u.nJy
        table["F200W_err"] = np.full(20, error) * u.nJy
        assert said(table) == []

    def test_noise_alone_is_no_reason(self):
        table = make_table(1000)
        table["F115W"] = np.random.default_rng(1).normal(size=1000) * u.nJy
        assert said(table) == []


class TestColours:
    @pytest.mark.parametrize("n", [1, 20])
    def test_of_two_units(self, n):
        table = make_table(n)
        table["F200W"] *= 1000.0
        table["F200W_err"] *= 1000.0
        texts = said(table)
        assert len(texts) == 2
        assert "the median colour F150W - F200W is 7.5 mag" in texts[0]
        assert "the median colour F200W - F277W is -7.5 mag" in texts[1]

    @pytest.mark.parametrize(("n_wrong", "expected"), [(0, 0), (1, 0), (2, 0), (3, 2), (5, 2)])
    def test_the_median_of_five_galaxies_counts(self, n_wrong, expected):
        table = make_table(5)
        factor = np.where(np.arange(5) < n_wrong, 1000.0, 1.0)
        for name in ("F200W", "F200W_err"):
            table[name] = table[name] * factor
        assert len(said(table)) == expected

    @pytest.mark.parametrize(("redshift", "expected"), [(7.0, 1), (9.0, 0)])
    def test_only_redward_of_the_break(self, redshift, expected):
        table = make_table(redshift=redshift)
        table["F115W"] = np.full(20, 3.5) * u.nJy
        table["F115W_err"] = np.full(20, 1.0) * u.nJy
        for band in BANDS[1:]:
            table[band] = np.geomspace(80.0, 800.0, 20) * u.nJy
        assert len(said(table)) == expected


class TestCleanData:
    def test_simulated_galaxies(self):
        # The default is 11 bands of photometry beside the images, which are left out here.
        sample, _ = GalaxySimulator(bands=["F277W"], size=8, spectrograph=None).draw(
            40, random_state=1
        )
        assert said(sample) == []

    def test_the_demo(self):
        assert said(load_demo()[0]) == []

    @pytest.mark.parametrize(
        "name",
        [
            "catalogs/jof_bagpipes.ecsv",
            "catalogs/jades_z6to9_beagle.fits",
            *(
                f"lines/mosdef_3dhst_{f}.cat"
                for f in ("AEGIS", "COSMOS", "GOODSN", "GOODSS", "UDS")
            ),
        ],
    )
    def test_real_catalogues(self, shared_data, name):
        texts = said(shared_data / name, redshift=[] if "COSMOS" in name else None)
        assert [text for text in texts if "are of bands that are no filters" not in text] == []
