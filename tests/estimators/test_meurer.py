import json

import numpy as np
import pandas as pd
import pytest
from astropy import units as u
from astropy.table import QTable
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm

from dustest import MeurerEstimator
from dustest.data import FLAGS, DustestWarning, InputError, bands, get_band
from dustest.estimators._uv_slopes import _is_no_galaxy
from dustest.io import load_demo
from dustest.physics import (
    IRX_BETA_RELATIONS,
    attenuation_ratio,
    get_dust_law,
    photometric_beta,
    synthetic_photometry,
)
from dustest.testing import make_check_sample

BANDS = ("F115W", "F150W", "F200W", "F277W", "F356W", "F410M", "F444W")

# Intercept and slope as printed in the papers.
PUBLISHED = {
    "Meurer99": (4.43, 1.99),
    "Takeuchi12": (3.06, 1.58),
    "Reddy15": (4.48, 1.84),
    "Reddy18-Calzetti": (5.57, 2.13),
    "Reddy18-SMC": (2.79, 1.07),
    "Reddy18-Reddy15": (4.77, 1.82),
    "McLure18-SMC": (0.91 * 2.30, 0.91),
}


def power_law(beta, redshift, snr=20.0):
    """Photometry of galaxies with f_lambda proportional to lambda^beta."""
    beta, redshift = np.atleast_1d(beta), np.atleast_1d(redshift)
    wavelength = np.linspace(0.8, 5.4, 4000) * u.um
    flux = 1e-21 * (wavelength.value / 1.5) ** beta[:, None] * u.Unit("erg / (s cm2 AA)")
    photometry = u.Quantity(synthetic_photometry(wavelength, flux, BANDS), u.nJy)
    table = QTable({"redshift": redshift})
    for i, band in enumerate(BANDS):
        table[f"flux_{band}"] = photometry[:, i]
        table[f"flux_err_{band}"] = photometry[:, i] / snr
    return table


class TestRelations:
    def test_published_numbers(self):
        assert set(IRX_BETA_RELATIONS) == set(PUBLISHED)
        for name, relation in IRX_BETA_RELATIONS.items():
            assert (relation.a, relation.b) == pytest.approx(PUBLISHED[name])

    def test_dust_free_slope(self):
        assert IRX_BETA_RELATIONS["Meurer99"].beta0 == pytest.approx(-2.23, abs=0.005)
        assert IRX_BETA_RELATIONS["McLure18-SMC"].beta0 == pytest.approx(-2.30)

    @pytest.mark.parametrize("relation", PUBLISHED)
    @pytest.mark.parametrize("law", ["Calzetti", "SMC"])
    def test_attenuation_of_known_slopes(self, relation, law):
        a, b = PUBLISHED[relation]
        beta = np.array([-2.4, -1.8, -1.0])
        table = MeurerEstimator(relation, dust_law=law).estimate(power_law(beta, [7.5] * 3))
        np.testing.assert_allclose(table["A_UV"], a + b * beta, atol=0.02)
        ratio = attenuation_ratio(IRX_BETA_RELATIONS[relation].wavelength, law)
        np.testing.assert_allclose(table["A_V"].value, (a + b * beta) / ratio, atol=0.02)
        np.testing.assert_allclose(table["R_V"], get_dust_law(law).r_v, rtol=1e-6)

    def test_unconverted_attenuation(self):
        table = MeurerEstimator(reference="A_1600").estimate(power_law(-1.5, 7.5))
        np.testing.assert_array_equal(table["A_V"].value, table["A_UV"])


class TestPresets:
    def test_relations(self):
        galaxies = power_law(np.array([-2.4, -1.8]), [7.5] * 2)
        for preset, relation in (("default", "Reddy18-SMC"), ("Fu", "Meurer99")):
            found = MeurerEstimator(preset=preset).estimate(galaxies)
            expected = MeurerEstimator(relation).estimate(galaxies)
            np.testing.assert_array_equal(found["A_V"], expected["A_V"])
            other = MeurerEstimator("Takeuchi12", preset=preset).estimate(galaxies)
            np.testing.assert_allclose(other["A_UV"], 3.06 + 1.58 * other["beta"], rtol=1e-6)

    @pytest.mark.parametrize(
        ("relation", "law"), [("Reddy18-SMC", "SMC"), ("Meurer99", "Calzetti")]
    )
    def test_each_relation_has_its_law(self, relation, law):
        table = MeurerEstimator(relation).estimate(power_law(-1.5, 7.5))
        np.testing.assert_allclose(table["R_V"], get_dust_law(law).r_v, rtol=1e-6)
        params = json.loads(table.meta["params"])
        assert (params["relation"], params["dust_law"]) == (relation, law)

    @pytest.mark.parametrize("preset", ["fu", None, ["Fu"]])
    def test_unknown(self, preset):
        with pytest.raises(InputError, match="preset must be one of default, Fu, got"):
            MeurerEstimator(preset=preset).estimate(power_law(-1.5, 7.5))


