import sys
from dataclasses import fields
from itertools import product

import numpy as np
import pytest
from cnn_stamps import BANDS, cutout_batch, galaxies
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import ive

from dustest.data import InputError, MissingDependencyError
from dustest.estimators._cnn.context import ContextLayout
from dustest.estimators._cnn.inputs import aperture, prepare, prepare_paper, unstretch
from dustest.estimators._cnn.training.augmentation import (
    PAPER_COPIES,
    AugmentOptions,
    apply_symmetry,
    augment,
    augment_paper,
    balance_weights,
)

OFF = {"symmetries": False, "shift": 0.0, "blur": 0.0, "noise": 0.0}
EVERYTHING = AugmentOptions(missing_band=0.3, missing_redshift=0.3)


def inputs(n=6, bands=BANDS, **options):
    """Inputs of galaxies."""
    return prepare(cutout_batch(galaxies(n, bands, **options), bands), bands)


def changed(given, seed=1, **options):
    """Image and context under some of the options."""
    return augment(
        given.image, given.context, np.random.default_rng(seed), AugmentOptions(**OFF | options)
    )


def scale_of(context):
    """Common scale in nJy."""
    return 10.0 ** context[:, -5].astype(float)


def brightness(image, context):
    """Images in nJy per pixel."""
    return unstretch(image.astype(float)) * scale_of(context)[:, None, None, None]


def noise_of(context, n_bands=3):
    """Noise in the aperture in nJy, (n, n_bands)."""
    columns = context[:, : 3 * n_bands].astype(float).reshape(len(context), n_bands, 3)
    return 10.0 ** (columns[..., 2] - columns[..., 1]) * scale_of(context)[:, None]


def in_aperture(light):
    """Flux in the aperture of images (n, size, size, n_bands)."""
    return np.tensordot(light, aperture(light.shape[1]), axes=([1, 2], [0, 1]))


def moments(light):
    """Flux, centroid and variance along rows of images (n, size, size)."""
    size = light.shape[-1]
    offset = np.arange(size) - 0.5 * (size - 1)
    flux = light.sum(axis=(1, 2))
    profile = light.sum(axis=1) / flux[:, None]
    centroid = profile @ offset
    return flux, centroid, profile @ offset**2 - centroid**2


class TestSymmetries:
    @pytest.fixture
    def image(self):
        return np.random.default_rng(0).normal(size=(1, 6, 6, 2))

    def orbit(self, image):
        """The image under all eight symmetries."""
        return [apply_symmetry(image, np.array([element])) for element in range(8)]

    def find(self, image, others):
        """Numbers of the images that are the same as this one."""
        return [k for k, other in enumerate(others) if np.array_equal(image, other)]

    def test_all_differ_and_zero_is_none(self, image):
        orbit = self.orbit(image)
        assert [self.find(one, orbit) for one in orbit] == [[k] for k in range(8)]
        assert np.array_equal(orbit[0], image)

    def test_are_a_group(self, image):
        orbit = self.orbit(image)
        table = np.empty((8, 8), dtype=int)
        for a, b in product(range(8), range(8)):
            (table[a, b],) = self.find(apply_symmetry(orbit[a], np.array([b])), orbit)
        for line in (*table, *table.T):
            assert sorted(line) == list(range(8))
        assert not np.array_equal(table, table.T)

    def test_are_rotations_and_flips(self, image):
        turned = [np.rot90(image, k, axes=(1, 2)) for k in range(4)]
        turned += [one[:, ::-1] for one in turned]
        orbit = self.orbit(image)
        assert sorted(k for one in turned for k in self.find(one, orbit)) == list(range(8))

    def test_each_row_its_own(self):
        image = np.random.default_rng(0).normal(size=(8, 6, 6, 2))
        turned = apply_symmetry(image, np.arange(8))
        for k in range(8):
            one = apply_symmetry(image[k : k + 1], np.array([k]))
            assert np.array_equal(turned[k : k + 1], one)

    def test_in_augment(self):
        given = inputs(200)
        image, context = changed(given, symmetries=True)
        orbits = np.stack([apply_symmetry(given.image, np.full(200, k)) for k in range(8)])
        distance = np.abs(orbits - image).max(axis=(2, 3, 4))
        assert np.all(distance.min(axis=0) < 1e-4)
        counts = np.bincount(distance.argmin(axis=0), minlength=8)
        assert counts.min() > 10
        assert context == pytest.approx(given.context, abs=1e-4)


