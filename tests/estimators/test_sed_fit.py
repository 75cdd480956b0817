import pickle
import subprocess
import sys
from importlib.util import find_spec
from types import SimpleNamespace

import numpy as np
import pytest

from dustest.estimators._sed_fit import _refuse_impossible
from dustest.estimators._sed_likelihood import Likelihood

QUANTITIES = ("a_v", "log_ssfr", "log_mass")
N_MOCKS = 100
NARROW = (8.6, 9.4)
# Name: history, dust law, priors; masses are narrow, so that all mocks are of like signal to noise
CASES = {
    "lognormal": ("lognormal", "Calzetti", {"lognormal:massformed": NARROW}),
    "two components": (
        "double_delayed",
        "SMC",
        {"delayed1:massformed": NARROW, "delayed2:massformed": NARROW},
    ),
    "burst behind clouds": (
        "delayed_burst",
        "CF00",
        {"delayed:massformed": NARROW, "burst:massformed": (7.6, 8.4), "dust:n": 0.7},
    ),
    "continuity": (
        "continuity",
        "Salim",
        {"continuity:massformed": NARROW, "dust:delta": -0.2, "dust:B": 1.0},
    ),
}
SLOW = [name for name in CASES if name != "lognormal"]
SCRIPT = """
import pickle, sys
from dataclasses import replace
import numpy as np
from dustest.estimators import _sed_fit
from dustest.estimators._sed_posterior import Galaxy, Settings
from dustest.estimators._sed_fit import TabulatedEngine
from dustest.estimators._sed_models import ModelMaker, band_light

BANDS = ("F090W", "F115W", "F150W", "F200W", "F277W", "F335M", "F356W", "F410M", "F444W")


def settings(sfh="lognormal", dust_law="Calzetti", priors=None):
    return Settings(sfh, dust_law, priors, False, 1e8, 0.0, None, 400, 1000)


def mocks(setup, n, snr, seed):
    "Galaxies of the prior with noise of one size, and their truth."
    maker = ModelMaker(setup, 7.0, band_light(setup, BANDS))
    rng = np.random.default_rng(seed)
    models = maker.at(rng.random((4 * n, len(maker.prior.free))))
    models = models.take(np.flatnonzero(models.flux.any(axis=1))[:n])
    log_mass = models.low + (models.high - models.low) * rng.random(n)
    flux = models.flux * 10.0 ** log_mass[:, np.newaxis]
    error = np.full(flux.shape, np.median(flux.max(axis=1)) / snr)
    flux += error * rng.standard_normal(flux.shape)
    galaxies = [
        Galaxy(7.0, np.nan, BANDS, flux[i], error[i], None, seed=i) for i in range(n)
    ]
    truth = {"a_v": models.A_V, "log_ssfr": models.log_sSFR,
             "log_mass": log_mass + models.log_living}
    return galaxies, truth


def message(fit):
    try:
        fit()
    except Exception as error:
        return f"{type(error).__name__}: {error}"


task = pickle.load(sys.stdin.buffer)
answer = {"mocks": {}}
for name, (sfh, dust_law, priors) in task["cases"].items():
    setup = settings(sfh, dust_law, priors)
    galaxies, truth = mocks(setup, task["n_mocks"], 10.0, seed=3)
    answer["mocks"][name] = TabulatedEngine(setup).fit(galaxies), truth

if not task["behaviour"]:
    sys.stdout.buffer.write(pickle.dumps(answer))
    sys.exit()

galaxies, _ = mocks(settings(priors=task["cases"]["lognormal"][2]), 20, 20.0, seed=5)
engine = TabulatedEngine(settings())
answer["together"] = engine.fit(galaxies)
answer["again"] = engine.fit(galaxies[::-1])[::-1]
answer["alone"] = TabulatedEngine(settings()).fit(galaxies[7:8])
answer["other seed"] = engine.fit([replace(galaxies[7], seed=1007)])

one = galaxies[0]
less = replace(one, bands=one.bands[1:], flux=one.flux[1:], flux_err=one.flux_err[1:])
engine = TabulatedEngine(settings())
answer["mixed bands"] = engine.fit([one, less, one])
answer["pools"] = list(engine._pools)
answer["less"] = TabulatedEngine(settings()).fit([less])

redshifts = [0.001, 6.0, 6.996, 7.004, 7.006, 9.999]
engine = TabulatedEngine(settings())
answer["redshifts"] = engine.fit([replace(one, redshift=z) for z in redshifts])
answer["few pools"] = list(engine._pools)

_sed_fit._POOL = 2**10
answer["small pool"] = TabulatedEngine(settings()).fit(galaxies)

spectrum = np.ones((10, 3))
without = replace(one, bands=(), flux=one.flux[:0], flux_err=one.flux_err[:0], spectrum=spectrum)
late = settings(priors={"lognormal:tmax": (0.6, "age_of_universe")})
dark = replace(one, redshift=9.0, bands=("F435W", "F606W"), flux=one.flux[:2],
               flux_err=one.flux_err[:2])
answer["dark"] = engine.fit([dark])[0]
answer["messages"] = {
    "spectrum": message(lambda: engine.fit([one, replace(one, spectrum=spectrum)])),
    "spectrum alone": message(lambda: engine.fit([without])),
    "no room": message(lambda: TabulatedEngine(late).fit([replace(one, redshift=10.0)])),
}
sys.stdout.buffer.write(pickle.dumps(answer))
"""


