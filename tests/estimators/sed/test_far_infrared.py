"""Far-infrared fluxes in fits: energy balance, mocks of the prior, and conflicts."""

import numpy as np
import pytest
from packages import skip_without
from sed_components import FAR, OPTICAL, energy_balance, fits_of_mocks
from sed_mocks import assert_flat, ranks
from warm_process import call

from dustest.estimators._sed.priors.defaults import fit_instructions
from dustest.estimators._sed.priors.prior_transform import SEDPrior

N_MOCKS = 30


@pytest.fixture(scope="module", params=[pytest.param(0.5, marks=pytest.mark.slow), 7.0])
def balance(request, tmp_path_factory):
    skip_without("bagpipes")
    return call(energy_balance, request.param, cwd=tmp_path_factory.mktemp("balance"))


@pytest.fixture(scope="module")
def fits(tmp_path_factory):
    skip_without("bagpipes")
    return call(fits_of_mocks, N_MOCKS, False, FAR[:1], cwd=tmp_path_factory.mktemp("fits"))


class TestEnergy:
    def test_emitted_is_absorbed(self, balance):
        # Quantities of the rest frame are of spectra of a higher resolution.
        ratio = balance["emitted"] / balance["absorbed"]
        assert np.median(ratio) == pytest.approx(1.0, abs=0.003)
        np.testing.assert_allclose(ratio, 1.0, rtol=0.02)

    def test_band_is_the_flux_at_its_pivot(self, balance):
        np.testing.assert_allclose(balance["band"], balance["at its pivot"], rtol=0.01)

    def test_no_dust_no_light(self, balance):
        assert np.all(balance["dust-free"] == 0.0)

    def test_parameters_are_of_the_prior(self, balance):
        values = balance["values"]
        assert np.all((values["dust:temperature"] > 20.0) & (values["dust:temperature"] < 100.0))
        assert np.all((values["dust:emissivity"] > 1.0) & (values["dust:emissivity"] < 2.6))


@pytest.mark.slow
class TestFits:
    def test_truth_lies_at_all_percentiles(self, fits):
        for name in ("A_V", "dust:temperature"):
            draws = np.array([one["draws"][name] for one in fits["posteriors"]])
            assert_flat(ranks(draws, fits["truth"][name]))

    def test_intervals_are_narrower(self, fits):
        widths = np.array(
            [
                [np.ptp(np.quantile(a_v, (0.16, 0.84))) for a_v in (one["draws"]["A_V"], other)]
                for one in fits["posteriors"]
                for _, other in [one["check"]]
            ]
        )
        dusty = fits["truth"]["A_V"] > 0.3
        assert np.median(widths[dusty, 0] / widths[dusty, 1]) < 0.9

    def test_probabilities_of_consistent_data(self, fits):
        probability = np.array([one["check"][0] for one in fits["posteriors"]])
        assert np.all(probability >= 1e-3)
        assert 0.2 < probability.mean() < 0.8

    @pytest.mark.parametrize("name", ["bright", "deep limit"])
    def test_conflicts(self, fits, name):
        assert fits[name]["check"][0] < 1e-3

    def test_limits_lower_a_v(self, fits):
        limited = np.median(fits["deep limit"]["draws"]["A_V"])
        assert limited < np.median(fits["bare"]["draws"]["A_V"])

    def test_galaxies_without_are_as_without_the_bands(self, fits):
        one, other = fits["bare"], fits["bare alone"]
        assert one["free"] == other["free"]
        assert "dust:temperature" not in one["free"]
        assert one["check"] is None
        np.testing.assert_array_equal(one["draws"]["A_V"], other["draws"]["A_V"])
        assert one["log_evidence"] == other["log_evidence"]


class TestPriors:
    def test_quantiles(self):
        prior = SEDPrior(fit_instructions("delayed", "SMC", 6.0, components=("far_infrared",)))
        values = prior.transform(np.full((1, len(prior.free)), 0.5))
        assert values["dust:temperature"][0] == pytest.approx(45.0, abs=0.1)
        assert values["dust:emissivity"][0] == pytest.approx(1.8, abs=0.01)

    def test_priors_without_the_bands_have_no_effect(self):
        priors = {"dust:temperature": (30.0, 40.0), "dust:temperature_prior": "uniform"}
        prior = SEDPrior(fit_instructions("delayed", "SMC", 6.0, None, priors))
        assert not any(name.startswith("dust:temp") for name in prior.free)


def test_bands_of_tests():
    assert not set(OPTICAL) & set(FAR)