class TestNothing:
    def test_all_off(self):
        given = inputs()
        image, context = changed(given)
        assert image == pytest.approx(given.image, abs=1e-4)
        assert context == pytest.approx(given.context, abs=1e-4)

    def test_inputs_stay(self):
        given = inputs()
        before = given.image.copy(), given.context.copy()
        augment(given.image, given.context, np.random.default_rng(0), EVERYTHING)
        assert np.array_equal(given.image, before[0])
        assert np.array_equal(given.context, before[1])

    def test_types(self):
        given = inputs()
        image, context = augment(given.image, given.context, np.random.default_rng(0))
        assert (image.dtype, context.dtype) == (np.float32, np.float32)
        assert image.flags.c_contiguous


class TestShift:
    def test_flux_is_kept_and_the_centre_moves(self):
        given = inputs(300, rms=1e-4)
        before = brightness(given.image, given.context)
        after = brightness(*changed(given, shift=0.5))
        flux, centre, width = zip(*(moments(before[..., b]) for b in range(3)), strict=True)
        new_flux, new_centre, new_width = zip(
            *(moments(after[..., b]) for b in range(3)), strict=True
        )
        assert np.array(new_flux) == pytest.approx(np.array(flux), rel=1e-3)
        moved = np.array(new_centre) - np.array(centre)
        assert moved[0] == pytest.approx(moved[2], abs=5e-3)
        assert np.abs(moved).max() == pytest.approx(0.5, abs=0.02)
        assert np.std(moved) == pytest.approx(0.5 / np.sqrt(3.0), rel=0.1)
        assert np.array(new_width) == pytest.approx(np.array(width), rel=0.01)

    def test_against_the_profile_itself(self):
        given = inputs(50, rms=0.0, width=1.6)
        after = brightness(*changed(given, shift=0.5))[..., 0]
        offset = np.arange(32) - 15.5
        _, x, _ = moments(after)
        _, y, _ = moments(after.swapaxes(1, 2))
        squared = (offset - x[:, None])[:, None] ** 2 + (offset - y[:, None])[..., None] ** 2
        expected = 40.0 / (2.0 * np.pi * 1.6**2) * np.exp(-0.5 * squared / 1.6**2)
        assert after == pytest.approx(expected, abs=0.003 * expected.max())

    def test_noise_stays_about_the_same(self):
        given = inputs(200, flux=0.0, rms=1.0)
        before = brightness(given.image, given.context)
        after = brightness(*changed(given, shift=0.5))
        assert 0.75 < after.std() / before.std() < 1.0
        sums = [
            np.tensordot(i, aperture(32), axes=([1, 2], [0, 1])).std() for i in (before, after)
        ]
        assert sums[1] == pytest.approx(sums[0], rel=0.03)


class TestBlur:
    def test_flux_is_kept_and_the_width_grows(self):
        given = inputs(300, rms=1e-5)
        before = brightness(given.image, given.context)
        after = brightness(*changed(given, blur=0.8))
        grown = []
        for band in range(3):
            flux, centre, width = moments(before[..., band])
            new_flux, new_centre, new_width = moments(after[..., band])
            assert new_flux == pytest.approx(flux, rel=1e-3)
            assert new_centre == pytest.approx(centre, abs=2e-3)
            grown.append(np.sqrt(np.maximum(new_width - width, 0.0)))
        assert np.max(grown) == pytest.approx(0.8, abs=0.03)
        assert np.mean(grown) == pytest.approx(0.4, abs=0.05)
        assert abs(np.corrcoef(grown[0], grown[1])[0, 1]) < 0.2

    def test_signal_in_the_aperture_falls(self):
        given = inputs(50, rms=0.01)
        _, context = changed(given, blur=1.0)
        assert np.all(context[:, 1] < given.context[:, 1] + 1e-4)
        assert noise_of(context) == pytest.approx(noise_of(given.context), rel=1e-4)