class TestUncertainty:
    def test_percentiles_are_those_of_the_propagated_error(self):
        table = MeurerEstimator("Meurer99", beta0_scatter=0.3).estimate(power_law(-1.8, 7.5))
        sigma = 1.99 / 2.4617 * np.hypot(table["beta_err"], 0.3)
        for column, level in (("A_V_p16", 0.16), ("A_V_p84", 0.84)):
            offset = (table[column] - table["A_V"]).value
            np.testing.assert_allclose(offset, sigma * norm.ppf(level), rtol=1e-3)

    def test_standard_deviation(self):
        estimator = MeurerEstimator("Meurer99", beta0_scatter=0.3)
        _, std = estimator.predict(power_law(-1.8, 7.5), return_std=True)
        beta_err = estimator.estimate(power_law(-1.8, 7.5))["beta_err"]
        np.testing.assert_allclose(std, 1.99 / 2.4617 * np.hypot(beta_err, 0.3), rtol=0.02)

    def test_coverage_of_noisy_galaxies(self):
        rng = np.random.default_rng(8)
        n = 2000
        table = power_law(np.full(n, -1.7), rng.uniform(6, 9, n), snr=10)
        for band in BANDS:
            noise = rng.normal(size=n) * table[f"flux_err_{band}"]
            table[f"flux_{band}"] = table[f"flux_{band}"] + noise
        result = MeurerEstimator("Meurer99", beta0_scatter=0.0).estimate(table)
        truth = (4.43 - 1.99 * 1.7) / 2.4617
        inside = (result["A_V_p16"].value < truth) & (truth < result["A_V_p84"].value)
        assert np.mean(inside) == pytest.approx(0.68, abs=0.04)