def ask(folder, cases, *, behaviour):
    """What the engine says of mocks of its own prior, in a process that may load Bagpipes."""
    if not find_spec("bagpipes"):
        pytest.skip("bagpipes is not installed")
    task = {"cases": {name: CASES[name] for name in cases}, "behaviour": behaviour}
    run = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        input=pickle.dumps(task | {"n_mocks": N_MOCKS}),
        cwd=folder,
        capture_output=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr.decode()
    return pickle.loads(run.stdout)


@pytest.fixture(scope="module")
def answers(tmp_path_factory):
    return ask(tmp_path_factory.mktemp("engine"), ["lognormal"], behaviour=True)


@pytest.fixture(
    scope="module",
    params=["lognormal", *(pytest.param(name, marks=pytest.mark.slow) for name in SLOW)],
)
def mocks(request, tmp_path_factory):
    """Posteriors and truth of a case."""
    if request.param not in SLOW:
        return request.getfixturevalue("answers")["mocks"][request.param]
    folder = tmp_path_factory.mktemp("engine")
    return ask(folder, [request.param], behaviour=False)["mocks"][request.param]


def same(first, second):
    """Whether posteriors are the same to the last byte."""
    return pickle.dumps(vars(first)) == pickle.dumps(vars(second))


class TestCalibration:
    @pytest.mark.parametrize("quantity", QUANTITIES)
    def test_truth_is_anywhere_in_the_posterior_alike(self, mocks, quantity):
        posteriors, truth = mocks
        draws = np.stack([getattr(posterior, quantity) for posterior in posteriors])
        true = truth[quantity][:, np.newaxis]
        rank = np.mean(draws < true, axis=1) + 0.5 * np.mean(draws == true, axis=1)
        error = 1.0 / np.sqrt(12.0 * len(rank))
        assert rank.mean() == pytest.approx(0.5, abs=4.0 * error)
        # The fourth moment of a flat distribution: its variance is known to 0.075 / sqrt(n).
        assert rank.var() == pytest.approx(1.0 / 12.0, abs=4.0 * 0.0745 / np.sqrt(len(rank)))

    def test_enough_models_count(self, mocks, request):
        # Two components spread posteriors over more dimensions.
        share = 0.9 if "two components" in request.node.name else 0.95
        ess = np.array([posterior.ess for posterior in mocks[0]])
        assert np.mean(ess >= 400.0) >= share

    def test_draws_are_sound(self, mocks):
        for posterior in mocks[0]:
            for quantity in (*QUANTITIES, "e_bv"):
                assert np.isfinite(getattr(posterior, quantity)).all()
            assert posterior.a_v.min() >= 1e-4
            assert posterior.a_v.max() <= 10.0
            assert posterior.log_ssfr.min() >= -14.0
            assert 0.0 <= posterior.edge <= 1.0
            assert posterior.information >= 0.0

    def test_chi_squared_is_that_of_nine_bands(self, mocks):
        chi2 = [posterior.chi2 for posterior in mocks[0]]
        assert 2.0 < np.mean(chi2) < 10.0
        assert min(chi2) > 0.0


