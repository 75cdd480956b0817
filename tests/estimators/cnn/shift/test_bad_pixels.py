"""Values of bad pixels, on stamps whose good values are known."""

import numpy as np
import pytest

from dustest.estimators._cnn.shift.bad_pixels import mend

PLANE = np.float32(np.arange(12)[:, None] + 10.0 * np.arange(12) + 1.0)


def with_hole(rows, columns):
    """A plane with bad pixels."""
    stamps = np.stack([[PLANE, PLANE], [PLANE, PLANE]])
    stamps[0, 1, rows, columns] = np.nan
    return stamps


def test_bad_pixels_get_the_value_opposite_to_them():
    stamps = with_hole(slice(0, 3), slice(None))
    mended = mend(stamps)
    assert np.array_equal(mended[0, 1, :3], PLANE[::-1, ::-1][:3])
    assert np.array_equal(mended[0, 1, 3:], PLANE[3:])
    assert np.array_equal(mended[1], stamps[1])


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_small_patches_in_the_centre(bad):
    """A plane is its own mean in the middle of 3 x 3 pixels."""
    stamps = np.float32(np.pad(PLANE, ((0, 1), (0, 1)), mode="reflect"))[None, None].copy()
    stamps[..., 5:8, 5:8] = bad
    mended = mend(stamps)[0, 0]
    assert np.isfinite(mended).all()
    assert mended[6, 6] == pytest.approx(PLANE[6, 6], rel=1e-6)


@pytest.mark.parametrize(("side", "n_zeros"), [(2, 0), (4, 4), (6, 16)])
def test_large_patches_keep_a_hole(side, n_zeros):
    inside = slice(6 - side // 2, 6 + side // 2)
    mended = mend(with_hole(inside, inside))
    assert np.count_nonzero(mended == 0.0) == n_zeros
    assert np.count_nonzero(mended[0, 1, inside, inside] == 0.0) == n_zeros
