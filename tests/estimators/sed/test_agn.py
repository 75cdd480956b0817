"""The light of an AGN in fits, against direct integrals and mocks of the prior."""

import numpy as np
import pytest
from astropy import units as u
from astropy.modeling.physical_models import BlackBody
from packages import skip_without
from sed_components import OPTICAL, REDSHIFT, agn_models, fits_of_mocks, pool_and_models
from sed_mocks import assert_flat, ranks
from warm_process import call

from dustest.data.errors import InputError
from dustest.estimators._sed.components import (
    COMPONENTS,
    check_components,
    refuse_components,
)
from dustest.estimators._sed.components import (
    agn_models as models_of,
)
from dustest.estimators._sed.priors.defaults import fit_instructions
from dustest.estimators._sed.priors.prior_transform import SEDPrior
from dustest.estimators._sed.tabulated.light.agn_light import agn_spectra
from dustest.physics import attenuation_ratio, band_flux

N_MOCKS = 40


@pytest.fixture(scope="module", params=[True, "little_red_dot"])
def models(request, tmp_path_factory):
    skip_without("bagpipes")
    return call(agn_models, request.param, cwd=tmp_path_factory.mktemp("agn"))


@pytest.fixture(scope="module")
def fits(tmp_path_factory):
    skip_without("bagpipes")
    return call(fits_of_mocks, N_MOCKS, True, (), cwd=tmp_path_factory.mktemp("fits"))


def expected_spectrum(wavelength, values):
    """AGN over the stars at 5100 Angstrom, per unit wavelength, from other libraries."""
    relative = attenuation_ratio(wavelength, "SMC") - attenuation_ratio([5100.0], "SMC")
    rows = []
    for k in range(len(values["agn:fraction"])):
        one = {name: value[k] for name, value in values.items() if name.startswith("agn:")}
        light = (wavelength / 5100.0) ** one["agn:slope"]
        light *= 10.0 ** (-0.4 * one["agn:Av"] * relative)
        if "agn:black_body" in one:
            scale = 1.0 * u.erg / (u.s * u.cm**2 * u.AA * u.sr)
            planck = BlackBody(one["agn:temperature"] * u.K, scale=scale)
            body = planck(wavelength * u.AA) / planck(5100.0 * u.AA)
            light += one["agn:black_body"] * (body.value - light)
        rows.append(light * one["agn:fraction"] / (1.0 - one["agn:fraction"]))
    return np.array(rows)


class TestSpectra:
    def test_against_other_libraries(self):
        rng, n = np.random.default_rng(3), 20
        values = {
            "agn:fraction": rng.random(n) * 0.99,
            "agn:slope": rng.uniform(-2.6, -0.8, n),
            "agn:Av": rng.uniform(0.0, 2.0, n),
            "agn:black_body": rng.random(n),
            "agn:temperature": rng.uniform(2000.0, 8000.0, n),
        }
        wavelength = np.geomspace(1300.0, 9000.0, 50)
        found = agn_spectra(wavelength, values)
        np.testing.assert_allclose(found, expected_spectrum(wavelength, values), rtol=2e-3)

    def test_share_at_the_reference(self):
        values = {"agn:fraction": np.array([0.3]), "agn:slope": np.array([-1.7])}
        ratio = agn_spectra(np.array([5100.0]), values | {"agn:Av": np.array([1.0])})[0, 0]
        assert ratio / (1.0 + ratio) == pytest.approx(0.3)

    def test_cold_black_bodies_do_not_overflow(self):
        values = {"agn:fraction": 0.5, "agn:slope": -1.7, "agn:Av": 0.0, "agn:black_body": 1.0}
        values = {name: np.array([value]) for name, value in values.items()}
        cold = agn_spectra(np.array([10.0, 1000.0]), values | {"agn:temperature": np.array([2e3])})
        assert np.all((cold >= 0.0) & (cold < 1e-20))


