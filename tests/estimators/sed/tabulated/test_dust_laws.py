"""Fits with dust laws that Bagpipes does not have."""

import numpy as np
import pytest
from dust_extinction.averages import G03_LMC2
from packages import skip_without
from sed_fits import posteriors_by_law
from sed_tables import light_behind, pairs_by_law
from warm_process import call

from dustest.physics import Bump, PowerLaw, Tilted, TwoComponents, get_dust_law

LAWS = {
    "LMC": "LMC",
    "Gordon et al. 2024": "SMC_G24",
    "Reddy et al. 2015": "Reddy15",
    "Li et al. 2008": "Li08_MW",
    "dust_extinction": G03_LMC2(),
    "composed": Bump(Tilted(get_dust_law("SMC_G24"), 0.1), 1.0),
    "sum": 0.5 * get_dust_law("LMC") + 0.5 * get_dust_law("Calzetti"),
}
BANDS = ("F090W", "F115W", "F150W", "F200W", "F277W", "F356W", "F444W")


@pytest.fixture(autouse=True, scope="module")
def need_bagpipes():
    skip_without("bagpipes")


class TestPhotometry:
    @pytest.mark.parametrize("redshift", [0.5, 7.0])
    def test_bagpipes_with_the_same_curve(self, redshift, tmp_path):
        bands = (*BANDS, "F770W") if redshift < 1.0 else BANDS
        answer = call(pairs_by_law, LAWS, redshift, bands, cwd=tmp_path)
        assert answer.keys() == LAWS.keys()
        for ours, theirs in (pairs.swapaxes(0, 1) for pairs in answer.values()):
            seen = theirs > 1e-4 * theirs.max(axis=1, keepdims=True)
            np.testing.assert_allclose(ours[seen], theirs[seen], rtol=1e-5)

    def test_birth_clouds_of_their_own(self, tmp_path):
        steep = TwoComponents(PowerLaw(0.7), PowerLaw(1.3))
        equal = TwoComponents(PowerLaw(0.7), PowerLaw(0.7))
        laws = [PowerLaw(0.7), equal, steep]
        one, same, other, bare = call(light_behind, laws, BANDS, cwd=tmp_path)
        np.testing.assert_allclose(same, one, rtol=1e-5)
        np.testing.assert_array_equal(other[1], one[1])
        # At z = 7 all bands lie bluewards of V, where the steeper birth clouds are thicker.
        lit = one[0] > 1e-4 * one[0].max()
        assert np.all(other[0, lit] < 0.99 * one[0, lit])
        # 1.0 mag more in front of young stars, at the pivot (and the lines) of the reddest band.
        ratio = -2.5 * np.log10(other[0, -1] / bare[0, -1])
        assert ratio == pytest.approx((44_000.0 / 8.0 / 5500.0) ** -1.3, rel=0.15)


class TestFits:
    @pytest.mark.slow
    def test_mocks_are_recovered(self, tmp_path):
        laws = LAWS | {"free tilt": Tilted(get_dust_law("LMC"), 0.0)}
        priors = {"free tilt": {"dust:delta": (-0.4, 0.4)}}
        answer = call(posteriors_by_law, laws, priors, cwd=tmp_path)
        pulls = []
        for name, (draws, truth) in answer.items():
            a_v = np.array([each["A_V"] for each in draws])
            pulls.append((a_v.mean(axis=1) - truth["A_V"]) / a_v.std(axis=1))
            r_v = np.array([each["A_V"] / each["E_BV"] for each in draws])
            if name == "free tilt":
                assert np.all(r_v.std(axis=1) > 0.02)
            else:
                np.testing.assert_allclose(r_v, get_dust_law(laws[name]).r_v)
        pulls = np.array(pulls)
        # 64 fits: the mean pull is known to 1/8, its spread to 1/11.
        assert abs(pulls.mean()) < 0.5
        assert 0.6 < pulls.std() < 1.4
        assert np.all(np.abs(pulls) < 4.5)
