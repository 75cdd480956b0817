import pickle
from types import SimpleNamespace

import numpy as np
import pytest
from packages import skip_without
from sed_fits import (
    best_models,
    constant_history,
    densities_of_redshift,
    in_any_company,
    posteriors_and_truth,
    under_two_priors,
    with_free_redshifts,
)
from sed_mocks import BANDS, assert_flat, ranks, settings
from warm_process import call

from dustest.data.bands import get_band
from dustest.estimators._sed.posterior import N_DRAWS
from dustest.estimators._sed.tabulated import importance_sampling
from dustest.estimators._sed.tabulated.importance_sampling import (
    TabulatedEngine,
    _refuse_impossible,
)
from dustest.estimators._sed.tabulated.likelihoods.gaussian import Likelihood

QUANTITIES = ("A_V", "log_sSFR", "log_mass", "log_SFR_10", "log_SFR_100", "log_age")
N_MOCKS = 60
NARROW = (8.6, 9.4)
MASS = {"lognormal:massformed": NARROW}
# Name: history, dust law, priors; masses are narrow, so that all mocks are of like signal to noise
CASES = {
    "lognormal": ("lognormal", "Calzetti", MASS),
    "free tilt and bump": ("lognormal", "Salim", MASS),
    "two components": (
        "double_delayed",
        "SMC",
        {"delayed1:massformed": NARROW, "delayed2:massformed": NARROW},
    ),
    "burst behind clouds": (
        "delayed_burst",
        "CF00",
        {"delayed:massformed": NARROW, "burst:massformed": (7.6, 8.4)},
    ),
    "continuity": (
        "continuity",
        "Salim",
        {"continuity:massformed": NARROW, "dust:delta": -0.2, "dust:B": 1.0},
    ),
}
SLOW = [name for name in CASES if name != "lognormal"]


def in_fresh_process(function, folders, **task):
    """What the function returns there, for its keywords."""
    skip_without("bagpipes")
    return call(function, cwd=folders.mktemp("engine"), **task)


@pytest.fixture(scope="module")
def two_peaks(tmp_path_factory):
    return in_fresh_process(densities_of_redshift, tmp_path_factory, n=60)


@pytest.fixture(scope="module")
def answers(tmp_path_factory):
    return in_fresh_process(in_any_company, tmp_path_factory, case=CASES["lognormal"])


@pytest.fixture(
    scope="module",
    params=["lognormal", *(pytest.param(name, marks=pytest.mark.slow) for name in SLOW)],
)
def mocks(request, tmp_path_factory):
    """Posteriors and truth of a case."""
    case = CASES[request.param]
    return in_fresh_process(posteriors_and_truth, tmp_path_factory, case=case, n=N_MOCKS)


@pytest.fixture(scope="module")
def other_priors(tmp_path_factory):
    """Mocks of a flat prior of A_V, fitted with it and with a logarithmic one."""
    return in_fresh_process(under_two_priors, tmp_path_factory, mass=MASS, n=60)


@pytest.fixture(scope="module")
def free_redshift(tmp_path_factory):
    """Mocks whose redshifts are known to 0.2."""
    return in_fresh_process(with_free_redshifts, tmp_path_factory, mass=MASS, n=30)


@pytest.fixture(scope="module")
def best(tmp_path_factory):
    return in_fresh_process(best_models, tmp_path_factory)


@pytest.fixture(scope="module")
def constant(tmp_path_factory):
    """Models and posteriors of a constant history of 300 Myr."""
    return in_fresh_process(constant_history, tmp_path_factory)


def same(first, second):
    """Whether posteriors are the same to the last byte."""
    return pickle.dumps(vars(first)) == pickle.dumps(vars(second))


def stacked(posteriors, quantity):
    """Draws (n, N_DRAWS) of a quantity."""
    return np.stack([posterior.draws[quantity] for posterior in posteriors])


