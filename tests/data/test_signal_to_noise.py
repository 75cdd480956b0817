"""Signal-to-noise ratios of galaxies in images."""

import numpy as np
import pytest

from dustest.data import InputError
from dustest.data.signal_to_noise import SNR_MIN, check_snr_min, is_faint


def test_one_bright_band_is_enough():
    snr = np.array([[SNR_MIN, SNR_MIN - 0.1, np.nan, np.nan], [0.0, 4.0, 1.0, np.nan]])
    assert is_faint(snr).tolist() == [False, True, True, False]
    assert is_faint(snr.T, axis=1).tolist() == is_faint(snr).tolist()
    assert is_faint(snr, 4.5).tolist() == [False, False, True, False]


@pytest.mark.parametrize("value", [np.nan, np.inf, "5", None, True])
def test_what_is_no_ratio(value):
    with pytest.raises(InputError, match="snr_min must be a finite number"):
        check_snr_min(value)
