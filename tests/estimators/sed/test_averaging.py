from dataclasses import dataclass

import numpy as np
import pytest

from dustest.data.errors import InputError
from dustest.estimators._sed.averaging import Alternatives, average
from dustest.estimators._sed.posterior import N_DRAWS, Posterior
from dustest.estimators._sed.priors.defaults import own_priors
from dustest.physics import Tilted, get_dust_law

LAWS = Alternatives("lognormal", ("Calzetti", "SMC"))
BOTH = Alternatives(("lognormal", "delayed"), ("Calzetti", "SMC", "MW"))


@dataclass(frozen=True)
class FlatPrior:
    """A prior with A_V alone, and the logarithm of the mean of others over it."""

    log_ratio: float = 0.0
    free: tuple = ("dust:Av",)

    def log_ratio_to(self, shape, name, cube):
        return np.full(len(cube), self.log_ratio)


def posterior(first, log_evidence, log_ratio=0.0, prior=None, **values):
    """A posterior whose draws of A_V begin at a number, with masses of ten times A_V."""
    place = (np.arange(N_DRAWS) + 0.5) / N_DRAWS
    drawn = {
        "draws": {"A_V": first + place, "log_mass": 10.0 * (first + place)},
        "prior": prior or FlatPrior(log_ratio),
        "cube": place[:, np.newaxis],
        "a_v_under": {"flat": first + place},
        "best": f"best of {first}",
    }
    numbers = {"chi2": 3.0, "ess": 500.0, "information": 0.0, "edge": 0.0, "fit_probability": 0.4}
    return Posterior(**drawn, **(numbers | values), log_evidence=log_evidence)


class TestAlternatives:
    def test_a_single_model_has_no_columns(self):
        models = Alternatives("delayed", get_dust_law("SMC"))
        assert not models.are_several
        assert models.column_names == ()
        assert models.members == (("delayed", get_dust_law("SMC"), False),)

    def test_all_pairs(self):
        assert len(BOTH.members) == 6
        assert BOTH.column_names[0] == "log_evidence_lognormal_Calzetti"
        assert BOTH.column_names[-5:] == tuple(
            f"probability_{name}" for name in ("lognormal", "delayed", "Calzetti", "SMC", "MW")
        )

    def test_probabilities_of_laws_and_of_histories(self):
        evidence = np.log([1.0, 2.0, 3.0, 4.0, 5.0, 6.0]) - 700.0
        found = BOTH.columns(evidence)
        assert found["log_evidence_delayed_SMC"] == evidence[4]
        expected = {"lognormal": 6.0, "delayed": 15.0, "Calzetti": 5.0, "SMC": 7.0, "MW": 9.0}
        for name, value in expected.items():
            assert found[f"probability_{name}"] == pytest.approx(value / 21.0)

    def test_names_of_composed_laws_are_columns(self):
        models = Alternatives("delayed", (Tilted(get_dust_law("SMC"), 0.2), "SMC"))
        assert all(name.replace("_", "").isalnum() for name in models.column_names)

    @pytest.mark.parametrize("laws", [(), ("SMC", "Calzetti", "SMC"), ["MW", "CCM89"]])
    def test_no_law_twice(self, laws):
        with pytest.raises(InputError, match="dust_law must be one or several"):
            Alternatives("lognormal", laws)

    def test_unknown_ones(self):
        with pytest.raises(InputError, match="dust_law"):
            Alternatives("lognormal", ("Calzetti", "Calzeti"))


class TestPriors:
    def test_each_model_has_its_own(self):
        priors = {"dust:B": 1.0, "delayed:tau": (0.1, 1.0), "dust:Av": (0.0, 2.0), "dust:xx": 1.0}
        found = own_priors([("delayed", "SMC", ()), ("lognormal", "Salim", ())], priors)
        common = {"dust:Av": (0.0, 2.0), "dust:xx": 1.0}
        assert found == [common | {"delayed:tau": (0.1, 1.0)}, common | {"dust:B": 1.0}]

    def test_shapes_come_with_their_parameters(self):
        priors = {"dust:B_prior": "Gaussian", "dust:B_prior_mu": 1.0}
        assert own_priors([("delayed", "SMC", ()), ("delayed", "Salim", ())], priors) == [
            {},
            priors,
        ]


