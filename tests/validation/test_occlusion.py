from typing import ClassVar

import numpy as np
import pytest
from astropy import units as u
from astropy.table import QTable
from hypothesis import given
from hypothesis import strategies as st

from dustest.data import DustTable, InputError, as_sample
from dustest.estimators import DustEstimator, Estimates
from dustest.validation import occlusion, occlusion_map

BANDS = ("F277W", "F444W")


def images(n=2, size=12, bands=BANDS, seed=1):
    return np.random.default_rng(seed).uniform(1.0, 2.0, size=(n, len(bands), size, size))


def sample(n=2, size=12, bands=BANDS, **columns):
    table = as_sample(images(n, size, bands), bands=list(bands))
    for band in bands:
        table[f"cutout_{band}"] = np.asarray(table[f"cutout_{band}"]) * u.nJy
    for name, values in columns.items():
        table[name] = values
    return table


class Weighted:
    """A_V is a sum of the pixels of the first band with some weights; no base of ours."""

    bands = BANDS

    def __init__(self, weights):
        self.weights = weights
        self.calls = []

    def estimate(self, sample):
        self.calls.append(sample)
        pixels = np.nan_to_num(np.asarray(sample[f"cutout_{self.bands[0]}"]))
        values = np.sum(pixels * self.weights, axis=(1, 2))
        return DustTable.from_quantities(sample["id"], {"A_V": values})


class Redshift:
    """A_V is a tenth of the redshift, whatever the images."""

    bands = BANDS

    def estimate(self, sample):
        return DustTable.from_quantities(
            sample["id"], {"A_V": np.asarray(sample["redshift"]) / 10}
        )


class Needy(Weighted):
    """No answer where the first pixel is dark."""

    def estimate(self, sample):
        table = super().estimate(sample)
        table["A_V"][np.asarray(sample["cutout_F277W"])[:, 0, 0] == 0] = np.nan * u.mag
        return table


class Drawing(DustEstimator):
    """Draws of A_V around the light of the centre, with a standard deviation of 0.2."""

    requires: ClassVar[tuple] = ("cutout",)
    uncertainty: ClassVar[str] = "posterior"

    def __init__(self, n_draws=400, random_state=None):
        self.n_draws = n_draws
        self.random_state = random_state

    def _estimate(self, batch):
        noise = [np.random.default_rng(seed).normal(0, 0.2, self.n_draws) for seed in batch.seed]
        light = batch.cutout[:, 0, 4:8, 4:8].mean(axis=(1, 2))
        return Estimates({"A_V": light[:, None] + np.array(noise)})


def single_pixel(y, x, size=12, value=1.0):
    weights = np.zeros((size, size))
    weights[y, x] = value
    return weights


def blocks(linear, patch):
    """Sums of a linear map over its patches, as a map."""
    n, size = len(linear), linear.shape[-1] // patch
    sums = linear.reshape(n, size, patch, size, patch).sum(axis=(2, 4))
    return sums.repeat(patch, axis=1).repeat(patch, axis=2)


class TestMap:
    def test_finds_the_pixels_that_matter_in_their_band(self):
        weights = np.zeros((12, 12))
        weights[5:7, 2:4] = [[1.0, -2.0], [0.5, 3.0]]
        galaxies = images()
        found = occlusion_map(Weighted(weights), galaxies, patch=1)
        np.testing.assert_allclose(found.change[:, 0], galaxies[:, 0] * weights, atol=1e-12)
        np.testing.assert_array_equal(found.change[:, 1], 0.0)
        np.testing.assert_array_equal(found.change_together, found.change[:, 0])
        expected = np.sum(galaxies[:, 0] * weights, axis=(1, 2))
        np.testing.assert_allclose(found.prediction, expected)

    def test_the_light_below_a_patch_counts_as_one(self):
        weights = np.random.default_rng(2).normal(size=(12, 12))
        galaxies = images()
        found = occlusion_map(Weighted(weights), galaxies, patch=4)
        expected = blocks(galaxies[:, 0] * weights, 4)
        np.testing.assert_allclose(found.change[:, 0], expected, atol=1e-12)

    def test_overlapping_patches_are_averaged(self):
        # The first of two steps covers the first three pixels of a line, the second the last.
        found = occlusion_map(Weighted(single_pixel(0, 0, 4)), np.ones((1, 2, 4, 4)), patch=3)
        steps = occlusion_map(
            Weighted(single_pixel(0, 0, 4)), np.ones((1, 2, 4, 4)), patch=3, stride=1
        )
        line = np.array([1.0, 0.5, 0.5, 0.0])
        np.testing.assert_allclose(found.change[0, 0], np.outer(line, line))
        np.testing.assert_array_equal(steps.change, found.change)
        assert (found.stride, steps.stride) == (3, 1)

    def test_all_bands_together(self):
        class Product(Weighted):
            def estimate(self, sample):
                light = [np.asarray(sample[f"cutout_{band}"])[:, 1, 1] for band in BANDS]
                values = 1.0 + light[0] + light[1] - light[0] * light[1]
                return DustTable.from_quantities(sample["id"], {"A_V": values})

        galaxies = np.full((1, 2, 4, 4), 0.5)
        found = occlusion_map(Product(None), galaxies, patch=2)
        # 1.75 with both, 1.5 with one, 1 without.
        np.testing.assert_allclose(found.change[0, :, 0, 0], 0.25)
        assert found.change_together[0, 0, 0] == pytest.approx(0.75)
        assert not found.change_together[0, 2:].any()

    def test_an_estimator_that_ignores_images(self):
        found = occlusion_map(Redshift(), sample(redshift=[7.0, 8.0]))
        np.testing.assert_allclose(found.prediction, [0.7, 0.8])
        assert not found.change.any()
        assert not found.change_together.any()

    def test_images_that_are_not_square(self):
        galaxies = images(size=12)[:, :, :5]
        weights = np.ones((5, 12))
        found = occlusion_map(Weighted(weights), galaxies, patch=1)
        np.testing.assert_allclose(found.change[:, 0], galaxies[:, 0])

    @given(size=st.integers(1, 9), data=st.data())
    def test_every_pixel_is_covered(self, size, data):
        patch = data.draw(st.integers(1, size))
        stride = data.draw(st.integers(1, patch))
        found = occlusion_map(
            Weighted(np.ones((size, size))),
            np.ones((1, 2, size, size)),
            patch=patch,
            stride=stride,
        )
        np.testing.assert_allclose(found.change[0, 0], patch**2)

    def test_record(self):
        galaxies = sample(3, id=np.array(["a", "b", "c"]))
        found = occlusion_map(Weighted(single_pixel(0, 0)), galaxies, patch=3)
        assert (found.quantity, found.bands, found.patch, found.stride) == ("A_V", BANDS, 3, 3)
        assert found.ids.tolist() == ["a", "b", "c"]
        assert len(found) == 3
        assert found.change.shape == (3, 2, 12, 12)
        assert found.change_together.shape == (3, 12, 12)