class TestNoise:
    @pytest.mark.parametrize("noise_smoothing", [0.0, 0.8, 1.5])
    def test_level(self, noise_smoothing):
        given = inputs(1500, rms=0.05)
        image, context = changed(given, noise=1.0, noise_smoothing=noise_smoothing)
        added = brightness(image, context) - brightness(given.image, given.context)
        extra = np.sqrt(noise_of(context) ** 2 - noise_of(given.context) ** 2)
        share = extra / noise_of(given.context)
        assert share.min() >= 0.0
        assert share.max() <= 1.0 + 1e-3
        assert share.mean() == pytest.approx(0.5, abs=0.02)
        drawn = share > 0.05
        pull = in_aperture(added)[drawn] / extra[drawn]
        assert pull.mean() == pytest.approx(0.0, abs=0.05)
        assert pull.std() == pytest.approx(1.0, abs=0.04)

    def test_correlation(self):
        given = inputs(100, rms=0.05)
        for smoothing in (0.0, 1.0):
            image, context = changed(given, noise=2.0, noise_smoothing=smoothing)
            added = brightness(image, context) - brightness(given.image, given.context)
            found = np.corrcoef(added[:, 1:].ravel(), added[:, :-1].ravel())[0, 1]
            # The autocorrelation of a discrete Gaussian is one of twice the variance.
            assert found == pytest.approx(
                ive(1, 2.0 * smoothing) / ive(0, 2.0 * smoothing), abs=0.03
            )

    def test_as_prepare_would_see_it(self):
        err = np.full((40, 3, 32, 32), 0.05)
        given = prepare(cutout_batch(galaxies(40), err=err), BANDS)
        image, context = changed(given, noise=0.5, shift=0.5, blur=0.4)
        stamps = np.moveaxis(brightness(image, context), -1, 1)
        again = prepare(cutout_batch(stamps, err=err), BANDS)
        assert again.image == pytest.approx(image, abs=2e-3)
        for column in (2, 5, 8, 9):
            assert again.context[:, column] == pytest.approx(context[:, column], abs=1e-3)

    def test_negative_fluxes(self):
        given = inputs(50, flux=(-20.0, 30.0, 30.0))
        _, context = changed(given, noise=0.5)
        assert np.all(context[:, 1] == -1.0)
        ratio = noise_of(context) / noise_of(given.context)
        assert np.all((ratio >= 1.0 - 1e-4) & (ratio <= np.hypot(1.0, 0.5) + 1e-4))


class TestMissing:
    @pytest.mark.parametrize("probability", [0.3, 1.0])
    def test_bands_are_taken_away(self, probability):
        given = inputs(400)
        image, context = changed(given, missing_band=probability)
        there = context[:, [0, 3, 6]].astype(bool)
        assert there.any(axis=1).all()
        assert not image.transpose(0, 3, 1, 2)[~there].any()
        assert image.transpose(0, 3, 1, 2)[there].any(axis=(1, 2)).all()
        lost = 1.0 - there.mean()
        assert lost == pytest.approx(2.0 / 3.0 if probability == 1.0 else 0.3 - 0.009, abs=0.03)
        assert there.mean(axis=0).min() > 0.25
        fluxes = np.array([40.0, 60.0, 80.0])
        mean = np.where(there, fluxes, 0.0).sum(axis=1) / there.sum(axis=1)
        ratio = scale_of(context) / mean
        assert ratio == pytest.approx(np.median(ratio), rel=0.05)

    def test_subsets_of_all_sizes_are_equally_frequent(self):
        image, context = changed(inputs(4000), any_bands=True)
        present = context[:, :9:3] > 0.0
        share = np.bincount(present.sum(axis=1), minlength=4) / 4000
        assert share == pytest.approx([0.0, 0.5, 0.25, 0.25], abs=0.03)
        assert not image[~present[:, 0], ..., 0].any()

    def test_what_is_missing_stays_missing(self):
        stamps = galaxies()
        stamps[:3, 1] = np.nan
        stamps[0] = np.nan
        given = prepare(cutout_batch(stamps), BANDS)
        options = AugmentOptions(missing_band=0.5)
        for seed in range(5):
            rng = np.random.default_rng(seed)
            image, context = augment(given.image, given.context, rng, options)
            assert not image[:3, ..., 1].any()
            assert not context[0, :10].any()
            assert not image[0].any()

    @pytest.mark.parametrize(
        ("name", "columns"),
        [
            ("missing_redshift", ("redshift", "redshift_known")),
            ("missing_pixel_scale", ("log_pixel_scale", "pixel_scale_known")),
        ],
    )
    def test_quantities(self, name, columns):
        """Only they are removed."""
        given, layout = inputs(400), ContextLayout(len(BANDS))
        removed = [layout[column] for column in columns]
        given.context[:, removed] = 0.1, 1.0
        _, context = changed(given, **{name: 0.3})
        gone = context[:, removed[1]] == 0.0
        assert gone.mean() == pytest.approx(0.3, abs=0.07)
        assert not context[gone][:, removed].any()
        assert np.all(context[~gone][:, removed] == np.float32([0.1, 1.0]))
        others = np.delete(np.arange(len(layout)), removed)
        assert np.array_equal(context[:, others], changed(given)[1][:, others])