class TestCalibration:
    @pytest.mark.parametrize("quantity", QUANTITIES)
    def test_truth_is_anywhere_in_the_posterior_alike(self, mocks, quantity):
        posteriors, truth = mocks
        assert_flat(ranks(stacked(posteriors, quantity), truth[quantity]))

    def test_enough_models_count(self, mocks, request):
        # Two components or a free shape spread posteriors over more dimensions.
        many = ("two components", "burst behind clouds", "free tilt and bump")
        share = 0.9 if request.node.callspec.params["mocks"] in many else 0.95
        ess = np.array([posterior.ess for posterior in mocks[0]])
        assert np.mean(ess >= 400.0) >= share

    def test_draws_are_sound(self, mocks):
        for posterior in mocks[0]:
            assert set(posterior.draws) == {*QUANTITIES, "E_BV", "log_mass_formed", "redshift"}
            for draws in posterior.draws.values():
                assert draws.shape == (N_DRAWS,)
                assert np.isfinite(draws).all()
            assert posterior.draws["A_V"].min() >= 1e-4
            assert posterior.draws["A_V"].max() <= 10.0
            assert posterior.draws["log_sSFR"].min() >= -14.0
            assert (posterior.draws["redshift"] == 7.0).all()
            assert 0.0 <= posterior.edge <= 1.0
            assert posterior.information >= 0.0
            assert posterior.a_v_under == {}
            assert posterior.best is None

    def test_chi_squared_is_that_of_nine_bands(self, mocks):
        chi2 = [posterior.chi2 for posterior in mocks[0]]
        assert 2.0 < np.mean(chi2) < 10.0
        assert min(chi2) > 0.0


class TestRounds:
    """A pool of a thousand models and models drawn anew say what a large pool says."""

    @pytest.mark.parametrize("quantity", QUANTITIES[:3])
    def test_posteriors(self, answers, quantity):
        for small, large in zip(answers["small pool"], answers["together"], strict=True):
            ours, theirs = small.draws[quantity], large.draws[quantity]
            spread = theirs.std() + 1e-3
            n = min(small.ess, large.ess, 1000.0)
            assert abs(ours.mean() - theirs.mean()) < 5.0 * spread * np.sqrt(2.0 / n)
            # Rare histories without recent stars make the standard deviation a poor width.
            for level in (0.16, 0.84):
                # Many draws may have the lowest rate.
                edge = np.quantile(theirs, level)
                noise = 5.0 * np.sqrt(2.0 * 0.25 / 400.0)
                assert np.mean(ours <= edge) == pytest.approx(np.mean(theirs <= edge), abs=noise)

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
        a_v = one.draws["A_V"]
        assert other.draws["A_V"].mean() == pytest.approx(a_v.mean(), abs=0.3 * a_v.std())

    def test_company_in_other_bands_does_not_matter(self, answers):
        first, less, last = answers["mixed bands"]
        assert same(first, last)
        assert same(first, answers["together"][0])
        assert same(less, answers["less"][0])


class TestGaps:
    """A galaxy in the tables of more bands than it has."""

    def test_it_has_the_answer_of_its_own_bands(self, answers):
        (gap,), (less,) = answers["gap"], answers["less"]
        for name in ("A_V", "log_sSFR", "log_mass"):
            ours, theirs = gap.draws[name], less.draws[name]
            assert ours.mean() == pytest.approx(theirs.mean(), abs=0.3 * theirs.std() + 1e-3)
        # Wavelengths of the models are those of more bands.
        assert gap.log_evidence == pytest.approx(less.log_evidence, abs=0.5)
        assert gap.chi2 == pytest.approx(less.chi2, abs=0.5)