class TestBands:
    def test_only_those_asked_for(self):
        found = occlusion_map(Weighted(single_pixel(3, 3)), sample(), bands=["F444W"])
        assert found.bands == ("F444W",)
        assert not found.change.any()
        np.testing.assert_array_equal(found.change_together, found.change[:, 0])

    def test_any_spelling(self):
        found = occlusion_map(
            Weighted(single_pixel(3, 3)), sample(), bands="JWST/NIRCam.F277W", patch=1
        )
        assert found.bands == ("F277W",)
        assert np.argwhere(found.change[0, 0]).tolist() == [[3, 3]]

    def test_a_single_band_is_all_bands(self):
        estimator = Weighted(single_pixel(3, 3))
        estimator.bands = ("F277W",)
        found = occlusion_map(estimator, images(bands=("F277W",)), patch=4)
        np.testing.assert_array_equal(found.change_together, found.change[:, 0])
        # The images as they are and nine patches of two galaxies, in one band.
        assert [len(call) for call in estimator.calls] == [2, 18]


class TestCopies:
    def test_nothing_else_changes(self):
        galaxies = sample(
            redshift=[7.0, 8.0],
            flux_F277W=[1.0, 2.0] * u.nJy,
            flux_err_F277W=[0.1, 0.1] * u.nJy,
            cutout_err_F277W=np.full((2, 12, 12), 0.1) * u.nJy,
            cutout_mask_F277W=np.zeros((2, 12, 12), dtype=bool),
        )
        before = galaxies.copy()
        estimator = Weighted(single_pixel(0, 0))
        occlusion_map(estimator, galaxies, patch=6)
        copies = estimator.calls[1]
        row = np.repeat([0, 1], 3 * 4)
        for name in galaxies.colnames:
            np.testing.assert_array_equal(galaxies[name], before[name])
            if name not in ("cutout_F277W", "cutout_F444W"):
                np.testing.assert_array_equal(copies[name], before[name][row])
        dark = np.stack([copies[f"cutout_{band}"] == 0 for band in BANDS], axis=1)
        assert (
            dark.sum(axis=(2, 3))[:12].tolist() == [[36, 0]] * 4 + [[0, 36]] * 4 + [[36, 36]] * 4
        )
        assert copies["cutout_F277W"].unit == u.nJy

    def test_pixels_without_data_stay(self):
        galaxies = sample()
        galaxies["cutout_F277W"][0, :3] = np.nan
        estimator = Weighted(np.ones((12, 12)))
        found = occlusion_map(estimator, galaxies, patch=3)
        assert np.isnan(estimator.calls[1]["cutout_F277W"][:48, :3]).all()
        np.testing.assert_array_equal(found.change[0, 0, :3], 0.0)
        assert (found.change[0, 0, 3:] > 0).all()

    @pytest.mark.parametrize("dtype", [np.float32, np.int64])
    def test_types_of_images(self, dtype):
        galaxies = sample()
        galaxies["cutout_F277W"] = np.full((2, 12, 12), 3, dtype=dtype)
        found = occlusion_map(Weighted(single_pixel(2, 1)), galaxies, patch=1)
        assert found.change[0, 0, 2, 1] == 3.0
        assert np.count_nonzero(found.change) == 2

    @pytest.mark.parametrize("n_at_once", [1, 5, 54, 1000])
    def test_as_many_at_once_as_memory_allows(self, monkeypatch, n_at_once):
        weights = np.random.default_rng(2).normal(size=(12, 12))
        whole = occlusion_map(Weighted(weights), images(3), patch=4)
        monkeypatch.setattr(occlusion, "_MAX_PIXELS", n_at_once * 2 * 144)
        estimator = Weighted(weights)
        parts = occlusion_map(estimator, images(3), patch=4)
        np.testing.assert_array_equal(parts.change, whole.change)
        np.testing.assert_array_equal(parts.change_together, whole.change_together)
        sizes = [len(call) for call in estimator.calls[1:]]
        assert sum(sizes) == 3 * 3 * 9
        assert max(sizes) == min(n_at_once, 81)


