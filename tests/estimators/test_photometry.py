"""Tests of `Photometry` and of the features of fluxes."""

import numpy as np
import pytest
from astropy import units as u
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from dustest import Photometry
from dustest.data import GalaxySample, InputError
from dustest.estimators.photometry import (
    BAND_COLUMNS,
    change_fluxes,
    flux_columns,
    fluxes_from,
    order_bands,
)
from dustest.testing import make_check_sample

BANDS = ("F115W", "F277W", "F444W")


def galaxies(n=40, seed=193200, bands=BANDS):
    """Galaxies with fluxes alone."""
    rng = np.random.default_rng(seed)
    columns = {"id": np.arange(n), "redshift": rng.uniform(4, 9, n)}
    for band in bands:
        columns[f"flux_{band}"] = rng.normal(20.0, 5.0, n) * u.nJy
        columns[f"flux_err_{band}"] = np.full(n, 2.0) * u.nJy
    return GalaxySample(columns)


class TestFluxColumns:
    def test_flux_well_above_its_error_is_a_logarithm(self):
        columns, reference = flux_columns(np.array([[10.0, 1000.0]]), np.array([[0.01, 0.01]]))
        assert reference == pytest.approx(np.log10(505.0))
        assert columns["flux"][0] == pytest.approx(np.log10([10 / 505, 1000 / 505]), abs=1e-5)
        assert columns["snr"][0] == pytest.approx([3.0, 4.0], abs=1e-6)

    def test_no_flux_is_no_feature(self):
        flux = np.array([[np.nan, 5.0, 3.0]])
        columns, _ = flux_columns(flux, np.array([[1.0, np.nan, 1.0]]))
        assert columns["has"].tolist() == [[0.0, 0.0, 1.0]]
        for name in BAND_COLUMNS:
            assert (columns[name][0, :2] == 0.0).all()

    def test_without_any_flux_all_is_zero(self):
        columns, reference = flux_columns(np.full((1, 2), np.nan), np.full((1, 2), np.nan))
        assert reference == 0.0
        assert not any(values.any() for values in columns.values())

    def test_scale_is_in_the_reference_alone(self):
        flux, error = np.array([[3.0, -1.0, 8.0]]), np.array([[1.0, 2.0, 0.5]])
        one, reference = flux_columns(flux, error)
        two, other = flux_columns(100.0 * flux, 100.0 * error)
        assert other - reference == pytest.approx(2.0)
        for name in BAND_COLUMNS:
            assert two[name] == pytest.approx(one[name])

    @given(
        st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=6),
        st.lists(st.floats(0.1, 100.0), min_size=6, max_size=6),
    )
    def test_nothing_is_lost(self, flux, error):
        flux, error = np.array([flux]), np.array([error[: len(flux)]])
        again = fluxes_from(*flux_columns(flux, error))
        assert again[0] == pytest.approx(flux, rel=1e-6, abs=1e-6 * error.max())
        assert again[1] == pytest.approx(error, rel=1e-6)


class TestChangeFluxes:
    def test_some_bands_are_lost_and_one_is_kept(self):
        flux, error = np.full((5000, 4), 10.0), np.ones((5000, 4))
        changed, errors = change_fluxes(flux, error, np.random.default_rng(193201))
        kept = np.isfinite(changed)
        assert kept.any(axis=1).all()
        assert 0.1 < np.mean(~kept) < 0.2
        assert (np.isfinite(errors) == kept).all()

    def test_errors_state_the_noise(self):
        flux, error = np.full((20_000, 1), 0.0), np.ones((20_000, 1))
        changed, errors = change_fluxes(flux, error, np.random.default_rng(193202))
        # Noise is drawn evenly from 0 to 0.3 of the error, and added to it in quadrature.
        assert changed.std() == pytest.approx(0.3 / np.sqrt(3.0), rel=0.03)
        assert np.mean(errors**2) == pytest.approx(1.0 + 0.03, rel=0.01)

    def test_all_can_be_lost(self):
        loses = np.array([True, False])
        flux, error = np.ones((2, 3)), np.ones((2, 3))
        changed, _ = change_fluxes(flux, error, np.random.default_rng(1), loses_all=loses)
        assert np.isnan(changed[0]).all()
        assert np.isfinite(changed[1]).any()


class TestPhotometry:
    def test_names_are_those_of_the_columns(self):
        photometry = Photometry().fit(galaxies())
        names = photometry.get_feature_names_out().tolist()
        features = photometry.transform(galaxies())
        assert features.shape == (40, len(names)) == (40, photometry.n_features_out_)
        assert np.allclose(features[:, names.index("redshift")], galaxies()["redshift"])

    def test_bands_are_in_order_of_wavelength(self):
        photometry = Photometry().fit(galaxies(bands=("F444W", "F115W")))
        assert photometry.bands_ == ("F115W", "F444W")
        assert order_bands(["JWST/NIRCam.F444W", "F606W"]) == ("F606W", "F444W")

    def test_bands_that_are_missing_are_zero(self):
        photometry = Photometry().fit(galaxies())
        few = photometry.transform(galaxies(bands=("F277W",)))
        names = photometry.get_feature_names_out().tolist()
        assert (few[:, names.index("has_F115W")] == 0).all()
        assert (few[:, names.index("has_F277W")] == 1).all()
        assert np.isfinite(few).all()

    def test_missing_values_are_no_nan(self):
        sample = galaxies()
        sample["flux_F277W"][:5] = np.nan
        sample["redshift"][0] = np.nan
        features = Photometry().fit_transform(sample)
        assert np.isfinite(features).all()
        assert features[0, -2:].tolist() == [0.0, 0.0]

    def test_a_pipeline_learns(self):
        sample = galaxies(300)
        model = make_pipeline(Photometry(), StandardScaler())
        scaled = clone(model).fit(sample).transform(sample)
        assert scaled.shape[0] == 300
        assert abs(scaled.mean()) < 1e-6

    def test_data_frames_are_possible(self):
        frame = Photometry().set_output(transform="pandas").fit_transform(galaxies())
        assert frame.columns[0] == "has_F115W"

    def test_changes_keep_galaxies(self):
        photometry = Photometry().fit(galaxies())
        features = photometry.transform(galaxies(2000))
        changed = photometry.augment(features, np.random.default_rng(193203))
        assert changed.shape == features.shape
        assert photometry.has_data(changed).all()
        assert (changed[:, -2:] == features[:, -2:]).all()
        assert np.median(np.abs(changed[:, 2] - features[:, 2])) < 0.1

    def test_no_data_is_found(self):
        photometry = Photometry().fit(galaxies())
        sample = galaxies(2)
        for band in BANDS:
            sample[f"flux_{band}"][0] = np.nan
        assert photometry.has_data(photometry.transform(sample)).tolist() == [False, True]

    @pytest.mark.parametrize(
        ("bands", "message"),
        [
            ("F277W", "bands must be None or a sequence"),
            ((), "bands must be None or a sequence"),
            (("F277W", "JWST/NIRCam.F277W"), "bands must name each band once"),
        ],
    )
    def test_other_bands_are_refused(self, bands, message):
        with pytest.raises(InputError, match=message):
            Photometry(bands).fit(galaxies())

    def test_samples_without_fluxes_are_refused(self):
        sample, _ = make_check_sample()
        bare = sample[[name for name in sample.colnames if not name.startswith("flux")]]
        with pytest.raises(InputError, match="X must have fluxes in at least one band, got none"):
            Photometry().fit(bare)
        with pytest.raises(InputError, match="X must have fluxes in at least one of the bands"):
            Photometry().fit(sample).transform(bare)
