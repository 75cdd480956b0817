"""Corruptions of stamps, against what each name says."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from dustest.estimators._cnn.corruptions import CORRUPTIONS
from dustest.estimators._cnn.corruptions.pixels import (
    NoiseSource,
    blur,
    correlated_noise,
    flux_within,
    point_source,
    psf_widths,
    resample,
)
from dustest.simulate import make_psf


def noiseless(n=6):
    """Gaussian galaxies of flux 50 in three bands, with their noise and redshift."""
    return 50.0 * point_source(48, np.full((n, 3), 2.0)), np.full((n, 3), 0.1), np.full(n, 7.0)


def centroid(stamp):
    """Centre of light from the centre of a stamp, along rows and columns."""
    place = np.arange(stamp.shape[-1]) - 0.5 * (stamp.shape[-1] - 1)
    return np.array([stamp.sum(axis=1) @ place, stamp.sum(axis=0) @ place]) / stamp.sum()


def second_moment(stamp):
    """Variance of the light along the rows."""
    place = np.arange(stamp.shape[-1]) - 0.5 * (stamp.shape[-1] - 1)
    return stamp.sum(axis=1) @ place**2 / stamp.sum()


class TestPixels:
    def test_resampling_by_nothing_changes_nothing(self):
        stamps = noiseless()[0]
        assert_allclose(resample(stamps), stamps, atol=1e-14)

    def test_shifts_move_the_centroid(self):
        moved = resample(noiseless()[0], 1.0, (2.5, -3.0))
        assert_allclose(centroid(moved[0, 0]), [2.5, -3.0], atol=1e-3)

    def test_larger_pixels_keep_the_flux(self):
        stamps = noiseless()[0]
        larger = resample(stamps, 1.4)
        assert_allclose(larger.sum(axis=(2, 3)), 50.0, rtol=2e-3)
        expected = second_moment(stamps[0, 0]) / 1.4**2
        assert_allclose(second_moment(larger[0, 0]), expected, rtol=0.03)

    def test_blur_adds_its_variance_to_the_light(self):
        stamps = noiseless()[0]
        wide = blur(stamps, 1.5, np.zeros((6, 3)), NoiseSource(np.random.default_rng(170411)))
        assert_allclose(second_moment(wide[0, 0]), 2.0**2 + 1.5**2, rtol=0.01)

    def test_blur_keeps_the_noise(self):
        rng = np.random.default_rng(170412)
        noise = correlated_noise((200, 3, 48, 48), 2.0, 0.8, rng)
        assert_allclose(noise.std(), 2.0, rtol=0.02)
        wide = blur(noise, 2.0, np.full((200, 3), 2.0), NoiseSource(rng))
        assert_allclose(wide.std(), 2.0, rtol=0.03)

    @pytest.mark.parametrize(("band", "micron"), [("F277W", 2.78), ("F444W", 4.42)])
    @pytest.mark.parametrize("scale", [0.03, 0.04])
    def test_point_sources_are_those_of_the_simulator(self, band, micron, scale):
        rng = np.random.default_rng(170483)
        source = NoiseSource(rng, widths=psf_widths([micron], scale))
        found = np.mean(source.points(400, 1, 48)[:, 0], axis=0)
        offsets = np.float32(rng.normal(-0.5, 0.5, (2, 400, 1)))
        image = make_psf(band, pixel_scale=scale, size=49).image[:48, :48]
        stamps = resample(np.broadcast_to(np.float32(image), (400, 1, 48, 48)), 1.0, offsets)
        expected = np.mean(stamps[:, 0], axis=0)
        for radius in (1.5, 2.5, 4.0, 6.0, 9.0):
            ours, theirs = (flux_within(one[None, None], radius) for one in (found, expected))
            assert_allclose(ours, theirs, atol=0.06)


class TestCorruptions:
    @pytest.mark.parametrize("name", list(CORRUPTIONS))
    def test_keeps_shapes_and_input(self, name):
        stamps, errors, redshift = noiseless()
        copies = [values.copy() for values in (stamps, errors, redshift)]
        rng = np.random.default_rng(170413)
        found = CORRUPTIONS[name].apply(stamps, errors, redshift, rng)
        for new, old, copy in zip(found, (stamps, errors, redshift), copies, strict=True):
            assert new.shape == old.shape
            assert np.isfinite(new).all()
            assert_allclose(old, copy, rtol=0)

    @pytest.mark.parametrize(("name", "distance"), [("offset", 5.0), ("shifted band", 2.0)])
    def test_distance(self, name, distance):
        rng = np.random.default_rng(170414)
        moved, _, _ = CORRUPTIONS[name].apply(*noiseless(), rng, (distance, distance))
        found = [[np.hypot(*centroid(band)) for band in galaxy] for galaxy in moved]
        n_moved = 1 if name == "shifted band" else 3
        expected = [*[0.0] * (3 - n_moved), *[distance] * n_moved]
        assert_allclose(np.sort(found, axis=1), np.tile(expected, (6, 1)), atol=0.02)

    def test_neighbour_has_its_flux(self):
        rng = np.random.default_rng(170415)
        found, _, _ = CORRUPTIONS["neighbour"].apply(*noiseless(), rng, (0.3, 0.3))
        assert_allclose(found.sum(axis=(2, 3)), 50.0 * (1.0 + 10.0**0.3), rtol=0.02)

    def test_noise_is_as_many_times_that_stated(self):
        stamps, errors, redshift = noiseless(100)
        rng = np.random.default_rng(170416)
        noise = correlated_noise(stamps.shape, errors, 0.8, rng)
        found, _, _ = CORRUPTIONS["noise"].apply(noise, errors, redshift, rng, (2.0, 2.0))
        assert_allclose(found.std(), 0.2, rtol=0.02)

    def test_red_dot_has_its_colour_and_size(self):
        stamps, errors, redshift = noiseless()
        rng = np.random.default_rng(170417)
        found, _, _ = CORRUPTIONS["little red dot"].apply(
            stamps, 1e-6 * errors, redshift, rng, (1.0, 1.0)
        )
        flux = found.sum(axis=(2, 3))
        assert_allclose(flux[:, 2] / flux[:, 0], 10.0, rtol=0.02)
        assert np.all(flux_within(found, 4.0) > 0.55 * flux)

    def test_units_scale_stamps_and_noise(self):
        stamps, errors, redshift = noiseless()
        found, noise, _ = CORRUPTIONS["unit"].apply(
            stamps, errors, redshift, np.random.default_rng(170418)
        )
        factor = found.sum(axis=(2, 3)) / 50.0
        assert_allclose(np.abs(np.log10(factor)), 1.0, rtol=1e-6)
        assert_allclose(noise, factor * errors)
