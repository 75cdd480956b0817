"""Light that no dust covers and escaping photons, against sums of fits without them."""

import numpy as np
import pytest
from packages import skip_without
from sed_clear import BANDS, fluxes_with_and_without, models_of_pools, posteriors_of_mocks
from sed_mocks import assert_flat, ranks
from warm_process import call

from dustest.data.errors import InputError
from dustest.estimators._sed.clear_light import check_for_bagpipes, effective_attenuation

REDSHIFTS = list(BANDS)
N_MOCKS = 60


@pytest.fixture(scope="module")
def fluxes(tmp_path_factory):
    skip_without("bagpipes")
    return call(fluxes_with_and_without, cwd=tmp_path_factory.mktemp("clear"))


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    skip_without("bagpipes")
    return call(models_of_pools, cwd=tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="module")
def fits(tmp_path_factory):
    skip_without("bagpipes")
    return call(posteriors_of_mocks, N_MOCKS, cwd=tmp_path_factory.mktemp("fits"))


class TestTable:
    @pytest.mark.parametrize("redshift", REDSHIFTS)
    @pytest.mark.parametrize(("name", "rtol"), [("exact", 2e-6), ("fast", 2e-6)])
    def test_clear_light_is_a_sum(self, fluxes, redshift, name, rtol):
        table = fluxes[redshift][name]
        for share, flux in table["clear"].items():
            expected = share * table["dust-free"] + (1.0 - share) * table["dusty"]
            np.testing.assert_allclose(flux, expected, rtol=rtol)
        expected = 0.2 * table["dust-free"] + 0.8 * table["dusty eta"]
        np.testing.assert_allclose(table["eta"], expected, rtol=rtol)

    @pytest.mark.parametrize("redshift", REDSHIFTS)
    @pytest.mark.parametrize(("name", "rtol"), [("exact", 1e-5), ("fast", 2e-3)])
    def test_escaping_photons_are_those_of_bagpipes_without_gas(
        self, fluxes, redshift, name, rtol
    ):
        one = fluxes[redshift]
        for share, flux in one[name]["escape"].items():
            expected = share * one["bare"] + (1.0 - share) * one["gas"]
            np.testing.assert_allclose(flux, expected, rtol=rtol)

    def test_the_mocks_tell_them_apart(self, fluxes):
        change = fluxes[7.0]["bare"] / fluxes[7.0]["gas"]
        assert change.min() < 0.7  # a band with lines
        assert change.max() > 0.8


class TestModels:
    def test_pools_are_the_models_themselves(self, models):
        flux = models["pool"].flux
        brightest = flux.max(axis=1, keepdims=True)
        np.testing.assert_allclose(flux / brightest, models["again"] / brightest, atol=3e-6)

    def test_a_v_is_that_of_all_light(self, models):
        a_v, (clear, _) = models["pool"].quantities["A_V"], models["shares"]
        expected = -2.5 * np.log10(clear + (1.0 - clear) * 10.0 ** (-0.4 * models["screen"]))
        np.testing.assert_allclose(a_v, expected, atol=1e-6)
        # A passband is broad, and has emission lines.
        total = -2.5 * np.log10(models["V"])
        np.testing.assert_allclose(total, a_v, atol=0.03)

    def test_reddening_is_less_than_that_of_a_screen(self, models):
        a_v, e_bv = (models["pool"].quantities[name] for name in ("A_V", "E_BV"))
        r_v = a_v / e_bv
        assert r_v.min() >= 4.05 * (1.0 - 1e-6)  # that of Calzetti
        assert np.quantile(r_v, 0.9) > 5.0

    def test_shares_matter(self, models):
        ratio = models["pool"].flux / models["plain"]
        clear, escape = models["shares"]
        dusty = models["screen"] > 1.5
        assert np.corrcoef(clear[dusty], np.log(ratio[dusty, 0]))[0, 1] > 0.5
        assert ratio[escape > 0.5].min() < 0.9 < ratio[escape < 0.05].min()


@pytest.mark.slow
class TestPosteriors:
    @pytest.mark.parametrize("quantity", ["A_V", "log_sSFR", "log_mass", "log_age"])
    def test_truth_is_anywhere_in_the_posterior_alike(self, fits, quantity):
        draws = np.stack([one.draws[quantity] for one in fits["posteriors"]])
        assert_flat(ranks(draws, fits["truth"][quantity]))

    @pytest.mark.parametrize("name", ["dust:Av", "dust:frac_clear", "nebular:escape_fraction"])
    def test_so_is_the_truth_of_parameters(self, fits, name):
        draws = np.stack([one.prior.transform(one.cube)[name] for one in fits["posteriors"]])
        assert_flat(ranks(draws, fits["truth"]["parameters"][name]))

    def test_photons_that_escape_are_measured(self, fits):
        """Lines are the brighter the fewer photons escape."""
        name = "nebular:escape_fraction"
        median = [np.median(one.prior.transform(one.cube)[name]) for one in fits["posteriors"]]
        assert np.corrcoef(median, fits["truth"]["parameters"][name])[0, 1] > 0.3

    def test_enough_models_count(self, fits):
        assert np.mean([one.ess >= 400.0 for one in fits["posteriors"]]) >= 0.9

    def test_a_v_under_other_priors_is_that_of_all_light(self, fits):
        for one in fits["posteriors"]:
            assert one.a_v_under["flat"].max() <= one.draws["A_V"].max() + 1.0
        flat = np.stack([one.a_v_under["flat"] for one in fits["posteriors"]])
        # The prior of the fit itself.
        own = np.stack([one.draws["A_V"] for one in fits["posteriors"]])
        np.testing.assert_allclose(np.median(flat, 1), np.median(own, 1), atol=0.05)

    def test_quantities(self, fits):
        one, found = fits["posteriors"][0], fits["quantities"]
        values = one.prior.transform(one.cube)
        np.testing.assert_array_equal(found["A_V_screen"], values["dust:Av"])
        np.testing.assert_array_equal(found["frac_clear"], values["dust:frac_clear"])
        np.testing.assert_array_equal(found["escape_fraction"], values["nebular:escape_fraction"])
        width, escape = found["EW_Ha"], found["escape_fraction"]
        assert np.all(np.isfinite(width) & (width >= 0.0))
        assert np.corrcoef(np.log(width + 1.0), escape)[0, 1] < 0.5
        assert np.isfinite(found["log_xi_ion"]).all()


class TestEffectiveAttenuation:
    def test_limits(self):
        a_v = np.array([0.0, 0.3, 50.0])
        np.testing.assert_allclose(effective_attenuation(a_v, 0.0), a_v)
        np.testing.assert_allclose(effective_attenuation(a_v, 1.0), 0.0)
        assert effective_attenuation(a_v, 0.1)[-1] == pytest.approx(2.5)


class TestCheckForBagpipes:
    def test_names_what_it_refuses(self):
        with pytest.raises(InputError, match="Bagpipes has no nebular:escape_fraction"):
            check_for_bagpipes({"nebular:escape_fraction": 0.1, "dust:Av": 0.2})

    @pytest.mark.parametrize("priors", [None, {}, {"nebular:fesc": 0.1}])
    def test_what_it_has(self, priors):
        check_for_bagpipes(priors)