class TestAverage:
    def test_spectra_have_the_spread_within_models_and_between_them(self):
        spectra = [np.array([[0.0, 1.0], [1.0, 0.0]]), np.array([[4.0, 1.0], [1.0, 0.0]])]
        parts = [posterior(0.0, -700.0, spectrum=spectra[0])]
        parts.append(posterior(5.0, -700.0 + np.log(3.0), spectrum=spectra[1]))
        np.testing.assert_allclose(average(parts, LAWS, 1).spectrum, [[3.0, 1.0], [2.0, 0.0]])

    def test_draws_are_shared_by_evidence(self):
        found = average([posterior(0.0, -700.0), posterior(5.0, -700.0 + np.log(3.0))], LAWS, 1)
        a_v = found.draws["A_V"]
        assert np.sum(a_v < 2.0) == pytest.approx(0.25 * N_DRAWS, abs=1.0)
        assert len(np.unique(a_v)) == N_DRAWS
        np.testing.assert_allclose(found.draws["log_mass"], 10.0 * a_v)
        assert found.mixture.columns["probability_SMC"] == pytest.approx(0.75)

    def test_draws_are_in_random_order(self):
        a_v = average([posterior(0.0, 0.0), posterior(5.0, 0.0)], LAWS, 1).draws["A_V"]
        assert np.sum(a_v[:200] < 2.0) == pytest.approx(100.0, abs=30.0)

    def test_the_parts_are_the_draws(self):
        found = average([posterior(0.0, 0.0), posterior(5.0, 1.0)], LAWS, 1)
        joined = found.mixture.joined([part.cube[:, 0] for _, part in found.mixture.parts])
        np.testing.assert_allclose(joined, found.draws["A_V"] % 1.0)

    def test_models_without_draws_are_left_out(self):
        found = average([posterior(0.0, -30.0), posterior(5.0, 0.0)], LAWS, 1)
        assert [number for number, _ in found.mixture.parts] == [1]
        assert found.ess == pytest.approx(500.0)

    def test_evidence_is_the_mean(self):
        found = average([posterior(0.0, np.log(1.0)), posterior(5.0, np.log(3.0))], LAWS, 1)
        assert found.log_evidence == pytest.approx(np.log(2.0))

    def test_numbers(self):
        worse = posterior(0.0, np.log(3.0), chi2=4.0, ess=900.0, fit_probability=0.8)
        better = posterior(5.0, np.log(1.0), chi2=3.0, ess=100.0, fit_probability=0.4)
        worse.best_values["A_V"], better.best_values["A_V"] = 0.3, 0.6
        found = average([worse, better], LAWS, 1)
        assert found.best_values == {"A_V": 0.6}
        assert (found.chi2, found.best) == (3.0, "best of 5.0")
        assert found.fit_probability == pytest.approx(0.7)
        assert found.ess == pytest.approx(1.0 / (0.75**2 / 900.0 + 0.25**2 / 100.0))
        assert found.information == pytest.approx(0.0, abs=0.05)
        assert found.edge == pytest.approx(0.02, abs=0.01)

    def test_information_is_of_the_draws_of_all(self):
        low, high = posterior(0.0, 0.0), posterior(0.0, 0.0)
        low.cube[:], high.cube[:] = 0.25 * low.cube, 0.75 + 0.25 * high.cube
        found = average([low, high], LAWS, 1)
        assert found.information == pytest.approx(1.0, abs=0.05)

    def test_another_prior_changes_the_evidence_of_each(self):
        models = [posterior(0.0, 0.0, log_ratio=np.log(4.0)), posterior(5.0, 0.0)]
        under = average(models, LAWS, 1).a_v_under["flat"]
        assert np.mean(under < 2.0) == pytest.approx(0.8, abs=0.01)

    def test_a_fixed_attenuation(self):
        models = [posterior(0.0, 0.0, prior=FlatPrior(free=())) for _ in range(2)]
        found = average([*models], LAWS, 1)
        assert np.isnan([found.information, found.edge]).all()

    def test_a_seed_is_one_answer(self):
        models = [posterior(0.0, 0.0), posterior(5.0, 0.5)]
        one, same, other = (average(models, LAWS, seed).draws["A_V"] for seed in (1, 1, 2))
        assert one.tobytes() == same.tobytes() != other.tobytes()
