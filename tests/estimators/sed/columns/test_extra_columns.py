from dataclasses import replace

import numpy as np
import pytest
from astropy import units as u
from sed_posteriors import posterior_of

from dustest.estimators._sed.columns.extra_columns import (
    EXTRAS,
    ExtraColumns,
    sed_wavelengths,
)
from dustest.estimators._sed.columns.star_formation_histories import history_columns
from dustest.estimators._sed.posterior import N_DRAWS, BestFit, Galaxy, Prediction, Settings

BANDS = ("F115W", "F200W", "F444W")
HISTORY = history_columns()
ALWAYS = {"log_mass", "chi2", "fit_probability", "ess", "log_evidence", "A_V_information"}
GROUPS = {
    "redshift": {"redshift_samples"},
    "priors": {
        f"A_V_{prior}{level}" for prior in ("flat", "log10") for level in ("", "_p16", "_p84")
    },
    "history": set(),
    "sed": {f"{kind}_{band}" for kind in ("model", "dust_free") for band in BANDS}
    | {"SED", "SED_dust_free", "SED_wavelength", "SED_p16", "SED_p84"},
    "star_formation_history": set(HISTORY),
    "photometry": {f"{kind}_{band}" for kind in ("predicted", "predicted_err") for band in BANDS}
    | {"predicted_covariance"},
    "spectrum": {"predicted_spectrum", "predicted_spectrum_err"},
}
QUANTITIES = ("A_V", "E_BV", "R_V", "log_sSFR")
SETTINGS = [Settings(sfh="delayed", dust_law="SMC")]
REDSHIFT = {"redshift", "redshift_p16", "redshift_p84"}


def predicted(mean, error):
    """Photometry with a mean and independent errors: two draws along each axis."""
    away = np.diag(np.sqrt(len(mean)) * error)
    return Prediction.of(mean + np.concatenate([away, -away]))


def extra_columns(rows, wanted, bands, quantities, settings=(), **options):
    """Values of the columns of some rows."""
    return ExtraColumns(tuple(wanted), bands, quantities, **options).values(rows, settings)


def row(bands=BANDS, **values):
    """A galaxy and a posterior of even draws."""
    n = len(bands)
    wavelength = sed_wavelengths(BANDS)
    galaxy = Galaxy(7.0, 0.1, bands, np.ones(n), np.ones(n), None, 1, wavelength)
    names = ("A_V", "E_BV", "log_sSFR", "log_mass", "log_SFR_10", "log_SFR_100", "log_age")
    draws = {name: k + np.linspace(0.0, 1.0, N_DRAWS) for k, name in enumerate(names)}
    draws["log_mass_formed"] = draws["log_mass"] + 0.1
    draws["redshift"] = np.linspace(6.9, 7.1, N_DRAWS)
    under = {"flat": draws["A_V"] + 0.5, "log10": draws["A_V"] - 0.5}
    best = BestFit(np.arange(n) + 1.0, np.arange(n) + 10.0, wavelength, 2.0 * wavelength)
    numbers = {"chi2": 3.0, "ess": 900.0, "log_evidence": -7.0, "information": 1.5, "edge": 0.0}
    numbers["fit_probability"] = 0.4
    drawn = {"draws": draws, "a_v_under": under}
    drawn["seds"] = Prediction.of(np.linspace(0.0, 1.0, 101)[:, np.newaxis] * wavelength)
    drawn["predicted"] = predicted(np.arange(n) + 5.0, np.arange(n) + 4.0)
    return galaxy, posterior_of(*SETTINGS, **drawn | {"best": best} | numbers | values)