class TestRounds:
    """A pool of a thousand models and models drawn anew say what a large pool says."""

    @pytest.mark.parametrize("quantity", QUANTITIES)
    def test_posteriors(self, answers, quantity):
        for small, large in zip(answers["small pool"], answers["together"], strict=True):
            ours, theirs = getattr(small, quantity), getattr(large, quantity)
            spread = theirs.std() + 1e-3
            n = min(small.ess, large.ess, 1000.0)
            assert abs(ours.mean() - theirs.mean()) < 5.0 * spread * np.sqrt(2.0 / n)
            assert ours.std() + 1e-3 == pytest.approx(spread, rel=0.4)

    def test_evidence(self, answers):
        small, large = (
            np.array([posterior.log_evidence for posterior in answers[name]])
            for name in ("small pool", "together")
        )
        np.testing.assert_allclose(small, large, atol=0.35)
        assert np.mean(small - large) == pytest.approx(0.0, abs=0.1)

    def test_enough_models_count(self, answers):
        assert np.mean([posterior.ess >= 400.0 for posterior in answers["small pool"]]) >= 0.9


class TestBytes:
    def test_order_does_not_matter(self, answers):
        assert all(map(same, answers["together"], answers["again"]))

    def test_company_does_not_matter(self, answers):
        assert same(answers["together"][7], answers["alone"][0])

    def test_another_seed_draws_others(self, answers):
        one, other = answers["alone"][0], answers["other seed"][0]
        assert not same(one, other)
        assert other.a_v.mean() == pytest.approx(one.a_v.mean(), abs=0.3 * one.a_v.std())

    def test_company_in_other_bands_does_not_matter(self, answers):
        first, less, last = answers["mixed bands"]
        assert same(first, last)
        assert same(first, answers["together"][0])
        assert same(less, answers["less"][0])


class TestPools:
    def test_each_set_of_bands_has_its_own(self, answers):
        assert [len(bands) for _, bands in answers["pools"]] == [9, 8]

    def test_redshifts_are_rounded(self, answers):
        _, _, below, above, beyond, _ = answers["redshifts"]
        assert same(below, above)
        assert not same(above, beyond)

    def test_few_are_kept(self, answers):
        assert [redshift for redshift, _ in answers["few pools"]] == [6.0, 7.0, 7.01, 10.0]

    def test_bands_that_see_no_star_leave_the_prior(self, answers):
        assert answers["dark"].information < 1.0

    def test_the_whole_range_of_redshifts_works(self, answers):
        assert all(np.isfinite(posterior.a_v).all() for posterior in answers["redshifts"])


class TestMessages:
    @pytest.mark.parametrize("case", ["spectrum", "spectrum alone"])
    def test_spectra(self, answers, case):
        assert answers["messages"][case].startswith("InputError: engine='tabulated' fits photo")

    def test_priors_without_room(self, answers):
        message = answers["messages"]["no room"]
        assert message.startswith("RuntimeError: no model at redshift 10: priors")

    def test_no_model_at_all(self):
        galaxy = SimpleNamespace(redshift=9.0, bands=("F435W", "F606W"))
        nothing = Likelihood(np.full(3, -np.inf), *[np.full(3, np.nan)] * 3)
        with pytest.raises(RuntimeError, match="has light at redshift 9 in the bands F435W, F6"):
            _refuse_impossible(galaxy, nothing)