class TestSeeds:
    def test_same_seed_same_bytes(self):
        given = inputs(40)
        one, same, other = (
            augment(given.image, given.context, np.random.default_rng(seed), EVERYTHING)
            for seed in (3, 3, 4)
        )
        for k in range(2):
            assert one[k].tobytes() == same[k].tobytes()
            assert one[k].tobytes() != other[k].tobytes()


class TestWide:
    def test_misalignment(self):
        given = inputs(60, rms=1e-4)
        image, context = changed(given, misalignment=1.0)
        light = brightness(image, context)
        rows = np.array([moments(light[..., band])[1] for band in range(3)])
        assert np.abs(rows).max() == pytest.approx(1.0, abs=0.02)
        # Differences of two uniform shifts: a standard deviation of sqrt(2 / 3) pixels.
        assert np.std(rows[0] - rows[1]) == pytest.approx(np.sqrt(2.0 / 3.0), rel=0.2)

    def test_shift_of_3_pixels_with_bands_together(self):
        given = inputs(60, rms=1e-4, width=1.5)
        light = brightness(*changed(given, shift=3.0))
        rows = np.array([moments(light[..., band])[1] for band in range(3)])
        assert np.abs(rows).max() == pytest.approx(3.0, abs=0.15)
        np.testing.assert_allclose(rows[0], rows[1], atol=0.01)

    def test_background(self):
        given = inputs(200, rms=0.05)
        image, context = changed(given, background=1.0)
        added = brightness(image, context) - brightness(given.image, given.context)
        np.testing.assert_allclose(np.ptp(added, axis=(1, 2)), 0.0, atol=1e-4)
        level = added.mean(axis=(1, 2)) / 0.05
        assert np.abs(level).max() < 1.25
        assert np.std(level) == pytest.approx(1.0 / np.sqrt(3.0), rel=0.1)
        assert abs(np.corrcoef(level[:, 0], level[:, 1])[0, 1]) < 0.2

    def test_zero_point(self):
        given = inputs(200)
        image, context = changed(given, zero_point=0.05)
        gain = in_aperture(brightness(image, context)) / in_aperture(
            brightness(given.image, given.context)
        )
        assert 0.95 - 1e-3 < gain.min() < 0.953
        assert 1.047 < gain.max() < 1.05 + 1e-3
        np.testing.assert_allclose(noise_of(context), gain * noise_of(given.context), rtol=1e-3)

    def test_neighbours_are_beside_the_galaxy_and_fainter(self):
        given = inputs(50, rms=1e-3)
        before, after = (
            brightness(*one)
            for one in ((given.image, given.context), changed(given, neighbours=1.0))
        )
        added = after - before
        np.testing.assert_allclose(in_aperture(added) / in_aperture(before), 0.0, atol=0.15)
        total = added.sum(axis=(1, 2, 3)) / before.sum(axis=(1, 2, 3))
        assert np.all(total > 0.02)
        assert total.max() < 10.0**-0.1 + 0.1

    def test_neighbours_are_not_noisier_than_the_galaxy(self):
        rms = np.geomspace(1e-3, 1.0, 40)[::-1]
        stamps = np.concatenate([galaxies(1, rms=one, seed=i) for i, one in enumerate(rms)])
        given = prepare(cutout_batch(stamps), BANDS)
        light = brightness(*changed(given, neighbours=1.0))
        corners = light[:, :6, :6, 0], light[:, -6:, -6:, 0]
        # A neighbour shines into one corner at most.
        noise = np.min([one.std(axis=(1, 2)) for one in corners], axis=0)
        np.testing.assert_array_less(noise / rms, 1.8)

    def test_point_source_keeps_the_flux_and_narrows_the_galaxy(self):
        given = inputs(50, rms=1e-3, width=3.0)
        before, after = (
            brightness(*one) for one in ((given.image, given.context), changed(given, agn=1.0))
        )
        within = slice(8, 24), slice(8, 24)
        totals = [one[:, *within].sum(axis=(1, 2, 3)) for one in (before, after)]
        np.testing.assert_allclose(totals[1] / totals[0], 1.0, atol=0.08)
        peaks = [one.max(axis=(1, 2)).mean(axis=1) for one in (before, after)]
        assert np.sum(peaks[1] > 1.01 * peaks[0]) > 40

    def test_bad_pixels_are_0_and_few(self):
        given = inputs(200)
        image, _ = changed(given, bad_pixels=0.5)
        bad = (image == 0.0).sum(axis=(1, 2))
        assert bad[bad > 0].min() >= 1
        assert bad.max() == 9
        assert np.mean(bad > 0) == pytest.approx(0.5, abs=0.06)

    def test_redshift_error(self):
        given = inputs(1000)
        _, context = changed(given, redshift_error=0.02)
        error = 10.0 * (context[:, -2] - given.context[:, -2])
        assert np.std(error) == pytest.approx(0.02 * 8.0, rel=0.05)
        unknown = np.array(given.context)
        unknown[:, -2:] = 0.0
        _, context = augment(
            given.image,
            unknown,
            np.random.default_rng(1),
            AugmentOptions(**OFF, redshift_error=0.1),
        )
        assert not context[:, -2:].any()

    def test_everything(self):
        options = AugmentOptions.wide(noise=0.3)
        off = [item.name for item in fields(options) if not getattr(options, item.name)]
        assert off == ["any_bands", "missing_band", "missing_redshift"]
        given = inputs(64)
        image, context = augment(given.image, given.context, np.random.default_rng(0), options)
        assert np.isfinite(image).all()
        assert np.isfinite(context).all()


