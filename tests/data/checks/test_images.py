"""Errors and masks of images."""

import numpy as np
import pytest
from astropy import units as u
from astropy.nddata import (
    InverseVariance,
    NDData,
    StdDevUncertainty,
    UnknownUncertainty,
    VarianceUncertainty,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from dustest.data import InputError, as_sample
from dustest.data.checks.images import full_mask, standard_deviation, to_deviation

PIXELS = np.ones((2, 3))
FOUR = np.full((2, 3), 4.0)
KINDS = {"std": StdDevUncertainty, "var": VarianceUncertainty, "ivar": InverseVariance}
POWERS = {"std": 1, "var": 2, "ivar": -2}


class TestToDeviation:
    @settings(max_examples=30)
    @given(st.floats(1e-12, 1e12), st.sampled_from(list(KINDS)))
    def test_power_of_a_deviation(self, deviation, kind):
        values = np.array([deviation ** POWERS[kind]])
        assert to_deviation(values, kind)[0] == pytest.approx(deviation)

    @pytest.mark.parametrize(
        ("kind", "expected"),
        [("std", [-1, 0, np.nan]), ("var", [np.nan, 0, np.nan]), ("ivar", [np.nan] * 3)],
    )
    def test_what_is_no_error(self, kind, expected):
        np.testing.assert_array_equal(to_deviation(np.array([-1, 0, np.nan]), kind), expected)

    def test_variances_too_small_for_single_precision(self):
        values = np.array([1e-44], dtype=np.float32)
        assert to_deviation(values, "var")[0] == pytest.approx(np.sqrt(float(values[0])))


class TestDeviation:
    @pytest.mark.parametrize(("kind", "expected"), [("std", 4.0), ("var", 2.0), ("ivar", 0.5)])
    def test_kinds(self, kind, expected):
        found = standard_deviation(NDData(PIXELS, uncertainty=KINDS[kind](FOUR)), "F277W")
        np.testing.assert_array_equal(found, np.full((2, 3), expected))

    def test_none_is_nan(self):
        np.testing.assert_array_equal(standard_deviation(NDData(PIXELS), "F277W"), PIXELS * np.nan)

    @pytest.mark.parametrize("kind", KINDS)
    def test_unit_of_the_image(self, kind):
        unit = u.uJy ** POWERS[kind]
        uncertainty = KINDS[kind](PIXELS * 0.1 ** POWERS[kind], unit=unit)
        image = NDData(PIXELS, unit=u.nJy, uncertainty=uncertainty)
        np.testing.assert_allclose(standard_deviation(image, "F277W"), 100.0)

    def test_one_number_for_all_pixels(self):
        image = NDData(PIXELS, unit=u.nJy, uncertainty=VarianceUncertainty(4.0))
        np.testing.assert_array_equal(standard_deviation(image, "F277W"), 2.0 * PIXELS)

    def test_a_unit_that_does_not_convert(self):
        image = NDData(PIXELS, unit=u.nJy)
        # NDData refuses such a unit itself, unless it comes later.
        image.uncertainty = VarianceUncertainty(FOUR)
        image.uncertainty._unit = u.m
        with pytest.raises(InputError, match="F277W must be in a unit that converts to nJy2, got"):
            standard_deviation(image, "F277W")

    def test_an_unknown_kind(self):
        image = NDData(PIXELS, uncertainty=UnknownUncertainty(FOUR))
        with pytest.raises(InputError, match=r"F277W is of unknown kind .* StdDevUncertainty"):
            standard_deviation(image, "F277W")

    @pytest.mark.parametrize("array", [FOUR[0], None, np.full((2, 3), "a")])
    def test_another_shape_or_type(self, array):
        image = NDData(PIXELS, uncertainty=StdDevUncertainty(array))
        with pytest.raises(InputError, match=r"numbers in the shape of its image, \(2, 3\)"):
            standard_deviation(image, "F277W")


class TestMask:
    @pytest.mark.parametrize(
        ("mask", "expected"),
        [
            (None, [[0, 0, 0], [0, 0, 0]]),
            (False, [[0, 0, 0], [0, 0, 0]]),
            (True, [[1, 1, 1], [1, 1, 1]]),
            (np.array([[0, 2, 0], [0, 0, 1]]), [[0, 1, 0], [0, 0, 1]]),
            (np.array([[0, np.nan, 0], [0, 0, 1]]), [[0, 1, 0], [0, 0, 1]]),
        ],
    )
    def test_one_boolean_a_pixel(self, mask, expected):
        found = full_mask(NDData(PIXELS, mask=mask), "F277W")
        assert found.dtype == bool
        np.testing.assert_array_equal(found, np.array(expected, dtype=bool))

    @pytest.mark.parametrize(
        "mask", [np.zeros((3, 2), dtype=bool), np.zeros(3, dtype=bool), np.full((2, 3), "x")]
    )
    def test_another_shape_or_type(self, mask):
        with pytest.raises(InputError, match="the mask of band F277W must have the shape of its"):
            full_mask(NDData(PIXELS, mask=mask), "F277W")


class TestSamples:
    @settings(max_examples=20)
    @given(
        kind=st.sampled_from(list(KINDS)),
        unit=st.sampled_from([u.nJy, u.uJy, u.MJy]),
        own=st.sampled_from([None, u.nJy, u.uJy]),
        deviation=st.floats(0.01, 100.0),
        masked=st.sampled_from([None, False, "array"]),
    )
    def test_errors_in_the_unit_of_the_pixels(self, kind, unit, own, deviation, masked):
        power = POWERS[kind]
        uncertainty = KINDS[kind](
            PIXELS * deviation**power, unit=None if own is None else own**power
        )
        mask = np.eye(2, 3, dtype=bool) if masked == "array" else masked
        image = NDData(PIXELS, unit=unit, uncertainty=uncertainty, mask=mask)
        sample = as_sample({"F277W": [image]})
        expected = (deviation * (own or unit)).to_value(u.nJy)
        found = sample["cutout_err_F277W"].to_value(u.nJy)
        np.testing.assert_allclose(found, np.full((1, 2, 3), expected), rtol=1e-9)
        assert ("cutout_mask_F277W" in sample.colnames) == (masked is not None)
        if masked is not None:
            assert sample["cutout_mask_F277W"].sum() == (2 if masked == "array" else 0)

    def test_masked_arrays(self):
        plain = NDData(np.ma.array(PIXELS), unit=u.nJy)
        some = NDData(np.ma.array(PIXELS, mask=np.eye(2, 3, dtype=bool)), unit=u.nJy)
        masks = as_sample([plain, some])["cutout_mask_BAND1"]
        assert masks.sum(axis=(1, 2)).tolist() == [0, 2]

    def test_an_uncertainty_of_unknown_kind(self):
        with pytest.raises(InputError, match="the uncertainty of band BAND1 is of unknown kind"):
            as_sample([NDData(PIXELS, uncertainty=UnknownUncertainty(FOUR), unit=u.nJy)])