class TestRedshiftErrors:
    """F115W leaves the ultraviolet near redshift 7.1 on its blue side, and F200W enters at 6.5."""

    @staticmethod
    def galaxy(redshift, redshift_err):
        """A galaxy that is bluer in F150W - F200W than in F115W - F150W."""
        table = power_law([-2.0] * len(redshift), redshift, snr=15.0)
        table["flux_F115W"] *= 0.9
        table["redshift_err"] = redshift_err
        return table

    def test_percentiles_are_those_of_many_redshifts(self):
        redshift, redshift_err = 6.95, 0.25
        table = MeurerEstimator("Meurer99").estimate(self.galaxy([redshift], [redshift_err]))
        rng = np.random.default_rng(6)
        n = 40_000
        drawn = redshift + redshift_err * rng.standard_normal(n)
        one = self.galaxy([redshift], [0.0])
        arrays = [
            np.repeat([[one[f"{kind}_{b}"][0].value for b in BANDS]], n, axis=0)
            for kind in ("flux", "flux_err")
        ]
        slopes = photometric_beta(*arrays, BANDS, drawn)
        beta = slopes.beta + np.hypot(slopes.beta_err, 0.3) * rng.standard_normal(n)
        assert len(set(slopes.beta.round(6))) > 1
        a_v = (4.43 + 1.99 * beta) / attenuation_ratio(1600.0, "Calzetti")
        expected = np.nanpercentile(a_v, [16, 50, 84])
        own = [table[name][0].value for name in ("A_V_p16", "A_V", "A_V_p84")]
        np.testing.assert_allclose(own, expected, atol=0.015)

    def test_slope_is_that_of_the_redshift(self):
        sample = self.galaxy([6.95], [0.25])
        sharp = sample.copy()
        sharp.remove_column("redshift_err")
        table, without = (MeurerEstimator().estimate(x) for x in (sample, sharp))
        for name in ("beta", "beta_err", "A_UV"):
            assert table[name][0] == without[name][0]
        assert table["A_V"][0] != without["A_V"][0]

    @pytest.mark.parametrize(
        ("redshift", "redshift_err"), [(6.95, np.nan), (6.95, 0.0), (8.0, 0.05)]
    )
    def test_no_error_or_no_other_bands_change_nothing(self, redshift, redshift_err):
        sample = self.galaxy([redshift], [redshift_err])
        sharp = sample.copy()
        sharp["redshift_err"] = np.nan
        table, without = (MeurerEstimator().estimate(x) for x in (sample, sharp))
        for name in ("A_V", "A_V_p16", "A_V_p84", "E_BV_p84"):
            assert table[name][0] == without[name][0]

    def test_neighbours_change_nothing(self):
        sample = self.galaxy([6.95, 8.0, 6.5, 7.1], [0.25, 0.05, np.nan, 0.1])
        together = MeurerEstimator().estimate(sample)
        for row in range(4):
            alone = MeurerEstimator().estimate(sample[row : row + 1])
            assert alone["A_V_p84"][0] == together["A_V_p84"][row]

    def test_redshifts_without_a_slope_are_left_out(self):
        # Below redshift 4.5 no two of the bands are in the ultraviolet.
        table = MeurerEstimator().estimate(self.galaxy([6.0], [1.5]))
        assert np.isfinite(table["A_V_p16"][0])
        assert np.isfinite(table["A_V_p84"][0])

    def test_no_slope_stays_none(self):
        table = MeurerEstimator().estimate(self.galaxy([1.0, 7.0], [3.0, 0.1]))
        assert np.isnan(table["A_V"][0])
        assert table.flag_names[0] == ("NO_DATA",)

    def test_spectra(self):
        sample, _ = make_check_sample()
        sample["spectrum_flux"] *= np.exp(-((sample["spectrum_wavelength"] / (2e4 * u.AA)) ** 2))
        sharp = MeurerEstimator(method="spectrum", beta0_scatter=0.0).estimate(sample)
        sample["redshift_err"] = 0.3
        table = MeurerEstimator(method="spectrum", beta0_scatter=0.0).estimate(sample)
        widths = [(t["A_V_p84"] - t["A_V_p16"]).value for t in (sharp, table)]
        assert np.all(widths[1] > widths[0])
        sample["redshift_err"] = 1e-4
        same = MeurerEstimator(method="spectrum", beta0_scatter=0.0).estimate(sample)
        np.testing.assert_array_equal(same["A_V_p84"].value, sharp["A_V_p84"].value)