class TestOptions:
    @pytest.mark.parametrize(
        "wrong",
        [
            *({"shift": bad} for bad in (-0.1, 3.5, np.nan, "1", None, True)),
            *({"blur": -1.0}, {"blur": 3.0}, {"noise": np.inf}, {"noise_smoothing": 9.0}),
            *({"missing_band": 1.1}, {"missing_redshift": -0.1}, {"symmetries": 1}),
            *({"misalignment": 1.1}, {"background": -1.0}, {"zero_point": 0.6}, {"agn": 1.1}),
            *({"neighbours": -0.1}, {"bad_pixels": 2.0}, {"redshift_error": 1.0}),
        ],
    )
    def test_out_of_range(self, wrong):
        with pytest.raises(InputError, match=f"{next(iter(wrong))} must be"):
            AugmentOptions(**wrong)


class TestJunk:
    @settings(max_examples=40)
    @given(
        seed=st.integers(0, 2**32),
        n=st.integers(1, 5),
        n_bands=st.integers(1, 4),
        size=st.sampled_from([16, 24, 32]),
        scale=st.sampled_from([1e-30, 1.0, 1e28]),
    )
    def test_always_finite(self, seed, n, n_bands, size, scale):
        rng = np.random.default_rng(seed)
        bands = ("F115W", *BANDS)[:n_bands]
        stamps = scale * rng.normal(size=(n, n_bands, size, size)) ** rng.integers(1, 9)
        stamps[rng.random(stamps.shape[:2]) < 0.3] = np.nan
        given = prepare(cutout_batch(stamps, bands), bands, size=size)
        options = AugmentOptions.wide(
            noise=5.0, blur=2.0, missing_band=0.5, agn=0.5, neighbours=0.5
        )
        image, context = augment(given.image, given.context, rng, options)
        assert (image.shape, context.shape) == (given.image.shape, given.context.shape)
        assert np.isfinite(image).all()
        assert np.isfinite(context).all()