class TestPools:
    def test_each_set_of_bands_has_its_own(self, answers):
        assert [len(bands) for _, bands, _ in answers["pools"]] == [9, 8]

    def test_redshifts_are_rounded(self, answers):
        _, _, below, above, beyond, _ = answers["redshifts"]
        assert same(below, above)
        assert not same(above, beyond)

    def test_few_are_kept(self, answers):
        assert [redshift for redshift, *_ in answers["few pools"]] == [6.0, 7.0, 7.01, 10.0]

    def test_bands_that_see_no_star_leave_the_prior(self, answers):
        assert answers["dark"].information < 1.0

    def test_the_whole_range_of_redshifts_works(self, answers):
        for posterior in answers["redshifts"]:
            assert np.isfinite(posterior.draws["A_V"]).all()


class TestOtherPriors:
    """What a fit says of other priors of A_V is what a fit with those priors says."""

    LEAST = 450.0  # effective models under each prior, which bound the noise of a share

    def pulls(self, other_priors, own, other):
        """Differences of the shares (n, 3) of draws below percentiles, over their noise."""
        shares = np.array([0.16, 0.5, 0.84])
        noise = np.sqrt(2.0 * shares * (1.0 - shares) / self.LEAST)
        found = [
            [
                np.mean(ours.a_v_under[other] < edge)
                for edge in np.quantile(theirs.draws["A_V"], shares)
            ]
            for ours, theirs in zip(other_priors[own], other_priors[other], strict=True)
        ]
        return (np.array(found) - shares) / noise

    @pytest.mark.parametrize(("own", "other"), [("log10", "flat"), ("flat", "log10")])
    def test_one_from_the_other(self, other_priors, own, other):
        pulls = self.pulls(other_priors, own, other)
        assert np.abs(pulls).max() < 4.5
        assert np.abs(pulls.mean(axis=0)).max() < 4.0 / np.sqrt(len(pulls))
        assert pulls.std() < 1.2

    @pytest.mark.parametrize("own", ["log10", "flat"])
    def test_its_own_prior_changes_nothing(self, other_priors, own):
        for posterior in other_priors[own]:
            drawn, again = posterior.draws["A_V"], posterior.a_v_under[own]
            assert again.mean() == pytest.approx(drawn.mean(), abs=0.3 * drawn.std() + 1e-3)

    def test_the_prior_matters_to_these_mocks(self, other_priors):
        moved = [
            np.median(posterior.a_v_under["flat"]) - np.median(posterior.a_v_under["log10"])
            for posterior in other_priors["log10"]
        ]
        assert np.mean(np.array(moved) > 0.05) > 0.3

    @pytest.mark.parametrize("own", ["log10", "flat"])
    def test_truth_of_flat_mocks_is_anywhere_alike_under_the_flat_prior(self, other_priors, own):
        draws = np.stack([posterior.a_v_under["flat"] for posterior in other_priors[own]])
        assert_flat(ranks(draws, other_priors["truth"]["A_V"]))

    def test_under_the_other_prior_it_is_not(self, other_priors):
        draws = np.stack([posterior.a_v_under["log10"] for posterior in other_priors["flat"]])
        rank = ranks(draws, other_priors["truth"]["A_V"])
        assert rank.mean() > 0.5

    def test_draws_are_sound(self, other_priors):
        for posterior in other_priors["log10"]:
            assert posterior.a_v_under.keys() == {"flat", "log10"}
            for drawn in posterior.a_v_under.values():
                assert drawn.shape == (N_DRAWS,)
                assert (drawn >= 1e-4).all()
                assert (drawn <= 10.0).all()