class TestColumns:
    @pytest.mark.parametrize("free", [True, False])
    @pytest.mark.parametrize("wanted", [(), ("priors",), ("history",), ("sed",), tuple(EXTRAS)])
    def test_names(self, wanted, free):
        rows = [row() if "sed" in wanted else row(best=None)]
        found = extra_columns(
            rows, wanted, BANDS, QUANTITIES, free_redshift=free, settings=SETTINGS
        )
        expected = ALWAYS.union(*(GROUPS[name] for name in wanted if name != "spectrum"))
        assert found.keys() == (expected | REDSHIFT if free else expected)

    def test_percentiles(self):
        found = extra_columns(
            [row()], EXTRAS, BANDS, QUANTITIES, free_redshift=True, settings=SETTINGS
        )
        levels = {"": 0.5, "_p16": 0.16, "_p84": 0.84}
        starts = {"A_V_flat": 0.5, "A_V_log10": -0.5}
        for level, share in levels.items():
            for name, start in starts.items():
                assert found[name + level] == pytest.approx(start + share), name
            assert found["redshift" + level] == pytest.approx(6.9 + 0.2 * share)

    def test_a_quantity_that_was_asked_for_has_columns_of_its_own(self):
        asked = (*QUANTITIES, "log_mass")
        found = extra_columns([row()], (), BANDS, asked, free_redshift=False)
        assert found.keys() == ALWAYS - {"log_mass"}
        assert ExtraColumns((), BANDS, asked).declared.keys() == found.keys()

    def test_draws_of_the_redshift(self):
        found = extra_columns([row(), None], ("redshift",), BANDS, (), free_redshift=True)
        samples = found["redshift_samples"]
        np.testing.assert_array_equal(samples[0], row()[1].draws["redshift"][:200])
        assert np.isnan(samples[1]).all()

    def test_numbers(self):
        found = extra_columns([row(best=None)], (), BANDS, QUANTITIES, free_redshift=False)
        names = ("chi2", "fit_probability", "ess", "log_evidence", "A_V_information")
        assert [found[name][0] for name in names] == [3.0, 0.4, 900.0, -7.0, 1.5]
        assert found["log_mass"][0] == pytest.approx(3.5)

    def test_best_model(self):
        found = extra_columns([row()], ("sed",), BANDS, QUANTITIES, free_redshift=False)
        assert [found[f"model_{band}"][0] for band in BANDS] == [1.0, 2.0, 3.0]
        assert [found[f"dust_free_{band}"][0] for band in BANDS] == [10.0, 11.0, 12.0]
        np.testing.assert_array_equal(found["SED"], found["SED_wavelength"])
        np.testing.assert_array_equal(found["SED_dust_free"], 2.0 * found["SED_wavelength"])
        for name, level in {"SED_p16": 0.16, "SED_p84": 0.84}.items():
            expected = level * found["SED_wavelength"]
            np.testing.assert_allclose(found[name], expected, rtol=0.03)

    def test_bands_that_a_galaxy_lacks(self):
        found = extra_columns(
            [row(bands=BANDS[1:])], ("sed",), BANDS, QUANTITIES, free_redshift=False
        )
        assert np.isnan(found["model_F115W"][0])
        assert found["model_F200W"][0] == 1.0


class TestPhotometry:
    def test_prediction(self):
        few = row(bands=("F444W", "F115W"))
        found = extra_columns([few], ("photometry",), BANDS, (), free_redshift=False)
        assert [found[f"predicted_{band}"][0] for band in BANDS[::2]] == pytest.approx([6.0, 5.0])
        errors = [found[f"predicted_err_{band}"][0] for band in BANDS[::2]]
        assert errors == pytest.approx([5.0, 4.0])
        assert np.isnan(found["predicted_F200W"][0])
        np.testing.assert_allclose(
            found["predicted_covariance"][0],
            [[25.0, np.nan, 0.0], [np.nan] * 3, [0.0, np.nan, 16.0]],
            atol=1e-12,
        )

    def test_moments_are_computed_only_if_they_are_requested(self):
        galaxy, posterior = row()
        extra_columns([(galaxy, posterior)], ("history",), BANDS, ())
        assert vars(posterior.predicted).keys() == {"draws", "weight"}

    def test_average_has_the_spread_within_models_and_between_them(self):
        parts = [predicted(np.zeros(2), np.ones(2)), predicted(np.full(2, 4.0), np.ones(2))]
        found = Prediction.average(parts, np.array([0.75, 0.25]))
        np.testing.assert_allclose(found.flux, 1.0)
        np.testing.assert_allclose(found.covariance, [[4.0, 3.0], [3.0, 4.0]])

    def test_quantiles_weigh_models_by_their_probability(self):
        parts = [Prediction.of(np.array([[value], [value]])) for value in (0.0, 1.0)]
        found = Prediction.average(parts, np.array([0.3, 0.7])).quantiles([0.05, 0.16, 0.84])
        np.testing.assert_allclose(found[:, 0], [0.0, 0.0, 1.0])

    def test_outliers(self):
        rows = [row(outlier=np.array([0.1, 0.9, 0.2])), row(), None]
        found = extra_columns(rows, (), BANDS, (), free_redshift=False, robust=True)
        np.testing.assert_array_equal(found["outlier_F200W"], [0.9, np.nan, np.nan])


