"""Fits with dust laws that Bagpipes does not have."""

import numpy as np
import pytest
from dust_extinction.averages import G03_LMC2
from sed_mocks import ask

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
# Bagpipes itself, with its curve replaced after it was set up.
PHOTOMETRY = """
from dustest.data.bands import get_band
from dustest.estimators._sed.bagpipes.loading import load_bagpipes
from dustest.estimators._sed.bagpipes.nested_sampling import filter_lines, quiet
from dustest.estimators._sed.tabulated.emission import BandLight
from dustest.estimators._sed.tabulated.photometry_table import SEDTable
from dustest.physics import get_dust_law

bands, rng, answer = task["bands"], np.random.default_rng(1), {}
light = BandLight(bands)
for name, law in task["laws"].items():
    law = get_dust_law(law)
    table = SEDTable(task["redshift"], bands, law, light=light)
    pairs = []
    for _ in range(8):
        metals, log_u, a_v = 10.0 ** rng.uniform(-2, 0.3), rng.uniform(-4, -2), 3.0 * rng.random()
        model = {
            "redshift": task["redshift"],
            "delayed": {"age": 0.3, "tau": 0.1, "massformed": 9.0, "metallicity": metals},
            "constant": {"age_max": 0.02, "age_min": 0, "massformed": 8.0, "metallicity": metals},
            "dust": {"type": "Calzetti", "Av": a_v, "eta": 2.0},
            "nebular": {"logU": log_u},
        }
        with quiet():
            galaxy = load_bagpipes().model_galaxy(
                model, filt_list=[filter_lines(band) for band in bands], phot_units="mujy"
            )
            galaxy.dust_atten.A_cont = law.extended(galaxy.wavelengths)
            galaxy.update(model)
        weights = sum(galaxy.sfh.component_weights.values())[: table.age_edges.size - 1]
        ours = table.photometry(weights[np.newaxis], metals, log_u, a_v, 2.0)[0]
        pairs.append((ours, 1e3 * galaxy.photometry))
    answer[name] = np.array(pairs)
"""
FITS = """
from dustest.estimators._sed.tabulated.importance_sampling import TabulatedEngine
answer = {}
for name, law in task["laws"].items():
    priors = {"lognormal:massformed": (8.6, 9.4), "dust:Av": (0.2, 1.5)}
    priors["dust:Av_prior"] = "uniform"
    setup = settings("lognormal", law, priors | task["priors"].get(name, {}))
    galaxies, truth = mocks(setup, 8, 30.0, seed=3)
    answer[name] = [galaxy.draws for galaxy in TabulatedEngine(setup).fit(galaxies)], truth
"""
CLOUDS = """
from dustest.estimators._sed.tabulated.emission import BandLight
from dustest.estimators._sed.tabulated.photometry_table import SEDTable
light = BandLight(task["bands"])
tables = [SEDTable(7.0, task["bands"], law, light=light) for law in task["laws"]]
weights = np.eye(tables[0].age_edges.size - 1)[[0, -1]]
answer = [table.photometry(weights, 0.2, -2.5, 0.5, 3.0) for table in tables]
answer.append(tables[0].photometry(weights, 0.2, -2.5, 0.5))
"""
BANDS = ("F090W", "F115W", "F150W", "F200W", "F277W", "F356W", "F444W")


class TestPhotometry:
    @pytest.mark.parametrize("redshift", [0.5, 7.0])
    def test_bagpipes_with_the_same_curve(self, redshift, tmp_path):
        bands = (*BANDS, "F770W") if redshift < 1.0 else BANDS
        answer = ask(PHOTOMETRY, tmp_path, bands=bands, redshift=redshift, laws=LAWS)
        assert answer.keys() == LAWS.keys()
        for ours, theirs in (pairs.swapaxes(0, 1) for pairs in answer.values()):
            seen = theirs > 1e-4 * theirs.max(axis=1, keepdims=True)
            np.testing.assert_allclose(ours[seen], theirs[seen], rtol=1e-5)

    def test_birth_clouds_of_their_own(self, tmp_path):
        steep = TwoComponents(PowerLaw(0.7), PowerLaw(1.3))
        equal = TwoComponents(PowerLaw(0.7), PowerLaw(0.7))
        laws = [PowerLaw(0.7), equal, steep]
        one, same, other, bare = ask(CLOUDS, tmp_path, bands=BANDS, laws=laws)
        np.testing.assert_allclose(same, one, rtol=1e-5)
        np.testing.assert_array_equal(other[1], one[1])
        # At z = 7 all bands lie bluewards of V, where the steeper birth clouds are thicker.
        lit = one[0] > 1e-4 * one[0].max()
        assert np.all(other[0, lit] < 0.99 * one[0, lit])
        # 1.0 mag more in front of young stars, at the pivot (and the lines) of the reddest band.
        ratio = -2.5 * np.log10(other[0, -1] / bare[0, -1])
        assert ratio == pytest.approx((44_000.0 / 8.0 / 5500.0) ** -1.3, rel=0.15)


class TestFits:
    def test_mocks_are_recovered(self, tmp_path):
        laws = LAWS | {"free tilt": Tilted(get_dust_law("LMC"), 0.0)}
        priors = {"free tilt": {"dust:delta": (-0.4, 0.4)}}
        answer = ask(FITS, tmp_path, laws=laws, priors=priors)
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
