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

from dustest.data import InputError
from dustest.data.images import full_mask, standard_deviation

PIXELS = np.ones((2, 3))
FOUR = np.full((2, 3), 4.0)


class TestDeviation:
    @pytest.mark.parametrize(
        ("kind", "expected"),
        [(StdDevUncertainty, 4.0), (VarianceUncertainty, 2.0), (InverseVariance, 0.5)],
    )
    def test_kinds(self, kind, expected):
        found = standard_deviation(NDData(PIXELS, uncertainty=kind(FOUR)), "F277W")
        np.testing.assert_array_equal(found, np.full((2, 3), expected))

    def test_none_is_nan(self):
        np.testing.assert_array_equal(standard_deviation(NDData(PIXELS), "F277W"), PIXELS * np.nan)

    @pytest.mark.parametrize(
        ("uncertainty", "unit", "expected"),
        [
            (StdDevUncertainty(FOUR, unit=u.uJy), u.nJy, 4000.0),
            (VarianceUncertainty(FOUR, unit=u.uJy**2), u.nJy, 2000.0),
            (StdDevUncertainty(FOUR, unit=u.nJy), u.nJy, 4.0),
            (StdDevUncertainty(FOUR), u.nJy, 4.0),
            (StdDevUncertainty(FOUR, unit=u.nJy), None, 4.0),
        ],
    )
    def test_unit_of_the_image(self, uncertainty, unit, expected):
        image = NDData(PIXELS, unit=unit, uncertainty=uncertainty)
        np.testing.assert_allclose(standard_deviation(image, "F277W"), expected)

    def test_a_unit_that_does_not_convert(self):
        image = NDData(PIXELS, unit=u.nJy)
        # NDData refuses such a unit itself, unless it comes later.
        image.uncertainty = StdDevUncertainty(FOUR)
        image.uncertainty._unit = u.m
        with pytest.raises(InputError, match="F277W must be in a unit that converts to nJy, got"):
            standard_deviation(image, "F277W")

    def test_an_unknown_kind(self):
        image = NDData(PIXELS, uncertainty=UnknownUncertainty(FOUR))
        with pytest.raises(InputError, match=r"F277W is of unknown kind .* StdDevUncertainty"):
            standard_deviation(image, "F277W")

    def test_another_shape(self):
        image = NDData(PIXELS, uncertainty=StdDevUncertainty(FOUR[0]))
        with pytest.raises(InputError, match=r"in the shape of its image, \(2, 3\)"):
            standard_deviation(image, "F277W")


class TestMask:
    @pytest.mark.parametrize(
        ("mask", "expected"),
        [
            (None, [[0, 0, 0], [0, 0, 0]]),
            (True, [[1, 1, 1], [1, 1, 1]]),
            (False, [[0, 0, 0], [0, 0, 0]]),
            (np.array([[0, 2, 0], [0, 0, 1]]), [[0, 1, 0], [0, 0, 1]]),
        ],
    )
    def test_one_boolean_a_pixel(self, mask, expected):
        found = full_mask(NDData(PIXELS, mask=mask), "F277W")
        assert found.dtype == bool
        np.testing.assert_array_equal(found, np.array(expected, dtype=bool))

    @pytest.mark.parametrize(
        "mask", [np.zeros((3, 2), bool), np.zeros(3, bool), np.full((2, 3), ""), [[None] * 3] * 2]
    )
    def test_what_is_no_mask_is_refused(self, mask):
        with pytest.raises(InputError, match="mask of band F277W must have the shape of its ima"):
            full_mask(NDData(PIXELS, mask=mask), "F277W")