class TestFreeRedshift:
    def test_true_redshift_is_anywhere_in_the_posterior_alike(self, free_redshift):
        drawn = stacked(free_redshift["posteriors"], "redshift")
        assert_flat(ranks(drawn, free_redshift["truth"]["redshift"]))

    def test_attenuation_under_the_prior_of_the_mocks(self, free_redshift):
        draws = np.stack([post.a_v_under["flat"] for post in free_redshift["posteriors"]])
        assert_flat(ranks(draws, free_redshift["truth"]["A_V"]))

    def test_a_break_within_the_bands_tells_the_redshift(self, free_redshift):
        spread = stacked(free_redshift["posteriors"], "redshift").std(axis=1)
        order = np.argsort(free_redshift["snr"])
        assert np.median(spread[order[-12:]]) < 0.5 * 0.2
        # The faint ones keep the width of the prior.
        assert np.median(spread[order[:12]]) == pytest.approx(0.2, abs=0.05)

    def test_draws_lie_within_three_standard_deviations(self, free_redshift):
        drawn = stacked(free_redshift["posteriors"], "redshift")
        assert drawn.min() >= 6.4
        assert drawn.max() <= 7.6

    def test_draws_are_between_tabulated_redshifts_too(self, free_redshift):
        for posterior in free_redshift["posteriors"]:
            drawn = posterior.draws["redshift"]
            assert len(np.unique(drawn)) > 150
            own = posterior.prior.transform(posterior.cube)["redshift"]
            np.testing.assert_allclose(drawn, own)

    def test_enough_models_count(self, free_redshift):
        ess = np.array([posterior.ess for posterior in free_redshift["posteriors"]])
        assert np.mean(ess >= 400.0) >= 0.9

    def test_without_an_error_it_is_fixed(self, free_redshift):
        (fixed,) = free_redshift["fixed"]
        assert all(same(posterior, fixed) for posterior in free_redshift["unknown"])
        assert (fixed.draws["redshift"] == 7.0).all()
        assert [error for *_, error in free_redshift["pools"]] == [None]


@pytest.mark.slow
class TestDensityOfRedshift:
    """Two peaks, at redshift 2.5 of weight 0.6 and at 9 of weight 0.4."""

    def test_without_information_peaks_keep_their_weights(self, two_peaks):
        upper = np.mean(two_peaks["blind"].draws["redshift"] > 5.0)
        assert upper == pytest.approx(0.4, abs=0.05)

    def test_true_redshifts_are_anywhere_in_the_posterior_alike(self, two_peaks):
        drawn = stacked(two_peaks["posteriors"], "redshift")
        assert_flat(ranks(drawn, two_peaks["truth"]["redshift"]))

    def test_the_break_finds_the_peak(self, two_peaks):
        upper = np.mean(stacked(two_peaks["posteriors"], "redshift") > 5.0, axis=1)
        truth = two_peaks["truth"]["redshift"] > 5.0
        # The mean of the shares is that of the truth, and most galaxies have one peak left.
        noise = np.sqrt(np.sum(upper * (1.0 - upper)))
        assert abs(upper.sum() - truth.sum()) < 4.0 * max(noise, 1.0)
        assert np.mean(np.abs(upper - truth) < 0.05) > 0.7

    def test_ages_reach_to_the_age_of_the_universe_at_each_redshift(self, two_peaks):
        redshift, age = (two_peaks["values"][name] for name in ("redshift", "delayed:age"))
        for upper, limit in ((False, 2.7), (True, 0.55)):
            ages = age[(redshift > 5.0) == upper]
            assert 0.9 * limit < ages.max() < 1.15 * limit
            assert np.median(ages) == pytest.approx(0.5 * limit, rel=0.12)


@pytest.mark.parametrize("name", ["fixed", "free"])
class TestBestFit:
    def test_it_has_the_least_chi_squared(self, best, name):
        for galaxy, posterior, _ in zip(*best[name], strict=True):
            pull = (galaxy.flux - posterior.best.flux) / galaxy.flux_err
            assert np.sum(pull**2) == pytest.approx(posterior.chi2, rel=1e-3)

    def test_dust_takes_light(self, best, name):
        for posterior in best[name][1]:
            found = posterior.best
            a_v = posterior.draws["A_V"]
            assert (found.bare_flux >= found.flux * (1.0 - 1e-5)).all()
            assert (found.bare_sed >= found.sed * (1.0 - 1e-5)).all()
            assert a_v.min() < 0.05 or np.all(found.bare_flux[1:] > found.flux[1:])

    def test_the_spectrum_is_that_of_the_bands(self, best, name):
        wavelength = best["wavelength"]
        for posterior in best[name][1]:
            for sed, flux in (
                (posterior.best.sed, posterior.best.flux),
                (posterior.best.bare_sed, posterior.best.bare_flux),
            ):
                seen = [through(get_band(band), wavelength, sed) for band in BANDS]
                # The break lies in the first bands, and lines are wider than steps elsewhere.
                np.testing.assert_allclose(seen[2:], flux[2:], rtol=0.05)

    def test_asking_for_it_changes_no_draw(self, best, name):
        for asked, plain in zip(*best[name][1:], strict=True):
            assert plain.best is None
            assert pickle.dumps(asked.draws) == pickle.dumps(plain.draws)