def every_copy(images, **options):
    """Copies of all kinds, of shape (n_kinds, n, size, size, n_bands)."""
    n_kinds = len(PAPER_COPIES)
    many = np.tile(images, (n_kinds, 1, 1, 1))
    kinds = np.repeat(np.arange(n_kinds), len(images))
    copies = augment_paper(many, kinds, np.random.default_rng(0), **options)
    return copies.reshape(n_kinds, *images.shape)


class TestPaper:
    @pytest.fixture
    def images(self):
        return prepare_paper(cutout_batch(galaxies(3)), BANDS).image

    def test_copies(self, images):
        pytest.importorskip("skimage")
        enlarged = every_copy(images)
        assert enlarged.shape == (8, 3, 32, 32, 3)
        assert enlarged.dtype == np.float32
        copies = dict(zip(PAPER_COPIES, enlarged, strict=True))
        assert np.array_equal(copies["original"], images)
        for k in (1, 2, 3):
            assert np.array_equal(copies[f"rot{90 * k}"], np.rot90(images, k, axes=(1, 2)))
        assert np.array_equal(copies["flip_x"], images[:, :, ::-1])
        assert np.array_equal(copies["flip_y"], images[:, ::-1])
        assert enlarged.min() >= 0.0
        assert enlarged.max() <= 1.0

    def test_noise(self, images):
        pytest.importorskip("skimage")
        images = np.full_like(images, 0.5)
        enlarged = every_copy(images, noise=0.1)
        assert np.std(enlarged[6]) == pytest.approx(0.1, rel=0.05)
        again = every_copy(images, noise=0.1)
        assert enlarged.tobytes() == again.tobytes()

    def test_gradients(self, images):
        feature = pytest.importorskip("skimage.feature")
        images[1] = 0.0
        drawn = every_copy(images)[7]
        expected = feature.hog(images[2, ..., 1], visualize=True)[1]
        assert drawn[2, ..., 1] == pytest.approx(expected / expected.max(), abs=1e-6)
        assert np.all(drawn[[0, 2]].max(axis=(1, 2)) == 1.0)
        assert not drawn[1].any()

    def test_without_scikit_image(self, images, monkeypatch):
        monkeypatch.setitem(sys.modules, "skimage.feature", None)
        with pytest.raises(MissingDependencyError, match="needs scikit-image"):
            every_copy(images)

    def test_wrong_noise(self, images):
        with pytest.raises(InputError, match="noise must be a finite number"):
            every_copy(images, noise=-1.0)


class TestBalance:
    @pytest.fixture
    def labels(self):
        return np.random.default_rng(0).exponential(0.3, size=4000)

    def spread(self, labels, weights=None):
        """Largest over mean share of the bins from 0 to 1, which all hold many labels."""
        counts, _ = np.histogram(labels, bins=10, range=(0.0, 1.0), weights=weights)
        return counts.max() / counts.mean()

    def test_more_even(self, labels):
        plain = self.spread(labels)
        some, most = (
            self.spread(labels, balance_weights(labels, power=power, bound=100.0))
            for power in (0.5, 1.0)
        )
        assert most < some < plain
        assert most < 1.2

    def test_bounds(self, labels):
        weights = balance_weights(labels, power=1.0, bound=3.0)
        assert weights.mean() == pytest.approx(1.0)
        assert weights.max() / weights.min() == pytest.approx(3.0)
        assert np.all(balance_weights(labels, power=0.0) == 1.0)
        assert np.all(balance_weights(np.full(9, 0.3)) == 1.0)

    @pytest.mark.parametrize("labels", [[], [[1.0, 2.0]], [1.0, np.nan], [np.inf, 0.0], 3.0])
    def test_labels(self, labels):
        with pytest.raises(InputError, match="labels must be finite numbers"):
            balance_weights(labels)

    @pytest.mark.parametrize(
        "wrong", [{"power": -1.0}, {"power": 2.0}, {"bound": 0.5}, {"bound": "x"}, {"n_bins": 0}]
    )
    def test_arguments(self, labels, wrong):
        with pytest.raises(InputError, match=f"{next(iter(wrong))} must be"):
            balance_weights(labels, **wrong)
