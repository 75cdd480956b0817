import numpy as np
import pytest

from dustest.data import DustestWarning, as_sample
from dustest.estimators._sed.sample_checks import warn_of_fixed_redshifts


@pytest.mark.parametrize("density", [[0.0, 0.0, 0.0], [0.1, np.nan, 0.1]])
def test_densities_that_are_not_used_are_counted(density):
    sample = as_sample(
        {
            "redshift": [7.0, 7.0],
            "redshift_grid": [[6.0, 7.0, 8.0]] * 2,
            "redshift_density": [density, [0.1, 1.0, 0.1]],
        }
    )
    with pytest.warns(DustestWarning, match="1 of 2 galaxies"):
        warn_of_fixed_redshifts(sample)