class TestModels:
    def test_bands(self, models):
        # No band is blueward of Lyman alpha, so that there is no intergalactic absorption.
        wavelength = np.geomspace(9e3, 5.3e4, 4000)
        rest = wavelength / (1.0 + REDSHIFT)
        light = expected_spectrum(rest, models["values"]) * (rest / 5100.0) ** 2
        light *= models["reference"][:, np.newaxis]
        for k, band in enumerate(OPTICAL):
            expected = [band_flux(wavelength, one, band) for one in light]
            np.testing.assert_allclose(models["bands"][:, k], expected, rtol=0.01)

    def test_single_wavelengths(self, models):
        rest = models["wavelength"] / (1.0 + REDSHIFT)
        expected = expected_spectrum(rest, models["values"]) * (rest / 5100.0) ** 2
        expected *= models["reference"][:, np.newaxis]
        np.testing.assert_allclose(models["spectrum"], expected, rtol=0.01)

    def test_dust_of_stars_does_not_change_it(self, models):
        without = models["bands without stellar dust"]
        np.testing.assert_allclose(without, models["bands"], rtol=1e-5)

    def test_share_is_a_quantity(self, models):
        np.testing.assert_array_equal(models["share"], models["values"]["agn:fraction"])


class TestPool:
    def test_models_of_pools_are_those_of_their_parameters(self, tmp_path_factory):
        skip_without("bagpipes")
        found = call(pool_and_models, cwd=tmp_path_factory.mktemp("pool"))
        assert found["n_columns"] > 1
        assert found["bands"] == (*OPTICAL, "ALMA_B6", "ALMA_B7")
        possible = found["pool"].any(axis=1) & found["again"].any(axis=1)
        assert possible.mean() > 0.9
        np.testing.assert_allclose(found["pool"][possible], found["again"][possible], rtol=2e-5)
        for one, other in found["quantities"].values():
            np.testing.assert_allclose(one[possible], other[possible], rtol=1e-6)


class TestFits:
    def test_truth_lies_at_all_percentiles(self, fits):
        for name in ("A_V", "agn_fraction"):
            draws = np.array([one["draws"][name] for one in fits["posteriors"]])
            assert_flat(ranks(draws, fits["truth"][name]))

    def test_effective_numbers(self, fits):
        assert np.mean([one["ess"] >= 400.0 for one in fits["posteriors"]]) > 0.9


class TestPriors:
    def test_quantiles(self):
        prior = SEDPrior(fit_instructions("delayed", "SMC", 6.0, components=("agn",)))
        values = prior.transform(np.full((1, len(prior.free)), 0.5))
        assert values["agn:fraction"][0] == pytest.approx(0.495)
        assert values["agn:slope"][0] == pytest.approx(-1.7, abs=1e-3)
        # Half a Gaussian of 0.3: its median is at 0.6745 standard deviations.
        assert values["agn:Av"][0] == pytest.approx(0.3 * 0.6745, abs=1e-3)

    def test_users_change_them(self):
        priors = {"agn:fraction": (1e-3, 0.5), "agn:fraction_prior": "log_10"}
        found = fit_instructions("delayed", "SMC", 6.0, None, priors, components=("agn",))
        prior = SEDPrior(found)
        middle = prior.transform(np.full((1, len(prior.free)), 0.5))["agn:fraction"][0]
        assert middle == pytest.approx(np.sqrt(1e-3 * 0.5))

    def test_stars_alone_have_none(self):
        with pytest.raises(InputError, match="does not know: 'agn:fraction'"):
            fit_instructions("delayed", "SMC", 6.0, None, {"agn:fraction": 0.1})

    @pytest.mark.parametrize(
        ("priors", "message"),
        [
            ({"agn:fraction": (0.0, 1.0)}, "must lie from 0 to 0.999, as it is a share"),
            ({"agn:black_body": 1.5}, "must lie from 0 to 1, as it is a share"),
            ({"agn:Av": (-1.0, 1.0)}, "must not be negative"),
            ({"dust:temperature": 2.0}, "must be at least 3 K"),
        ],
    )
    def test_impossible_values(self, priors, message):
        with pytest.raises(InputError, match=message):
            check_components(priors)

    def test_defaults_are_possible(self):
        for flat in COMPONENTS.values():
            check_components(flat)

    def test_bagpipes_has_none(self):
        with pytest.raises(InputError, match="Bagpipes has no agn:Av"):
            refuse_components({"agn:Av": 1.0})
        refuse_components({"dust:Av": 1.0})


class TestChoice:
    @pytest.mark.parametrize("bad", ["disc", None, 1.0, (), (True, True), ("flagged",), ([],)])
    def test_unknown_models(self, bad):
        with pytest.raises(InputError, match="agn must be True, False"):
            models_of(bad)