class TestPoorFit:
    @staticmethod
    def galaxies(factors, snr):
        """Galaxies at redshift 6.6, where three bands are in the ultraviolet."""
        table = power_law(np.full(len(factors), -2.0), np.full(len(factors), 6.6), snr)
        for band, factor in zip(("F115W", "F150W", "F200W"), np.transpose(factors), strict=True):
            table[f"flux_{band}"] = table[f"flux_{band}"] * factor
        return table

    def test_what_is_no_power_law(self):
        factors = [[1.0, 1.0, 1.0], [1.0, 2.0, 1.0], [1.0, 0.3, 1.0]]
        table = MeurerEstimator().estimate(self.galaxies(factors, 20.0))
        assert ["POOR_FIT" in names for names in table.flag_names] == [False, True, True]

    @given(
        factors=st.lists(
            st.lists(st.floats(0.2, 3.0), min_size=3, max_size=3), min_size=1, max_size=8
        ),
        snr=st.floats(5.0, 300.0),
    )
    @settings(max_examples=20, deadline=None)
    def test_a_large_chi_square_is_always_flagged(self, factors, snr):
        sample = self.galaxies(factors, snr)
        arrays = [
            np.transpose([sample[f"{kind}_{b}"].value for b in BANDS])
            for kind in ("flux", "flux_err")
        ]
        slopes = photometric_beta(*arrays, BANDS, sample["redshift"])
        assert np.all(slopes.n_bands == 3)
        flags = MeurerEstimator().estimate(sample).flag_names
        flagged = np.array(["POOR_FIT" in names for names in flags])
        assert np.all(flagged[slopes.chi2 > 10 * 3])
        # A slope outside -5 to 2 may be flagged for itself.
        usual = (slopes.beta > -5.0) & (slopes.beta < 2.0)
        assert not np.any(flagged[usual & (slopes.chi2 < 15.0)])

    @pytest.mark.parametrize("snr", [3.0, 10.0, 100.0])
    def test_power_laws_are_not_flagged(self, snr):
        rng = np.random.default_rng(13)
        n = 2000
        table = power_law(rng.normal(-2.0, 0.4, n), rng.uniform(5.0, 9.0, n), snr)
        for band in BANDS:
            noise = rng.normal(size=n) * table[f"flux_err_{band}"]
            table[f"flux_{band}"] = table[f"flux_{band}"] + noise
        flags = MeurerEstimator().estimate(table)["flags"]
        assert np.mean(flags & FLAGS["POOR_FIT"].value > 0) < 0.002

    @pytest.mark.parametrize(("factor", "snr", "poor"), [(1, 20, 0), (10, 20, 1), (10, 2, 0)])
    def test_slopes_of_no_galaxy(self, factor, snr, poor):
        # Two bands always fit; beta is 6 with the factor.
        sample = power_law(-2.0, 7.0, snr)
        for kind in ("flux", "flux_err"):
            sample[f"{kind}_F200W"] = factor * sample[f"{kind}_F200W"]
        table = MeurerEstimator().estimate(sample)
        assert np.isfinite(table["beta"][0])
        assert ("POOR_FIT" in table.flag_names[0]) == bool(poor)

    def test_spectra_of_slopes_of_no_galaxy(self):
        sample, _ = make_check_sample()
        micron = sample["spectrum_wavelength"].to_value(u.um)
        sample["spectrum_flux"] = sample["spectrum_flux"] * micron**8
        sample["spectrum_flux_err"] = 0.02 * np.abs(sample["spectrum_flux"])
        table = MeurerEstimator(method="spectrum").estimate(sample)
        assert all("POOR_FIT" in names for names in table.flag_names)

    def test_published_slopes_are_those_of_galaxies(self, shared_data):
        path = shared_data / "catalogs" / "published_uv_slopes.csv"
        published = pd.read_csv(path)
        error = published[["beta_err_up", "beta_err_down"]].min(axis=1)
        assert len(published) == 323
        assert not np.any(_is_no_galaxy(published["beta"], error))

    def test_spectra(self):
        sample, _ = make_check_sample()
        good = MeurerEstimator(method="spectrum").estimate(sample)
        wave = 1.0 + 0.5 * np.sin(sample["spectrum_wavelength"].value / 300.0)
        sample["spectrum_flux"] = sample["spectrum_flux"] * wave
        sample["spectrum_flux_err"] = np.abs(sample["spectrum_flux"]) / 50.0
        poor = MeurerEstimator(method="spectrum").estimate(sample)
        assert not any("POOR_FIT" in names for names in good.flag_names)
        assert all("POOR_FIT" in names for names in poor.flag_names)

    def test_galaxies_of_the_demo_are_not_flagged(self):
        table = MeurerEstimator().estimate(load_demo()[0])
        assert np.mean(table["flags"] & FLAGS["POOR_FIT"].value > 0) <= 0.01


class TestFlags:
    def test_negative_attenuation_is_kept_and_flagged(self):
        table = MeurerEstimator().estimate(power_law([-2.8, -1.5], [7.5, 7.5]))
        assert table["A_V"][0] < 0 * u.mag
        assert table.flag_names == [("NEGATIVE_ATTENUATION",), ()]

    def test_low_signal_is_flagged(self):
        assert MeurerEstimator().estimate(power_law(-1.5, 7.5, snr=2)).flag_names == [("LOW_SNR",)]

    def test_no_band_in_the_ultraviolet(self):
        table = MeurerEstimator().estimate(power_law([-2.0, -2.0], [0.5, 7.5]))
        assert table.flag_names == [("NO_DATA",), ()]
        assert np.isnan(table["A_V"][0])

    def test_flux_that_is_not_positive(self):
        galaxies = power_law(-2.0, 7.5)
        for band in BANDS:
            galaxies[f"flux_{band}"] *= -1
        assert "FAILED" in MeurerEstimator().estimate(galaxies).flag_names[0]


