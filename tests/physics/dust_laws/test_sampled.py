"""Laws that are interpolated in samples of themselves."""

import numpy as np
import pytest

from dustest.data.errors import InputError
from dustest.physics import Scattered, TwoComponents, get_dust_law
from dustest.physics.dust_laws.sampled import SampledLaw

WAVELENGTH = np.geomspace(1001.0, 30_000.0, 3777)


@pytest.mark.parametrize("name", ["SMC", "LMC", "F99", "MW_no_bump", "SN", "G23", "power law"])
def test_is_the_law(name):
    law = get_dust_law(name)
    sampled = SampledLaw(law)
    np.testing.assert_allclose(sampled.a_over_av(WAVELENGTH), law.a_over_av(WAVELENGTH), rtol=1e-6)
    # A_V and E(B-V) are measured at samples.
    assert sampled.a_over_av(4400.0) == law.a_over_av(4400.0)
    assert (sampled.name, sampled.r_v) == (law.name, law.r_v)


def test_composed_law():
    law = Scattered(get_dust_law("SMC"))
    sampled = SampledLaw(law).a_over_av(WAVELENGTH)
    # The albedo has kinks at its tabulated wavelengths.
    np.testing.assert_allclose(sampled, law.a_over_av(WAVELENGTH), rtol=1e-4)


def test_birth_clouds():
    with pytest.raises(InputError, match="birth clouds"):
        SampledLaw(TwoComponents(get_dust_law("SMC")))
