import numpy as np
import pytest
from packages import skip_without
from sed_joint_priors import with_and_without
from warm_process import call

from dustest.physics import get_joint_prior
from dustest.physics.cosmology import BAGPIPES_COSMOLOGY

CASES = (
    ("slope_of_A_V",),
    ("A_V_of_mass",),
    ("main_sequence",),
    ("slope_of_A_V", "A_V_of_mass", "main_sequence"),
)
LIMITS = {"A_V": (0.0, 3.0), "dust:delta": (-1.2, 0.4)}
N = 4
FEWEST = 15
"""Effective number of weighted draws below which their means are not compared."""
AGE = float(BAGPIPES_COSMOLOGY.age(7.0).to_value("Gyr"))


@pytest.fixture(
    scope="module",
    params=[CASES[-1:], pytest.param(CASES[:-1], marks=pytest.mark.slow)],
    ids=["together", "alone"],
)
def fits(request, tmp_path_factory):
    """Draws by case, and values of the prior."""
    skip_without("bagpipes")
    return call(with_and_without, request.param, N, cwd=tmp_path_factory.mktemp("joint"))


@pytest.fixture
def cases(fits):
    """Joint priors of the fits, without those of none."""
    return [names for names in fits[0] if names]


def log_weight(names, values):
    """Joint priors over those of the fit, which are flat between limits."""
    total = 0.0
    for one in map(get_joint_prior, names):
        age = {"age_of_universe": np.full(len(values["A_V"]), AGE)}
        value, *given = ((values | age)[name] for name in (one.quantity, *one.given))
        limits = LIMITS.get(one.quantity)
        if limits is None:
            total = total + one.log_density(value, given)
        else:
            total = total + one.log_density(value, given, limits) + np.log(np.ptp(limits))
    return total


def distances(names, fits, *, screen=False):
    """Means of draws from those that the weights of plain draws give, in standard errors."""
    found, apart = fits[0], []
    for (plain, *_), (joint, *_) in zip(found[()], found[names], strict=True):
        a_v = {"A_V": plain["dust:Av"]} if screen else {}
        weight = np.exp(log_weight(names, plain | a_v))
        weight /= weight.sum()
        if np.sum(weight**2) > 1.0 / FEWEST:
            continue
        for name in ("A_V", "dust:Av", "dust:delta", "log_sSFR", "log_mass"):
            mean = weight @ plain[name]
            spread = np.sqrt(weight @ (plain[name] - mean) ** 2)
            error = np.sqrt(np.sum(weight**2) + 1.0 / 800.0)
            apart.append((joint[name].mean() - mean) / spread / error)
    assert len(apart) >= 25
    return np.array(apart)


class TestWeights:
    """Draws of the plain fit, weighted by the joint priors, are those of the fit under them."""

    def test_draws(self, fits, cases):
        for names in cases:
            apart = distances(names, fits)
            assert np.abs(apart).max() < 4.5
            assert np.std(apart) < 1.5

    def test_evidence(self, fits, cases):
        for names in cases:
            assert_evidence(names, *fits)

    def test_enough_models(self, fits, cases):
        for names in cases:
            assert min(ess for *_, ess in fits[0][names]) > 400.0


def assert_evidence(names, found, prior):
    """It is the mean weight in the posterior over that in the prior."""
    norm = 0.0
    if "main_sequence" in names:
        everything = prior | {"dust:delta": np.full(len(prior["A_V"]), 0.0)}
        alone = tuple(name for name in names if name != "slope_of_A_V")
        norm = np.log(np.mean(np.exp(log_weight(alone, everything))))
    for (plain, before, _), (_, after, _) in zip(found[()], found[names], strict=True):
        weight = np.exp(log_weight(names, plain))
        expected = before + np.log(weight.mean()) - norm
        error = np.std(weight) / weight.mean() / np.sqrt(len(weight))
        assert after == pytest.approx(expected, abs=4.0 * error + 0.12)


@pytest.mark.slow
def test_attenuation_is_that_of_the_screen(tmp_path):
    """Where some light is behind no dust, joint priors are of the A_V of the dust itself."""
    skip_without("bagpipes")
    names = CASES[-1]
    clear = {"dust:frac_clear": (0.0, 0.6)}
    fits = call(with_and_without, [names], N, clear, cwd=tmp_path)
    apart = distances(names, fits, screen=True)
    assert np.abs(apart).max() < 4.5
    assert np.std(apart) < 1.5
    assert np.abs(distances(names, fits)).max() > 4.5