class TestMethods:
    def test_spectrum_and_photometry_agree(self):
        sample, _ = make_check_sample()
        spectral = MeurerEstimator(method="spectrum").estimate(sample)["beta"]
        photometric = MeurerEstimator(method="photometry").estimate(sample)["beta"]
        np.testing.assert_allclose(spectral, photometric, atol=0.02)

    def test_auto_takes_photometry_where_the_spectrum_fails(self):
        sample, _ = make_check_sample()
        sample["spectrum_flux"][1] = np.nan
        table = MeurerEstimator().estimate(sample)
        spectral = MeurerEstimator(method="spectrum").estimate(sample)
        photometric = MeurerEstimator(method="photometry").estimate(sample)
        assert table["beta"][0] == spectral["beta"][0]
        assert table["beta"][1] == photometric["beta"][1]
        assert spectral.flag_names[1] == ("NO_DATA",)

    def test_spectra_alone_are_enough(self):
        sample, _ = make_check_sample()
        names = ["redshift", *(n for n in sample.colnames if n.startswith("spectrum"))]
        assert np.isfinite(MeurerEstimator().predict(sample[names])).all()

    @pytest.mark.parametrize(
        "parameters",
        [
            {"relation": "Meurer98"},
            {"reference": "A_1500"},
            {"method": "guess"},
            {"dust_law": "Calzeti"},
            {"beta0_scatter": -0.1},
            {"beta0_scatter": "0.3"},
        ],
    )
    def test_other_parameters_are_refused(self, parameters):
        with pytest.raises(InputError):
            MeurerEstimator(**parameters).estimate(power_law(-2.0, 7.5))

    @pytest.mark.parametrize(
        ("parameters", "message"),
        [
            ({"relation": "Meurer98"}, "did you mean 'Meurer99'"),
            ({"method": "photometric"}, "did you mean 'photometry'"),
            ({"reference": "A1600"}, "did you mean 'A_1600'"),
            ({"dust_law": "Calzeti"}, "did you mean 'Calzetti'"),
            ({"relation": ["Meurer99"]}, "relation must be one of"),
        ],
    )
    def test_parameters_are_checked_first(self, parameters, message, tmp_path):
        output = tmp_path / "result.ecsv"
        for call in (
            lambda e: e.estimate("no sample at all", output=output),
            lambda e: e.predict(None),
            lambda e: e.predict_quantiles(None),
        ):
            with pytest.raises(InputError, match=message):
                call(MeurerEstimator(**parameters))
        assert not list(tmp_path.iterdir())

    def test_bands_without_a_curve_cost_nobody_else(self, monkeypatch):
        # As without a network.
        monkeypatch.setattr(bands, "_FAILURES", {None: ConnectionError("no network")})
        galaxies = power_law([-1.8, -1.5], [7.5, 7.5])
        expected = MeurerEstimator().estimate(galaxies)
        for band in ("F350LP", "WFC3_UVIS_F850LP", "F470N"):
            galaxies[f"flux_{band}"] = [1.0, 1.0] * u.nJy
            galaxies[f"flux_err_{band}"] = [0.1, 0.1] * u.nJy
        with pytest.warns(DustestWarning, match="F350LP"):
            table = MeurerEstimator().estimate(galaxies)
        np.testing.assert_array_equal(table["A_V"].value, expected["A_V"].value)

    def test_columns_do_not_depend_on_refused_rows(self):
        good = MeurerEstimator().estimate(power_law(-2.0, 7.5))
        refused = MeurerEstimator().estimate(power_law(-2.0, 40.0))
        assert refused.colnames == good.colnames

    def test_bands_of_the_test_are_real(self):
        assert all(get_band(band).pivot > 1e4 for band in BANDS)


def test_a_run_on_spectra_that_is_stopped_keeps_what_was_computed(tmp_path, monkeypatch):
    sample = make_check_sample(n=150)[0]
    kept = [name for name in sample.colnames if name.startswith(("id", "redshift", "spectrum"))]
    sample, sizes, compute = sample[kept], [], MeurerEstimator._estimate

    def stop(estimator, batch):
        if len(sizes) == 1:
            sizes.append(0)
            raise KeyboardInterrupt
        sizes.append(len(batch))
        return compute(estimator, batch)

    monkeypatch.setattr(MeurerEstimator, "_estimate", stop)
    with pytest.raises(KeyboardInterrupt):
        MeurerEstimator().estimate(sample, output=tmp_path / "a.fits")
    table = MeurerEstimator().estimate(sample, output=tmp_path / "a.fits", resume=True)
    assert sizes == [128, 0, 22]
    assert np.isfinite(table["A_V"]).all()