class TestDraws:
    def test_their_error_is_as_documented(self):
        galaxies = sample(20)
        found = occlusion_map(Drawing(random_state=1), galaxies)
        blank = found.change[:, 1, ::4, ::4].reshape(20, -1)
        assert np.sqrt(np.mean(blank**2)) == pytest.approx(1.8 * 0.2 / 20, rel=0.25)
        # Half of the variance is that of the prediction, which all of a map share.
        assert np.mean(blank.std(axis=1)) == pytest.approx(1.25 * 0.2 / 20, rel=0.15)
        light = galaxies["cutout_F277W"][:, 4:8, 4:8].value.mean(axis=(1, 2))
        np.testing.assert_allclose(found.change[:, 0, 5, 5], light, atol=0.1)

    def test_a_seed_makes_them_repeatable(self):
        first, second = (occlusion_map(Drawing(random_state=1), sample()) for _ in range(2))
        np.testing.assert_array_equal(first.change, second.change)


class TestNoAnswer:
    def test_of_a_covered_image(self):
        found = occlusion_map(Needy(single_pixel(5, 5)), sample(), patch=4, stride=2)
        dark = np.isnan(found.change[0])
        # All that covers the first two pixels of the first two lines covers the first pixel.
        assert np.argwhere(dark[0]).tolist() == [[0, 0], [0, 1], [1, 0], [1, 1]]
        assert not dark[1].any()
        assert found.change[0, 0, 5, 5] > 0

    def test_of_some_galaxies(self):
        galaxies = sample()
        galaxies["cutout_F277W"][1, 0, 0] = 0 * u.nJy
        found = occlusion_map(Needy(single_pixel(5, 5)), galaxies)
        assert np.isfinite(found.prediction).tolist() == [True, False]
        assert np.isnan(found.change[1]).all()

    def test_of_all(self):
        with pytest.raises(InputError, match="Weighted has no log_sSFR for any of 2 galaxies"):
            occlusion_map(Weighted(single_pixel(5, 5)), sample(), "log_sSFR")


class TestInput:
    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"quantity": "A_K"}, r"quantity must be one of .*'A_V'.*, got 'A_K'"),
            ({"bands": ["F115W"]}, r"bands must be among those with cutouts.*got \('F115W',\)"),
            ({"bands": []}, r"bands must be among those with cutouts.*got \(\)"),
            (
                {"patch": 0},
                "patch must be an integer from 1 to the size of the cutouts, 12, got 0",
            ),
            ({"patch": 13}, "patch must be an integer from 1 to .* got 13"),
            ({"patch": 2.5}, "patch must be an integer"),
            ({"patch": True}, "patch must be an integer"),
            ({"stride": 5}, "stride must be an integer from 1 to patch, 4, got 5"),
            ({"stride": 0}, "stride must be an integer"),
        ],
    )
    def test_options(self, options, message):
        with pytest.raises(InputError, match=message):
            occlusion_map(Weighted(single_pixel(0, 0)), sample(), **options)

    def test_a_sample_without_cutouts(self):
        with pytest.raises(InputError, match=r"bands must be among those with cutouts, \(\)"):
            occlusion_map(Redshift(), QTable({"redshift": [7.0]}))

    def test_images_of_different_shapes(self):
        galaxies = sample()
        galaxies["cutout_F444W"] = np.zeros((2, 8, 8))
        with pytest.raises(InputError, match="cutouts of all bands must have the same shape"):
            occlusion_map(Weighted(single_pixel(0, 0)), galaxies)
        occlusion_map(Weighted(single_pixel(0, 0)), galaxies, bands="F277W")

    @pytest.mark.parametrize(
        ("made", "message"),
        [
            (3, "what estimator.estimate returns must be an astropy table"),
            ({"A_V": [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7]}, "gave 7 rows for"),
        ],
    )
    def test_answers_that_are_no_rows(self, made, message):
        class Odd:
            def estimate(self, sample):
                return made

        with pytest.raises(InputError, match=message):
            occlusion_map(Odd(), sample())

    def test_no_estimator(self):
        with pytest.raises(InputError, match="estimator must have a method estimate, got str"):
            occlusion_map("cnn", sample())
