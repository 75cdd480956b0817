import numpy as np
import pytest
from astropy import units as u
from astropy.table import QTable
from scipy.stats import norm

from dustest import MeurerEstimator
from dustest.data import InputError, get_band
from dustest.estimators.meurer import IRX_BETA_RELATIONS
from dustest.physics import attenuation_ratio, get_dust_law, synthetic_photometry
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


class TestUncertainty:
    def test_percentiles_are_those_of_the_propagated_error(self):
        table = MeurerEstimator(beta0_scatter=0.3).estimate(power_law(-1.8, 7.5))
        sigma = 1.99 / 2.4617 * np.hypot(table["beta_err"], 0.3)
        for column, level in (("A_V_p16", 0.16), ("A_V_p84", 0.84)):
            offset = (table[column] - table["A_V"]).value
            np.testing.assert_allclose(offset, sigma * norm.ppf(level), rtol=1e-3)

    def test_standard_deviation(self):
        estimator = MeurerEstimator(beta0_scatter=0.3)
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
        result = MeurerEstimator(beta0_scatter=0.0).estimate(table)
        truth = (4.43 - 1.99 * 1.7) / 2.4617
        inside = (result["A_V_p16"].value < truth) & (truth < result["A_V_p84"].value)
        assert np.mean(inside) == pytest.approx(0.68, abs=0.04)


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

    def test_bands_of_the_test_are_real(self):
        assert all(get_band(band).pivot > 1e4 for band in BANDS)