def through(band, wavelength, sed):
    """Mean flux density per frequency of a spectrum [nJy] in a band, counted in photons."""
    fine = np.linspace(band.wavelength[0], band.wavelength[-1], 4000)
    weight = np.interp(fine, band.wavelength, band.transmission) / fine
    return np.sum(weight * np.interp(fine, wavelength, sed)) / np.sum(weight)


class TestHistory:
    def test_a_constant_rate(self, constant):
        models, _ = constant
        rate, age = -np.log10(3e8), np.log10(1.5e8)
        for name in ("log_SFR_10", "log_SFR_100"):
            np.testing.assert_allclose(models.quantities[name], rate, atol=2e-3)
        np.testing.assert_allclose(models.quantities["log_age"], age, atol=2e-3)

    def test_draws(self, constant):
        for posterior in constant[1]:
            draws = posterior.draws
            np.testing.assert_allclose(
                draws["log_SFR_100"], draws["log_sSFR"] + draws["log_mass"], atol=1e-9
            )
            np.testing.assert_allclose(draws["log_SFR_10"], draws["log_SFR_100"], atol=2e-3)
            np.testing.assert_allclose(draws["log_age"], np.log10(1.5e8), atol=2e-3)
            # Living and formed mass differ by what has died within 300 Myr.
            dead = draws["log_SFR_100"] + np.log10(3e8) - draws["log_mass"]
            assert 0.05 < dead.min() <= dead.max() < 0.25

    def test_rates_follow_from_the_specific_rate(self, mocks):
        for posterior in mocks[0]:
            draws = posterior.draws
            np.testing.assert_allclose(
                draws["log_SFR_100"], draws["log_sSFR"] + draws["log_mass"], atol=1e-9
            )
            assert np.all(draws["log_SFR_10"] <= draws["log_SFR_100"] + 1.0 + 1e-6)


class TestMessages:
    def test_priors_without_room(self, answers):
        assert answers["no room"].startswith("no model at redshift 10: priors")

    def test_no_model_at_all(self):
        galaxy = SimpleNamespace(redshift=9.0, used_bands=("F435W", "F606W"))
        nothing = Likelihood(np.full(3, -np.inf), *[np.full(3, np.nan)] * 3)
        with pytest.raises(RuntimeError, match="has light at redshift 9 in the bands F435W, F6"):
            _refuse_impossible(galaxy, nothing)


class TestSearchForNarrowPosteriors:
    @pytest.mark.parametrize(
        ("numbers", "passes"), [([900.0, 950.0], 1), ([20.0, 900.0, 910.0], 2), ([1.0] * 4, 3)]
    )
    def test_begins_again_if_too_few_models_are_found(self, monkeypatch, numbers, passes):
        engine, left = TabulatedEngine(settings()), list(numbers)
        for name in ("annealed", "with_tail"):
            monkeypatch.setattr(importance_sampling, name, lambda chain, draw, rng: chain)
        monkeypatch.setattr(
            engine, "_refined", lambda chain, draw, rng: SimpleNamespace(ess=left.pop(0))
        )
        found = engine._searched(None, None, None)
        # Once more with the models in the tail.
        assert found.ess == numbers[passes]
        assert left == numbers[passes + 1 :]
