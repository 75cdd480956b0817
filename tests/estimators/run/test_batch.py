from typing import ClassVar

import numpy as np
import pytest
from astropy import units as u
from astropy.table import QTable
from hypothesis import given
from hypothesis import strategies as st

from dustest.data import InputError, as_sample
from dustest.estimators import DustEstimator, Estimates, make_batch

STAMPS = np.random.default_rng(0).normal(size=(4, 2, 8, 8)).astype("f4")


def table(stamps=STAMPS, unit=u.nJy, **columns):
    """Galaxies with stamps in two bands."""
    result = QTable({"redshift": np.arange(1.0, len(stamps) + 1.0), **columns})
    for i, band in enumerate(("F277W", "F444W")):
        result[f"cutout_{band}"] = u.Quantity(stamps[:, i], unit, dtype=stamps.dtype)
    return result


def batch_of(*args, **kwargs):
    """The batch of such galaxies."""
    return make_batch(as_sample(table(*args, **kwargs)))


class TestPixelScale:
    def test_any_unit_of_angle(self):
        scale = np.array([0.03, 0.06, np.nan, 0.04])
        for given_scale in (scale, scale * u.arcsec, (scale * u.arcsec).to(u.deg)):
            np.testing.assert_allclose(batch_of(pixel_scale=given_scale).pixel_scale, scale)

    def test_absent(self):
        assert np.isnan(batch_of().pixel_scale).all()

    def test_makes_another_galaxy(self):
        keys = [batch_of(pixel_scale=np.full(4, scale)).row_keys()[0] for scale in (0.03, 0.04)]
        assert keys[0] != keys[1]


class TestStamps:
    @pytest.mark.parametrize("kind", ["f4", ">f4", "f8", "i4", "i2"])
    @pytest.mark.parametrize("unit", [u.nJy, u.uJy, u.MJy / u.sr])
    def test_precision_and_unit(self, kind, unit):
        stamps = (100 * STAMPS).astype(kind)
        batch = batch_of(stamps, unit, pixel_scale=np.full(4, 0.03) * u.arcsec)
        expected = "f8" if kind in ("f8", "i4") else "f4"
        assert batch.cutout.dtype == np.dtype(expected)
        pixel = 1.0 if unit.is_equivalent(u.nJy) else (0.03 * u.arcsec) ** 2
        nano = (stamps.astype(float) * unit * pixel).to_value(u.nJy)
        np.testing.assert_allclose(batch.cutout, nano, rtol=1e-6)

    def test_stay_those_of_the_sample(self):
        sample = as_sample(table())
        make_batch(sample).cutout[:] = 0.0
        np.testing.assert_array_equal(sample["cutout_F444W"].value, STAMPS[:, 1])

    def test_absent_ones_take_no_memory(self):
        batch = batch_of()
        for rows in (slice(1, 3), np.array([3, 0]), np.array([True, False, False, True])):
            for part in (batch, batch[rows]):
                assert part.cutout_err.shape == part.cutout_mask.shape == part.cutout.shape
                assert np.isnan(part.cutout_err).all()
                assert not part.cutout_mask.any()
                assert not any(part.cutout_err.strides + part.cutout_mask.strides)
        assert batch.row_keys()[3] == batch[[3, 0]].row_keys()[0]

    def test_one_band_with_errors(self):
        errors = table()
        errors["cutout_err_F444W"] = np.full((4, 8, 8), 2.0, dtype="f4") * u.nJy
        found = make_batch(as_sample(errors)).cutout_err
        assert np.isnan(found[:, 0]).all()
        assert np.all(found[:, 1] == 2.0)


class TestPresence:
    @pytest.mark.parametrize("row", range(8))
    def test_one_good_pixel_is_enough(self, row):
        stamps = np.full((2, 2, 8, 8), np.nan, dtype="f4")
        stamps[1, 0, row, 3] = 1.0
        batch = batch_of(stamps)
        assert batch.has_cutout.tolist() == [False, True]
        masked = batch.changed(cutout_mask=np.isfinite(stamps))
        assert masked.has_cutout.tolist() == [False, False]

    def test_no_cutouts_but_features(self):
        batch = make_batch(as_sample(np.array([[1.0, np.nan], [np.nan, np.nan]])))
        assert batch.has_features.tolist() == [True, False]
        assert batch.has_cutout.tolist() == [False, False]
        assert batch_of().has_features.tolist() == [False] * 4


class TestKeys:
    @pytest.mark.parametrize("place", list(np.ndindex(2, 8, 8))[::7])
    def test_every_value_counts(self, place):
        batch, stamps = batch_of(), STAMPS.copy()
        stamps[(0, *place)] += 1.0
        before, after = batch.row_keys(), batch.changed(cutout=stamps).row_keys()
        assert before[0] != after[0]
        assert before[1:] == after[1:]

    @given(st.permutations(range(4)), st.integers(0, 2**63 - 1))
    def test_seeds_follow_their_galaxy(self, order, seed):
        batch = batch_of()
        expected = batch.seeded(seed).seed[order]
        np.testing.assert_array_equal(batch[order].seeded(seed).seed, expected)

    def test_seeds_of_large_stamps(self):
        stamps = np.random.default_rng(1).normal(size=(50, 2, 64, 64)).astype("f4")
        batch = batch_of(stamps)
        assert len(set(batch.seeded(1).seed)) == 50
        assert not set(batch.seeded(1).seed) & set(batch.seeded(2).seed)
        noise = np.random.default_rng(2).normal(size=stamps.shape).astype("f4")
        other = batch.changed(cutout=stamps + 0.01 * noise)
        assert not set(batch.seeded(1).seed) & set(other.seeded(1).seed)

    def test_bands_count(self):
        batch = batch_of()
        other = batch.changed(cutout_bands=("F277W", "F356W"))
        assert not set(batch.row_keys()) & set(other.row_keys())


class TestAlternatives:
    class Either(DustEstimator):
        requires: ClassVar[tuple] = (("cutout", "features"),)

        def _estimate(self, batch):
            return Estimates({"A_V": np.arange(1.0, len(batch) + 1.0)})

    class Redshifted(Either):
        requires: ClassVar[tuple] = (("cutout", "features"), "redshift")

    def test_stamps_or_features_will_do(self):
        for X in (STAMPS, np.ones((4, 3))):
            np.testing.assert_array_equal(self.Either().predict(X), [1.0, 2.0, 3.0, 4.0])
        features = np.array([[np.nan, np.nan], [np.nan, 1.0]])
        table = self.Either().estimate(features)
        assert table.flag_names == [("NO_DATA",), ()]

    def test_neither_is_an_error(self):
        with pytest.raises(InputError, match="needs cutout or features columns"):
            self.Either().predict(QTable({"redshift": [7.0]}))

    def test_tags(self):
        tags = self.Either().__sklearn_tags__().input_tags
        assert tags.two_d_array
        assert tags.three_d_array
        tags = self.Redshifted().__sklearn_tags__().input_tags
        assert not tags.two_d_array
        assert tags.three_d_array