class TestSpectrum:
    WAVELENGTH = np.array([[4e4, 2e4, np.nan, 3e4]])

    def find(self, *rows):
        """Columns of rows with the same wavelengths."""
        wavelength = np.repeat(self.WAVELENGTH, len(rows), axis=0)
        return ExtraColumns(("spectrum",), BANDS, QUANTITIES).values(rows, (), wavelength)

    def test_pixels_have_the_order_of_the_sample(self):
        galaxy, posterior = row(spectrum=np.array([[2.0, 3.0, 4.0], [0.2, 0.3, 0.4]]))
        pixels = np.column_stack([[2e4, 3e4, 4e4], np.ones((3, 2))])
        found = self.find((replace(galaxy, spectrum=pixels), posterior), None)
        np.testing.assert_array_equal(found["predicted_spectrum"][0], [4.0, 2.0, np.nan, 3.0])
        np.testing.assert_array_equal(found["predicted_spectrum_err"][0], [0.4, 0.2, np.nan, 0.3])
        assert np.isnan(found["predicted_spectrum"][1]).all()

    def test_a_galaxy_without_a_spectrum_has_none(self):
        found = self.find(row())
        assert np.isnan(found["predicted_spectrum"]).all()

    def test_samples_without_spectra_have_no_such_columns(self):
        found = extra_columns([row()], ("spectrum",), BANDS, QUANTITIES)
        assert not GROUPS["spectrum"] & found.keys()


class TestRowsWithoutAnswer:
    @pytest.mark.parametrize("free", [True, False])
    def test_nothing_but_the_wavelengths(self, free):
        rows = [None, row(), None]
        found = extra_columns(
            rows, EXTRAS, BANDS, QUANTITIES, free_redshift=free, settings=SETTINGS
        )
        for name, values in found.items():
            wide = {"SED": (500,), "redshift_samples": (200,), "predicted_covariance": (3, 3)}
            further = wide.get("SED" if name.startswith("SED") else name, ())
            if name in HISTORY:
                further = HISTORY[name].shape
            assert values.shape == (3, *further), name
            assert np.isfinite(values[1]).all(), name
            if name != "SED_wavelength":
                assert np.isnan(values[[0, 2]]).all(), name

    def test_all_of_them(self):
        found = extra_columns([None, None], EXTRAS, BANDS, QUANTITIES, free_redshift=True)
        assert found["SED"].shape == (2, 500)
        assert all(
            np.isnan(values).all() for name, values in found.items() if name != "SED_wavelength"
        )

    def test_fixed_attenuation_has_no_other_prior(self):
        found = extra_columns(
            [row(a_v_under={}, best=None)], ("priors",), BANDS, QUANTITIES, free_redshift=False
        )
        assert all(np.isnan(found[name][0]) for name in GROUPS["priors"])


class TestUnits:
    def test_of_every_column(self):
        declared = ExtraColumns(tuple(EXTRAS), BANDS, QUANTITIES, free_redshift=True).declared
        units = {name: one.unit for name, one in declared.items() if one.unit is not None}
        assert {name for name, unit in units.items() if unit == u.mag} == GROUPS["priors"]
        assert {name for name, unit in units.items() if unit == u.nJy} == (
            (GROUPS["sed"] | GROUPS["photometry"]) - {"SED_wavelength", "predicted_covariance"}
        )
        assert units["SED_wavelength"] == u.AA
        assert units["SFH_p16"] == u.Msun / u.yr
        assert units["SFH_lookback_low"] == u.Gyr
        assert units["predicted_covariance"] == u.nJy**2
        assert {units[name] for name in GROUPS["spectrum"]} == {u.erg / u.s / u.cm**2 / u.AA}
        groups = ("priors", "sed", "photometry", "spectrum")
        on_request = set().union(*(GROUPS[name] for name in groups))
        assert units.keys() == on_request | HISTORY.keys()

    @pytest.mark.parametrize("wanted", [(), ("priors",), ("sed",), tuple(EXTRAS)])
    @pytest.mark.parametrize("bands", [(), BANDS])
    def test_declared_are_those_that_are_given(self, wanted, bands):
        found = extra_columns([None], wanted, bands, QUANTITIES, free_redshift=True)
        declared = ExtraColumns(wanted, bands, QUANTITIES, free_redshift=True).declared
        assert {name: values.shape[1:] for name, values in found.items()} == {
            name: one.shape for name, one in declared.items() if not one.of_spectrum
        }


class TestWavelengths:
    def test_they_span_the_bands(self):
        wavelength = sed_wavelengths(BANDS)
        assert wavelength.shape == (500,)
        assert wavelength[0] < 1.02e4
        assert wavelength[-1] > 4.9e4
        steps = np.diff(np.log(wavelength))
        np.testing.assert_allclose(steps, steps.mean())

    def test_order_does_not_matter(self):
        np.testing.assert_array_equal(sed_wavelengths(BANDS), sed_wavelengths(BANDS[::-1]))
