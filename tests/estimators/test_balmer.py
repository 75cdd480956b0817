"""BalmerEstimator: known attenuations, priors, flags, absorption, limits and real catalogues."""

import numpy as np
import pytest
from astropy import units as u
from astropy.table import QTable, vstack
from scipy.stats import kstest

from dustest import BalmerEstimator
from dustest.data import LINES, DustestWarning, decode_flags
from dustest.data.errors import InputError
from dustest.io import read_catalog
from dustest.physics import get_dust_law, line_ratio
from dustest.testing import check_estimator

FLUX = u.Unit("1e-18 erg / (s cm2)")
DENSITY = u.Unit("1e-18 erg / (s cm2 AA)")


def lines_of(a_v, *, names=("Ha", "Hb"), law="CCM89", snr=1e3, temperature=1e4, rng=None):
    """Galaxies with case B lines behind dust; snr is that of H-beta, the noise of all lines."""
    a_v = np.atleast_1d(np.asarray(a_v, float))
    curve = get_dust_law(law)
    flux = {
        name: 20.0
        * line_ratio(name, "Hb", temperature, 100.0)
        * 10 ** (-0.4 * a_v * curve.a_over_av(LINES[name].wavelength))
        for name in {*names, "Hb"}
    }
    error = flux["Hb"] / snr
    table = QTable()
    for name in names:
        noise = 0.0 if rng is None else error * rng.normal(size=a_v.size)
        table[f"line_{name}"] = (flux[name] + noise) * FLUX
        table[f"line_err_{name}"] = error * FLUX
    return table


FIXED = {"temperature": 1e4, "density": 100.0}


class TestContract:
    @pytest.mark.parametrize(
        "estimator",
        [BalmerEstimator(), BalmerEstimator(f=(0.4, 1.0), prior="flat", temperature=1e4)],
        ids=["default", "other"],
    )
    def test_check_estimator(self, estimator):
        check_estimator(estimator)

    def test_gas_is_always_in_the_table(self):
        table = BalmerEstimator(targets="E_BV").estimate(lines_of([0.5]))
        for name in ("A_V", "E_BV", "A_V_nebular", "E_BV_nebular"):
            assert {name, f"{name}_p16", f"{name}_p84"} <= set(table.colnames)
        assert table["n_lines"][0] == 2

    def test_rows_do_not_depend_on_others(self):
        table = lines_of(np.linspace(-1.0, 4.0, 300), snr=5.0)
        whole = BalmerEstimator().predict(table)
        np.testing.assert_array_equal(whole[7:9], BalmerEstimator().predict(table[7:9]))


class TestAttenuation:
    @pytest.mark.parametrize("law", ["CCM89", "Calzetti", "SMC", "G23", "power law"])
    @pytest.mark.parametrize(
        "names", [("Ha", "Hb"), ("Hb", "Hg", "Hd"), ("Ha", "Pb"), ("Pa", "Pb", "Pg")]
    )
    def test_of_any_lines_and_law(self, law, names):
        truth = np.array([-0.3, 0.0, 0.7, 2.5])
        found = BalmerEstimator(nebular_law=law, targets="A_V_nebular", **FIXED).predict(
            lines_of(truth, names=names, law=law)
        )
        np.testing.assert_allclose(found, truth, atol=0.02)

    def test_against_the_formula_of_the_decrement(self):
        """E(B-V) = 2.5 / (k(Hb) - k(Ha)) log10(ratio / 2.86), as in Dominguez et al. 2013."""
        law = get_dust_law("CCM89")
        k_beta, k_alpha = law.k(4862.68), law.k(6564.61)
        ratio = 4.0
        expected = 2.5 / (k_beta - k_alpha) * np.log10(ratio / line_ratio("Ha"))
        table = QTable({"line_Ha": [4000.0] * FLUX, "line_err_Ha": [1.0] * FLUX})
        table["line_Hb"], table["line_err_Hb"] = [1000.0] * FLUX, [1.0] * FLUX
        found = BalmerEstimator(targets="E_BV_nebular", **FIXED).predict(table)
        assert found[0] == pytest.approx(expected, abs=2e-3)

    def test_unknown_temperature_widens_the_interval(self):
        table = lines_of([1.0])
        free, fixed = BalmerEstimator().estimate(table), BalmerEstimator(**FIXED).estimate(table)
        width = free["A_V_nebular_p84"] - free["A_V_nebular_p16"]
        assert width[0] > 10.0 * (fixed["A_V_nebular_p84"] - fixed["A_V_nebular_p16"])[0]
        # From 5,000 to 20,000 K the ratio falls from 3.04 to 2.75, or 0.29 mag.
        assert 0.14 < width[0].value < 0.24

    def test_quantiles_against_brute_force(self):
        """The posterior of two lines on a fine grid of attenuation and temperature."""
        table = lines_of([0.6], snr=6.0, rng=np.random.default_rng(210320))
        estimator = BalmerEstimator(density=100.0, prior="flat")
        a_v = np.linspace(-2.0, 8.0, 2001)[:, None]
        temperature = np.geomspace(5e3, 2e4, 401)
        flux, error = (
            np.array([table[f"{part}_{name}"].to_value(FLUX)[0] for name in ("Ha", "Hb")])
            for part in ("line", "line_err")
        )
        law = get_dust_law("CCM89")
        model = np.stack(
            [
                line_ratio(name, "Hb", temperature, 100.0)
                * 10 ** (-0.4 * a_v * law.a_over_av(LINES[name].wavelength))
                / one
                for name, one in zip(("Ha", "Hb"), error, strict=True)
            ]
        )
        data = (flux / error)[:, None, None]
        overlap, norm = np.sum(model * data, axis=0), np.sum(model**2, axis=0)
        density = np.trapezoid(np.exp(0.5 * overlap**2 / norm - 0.5 * np.sum(data**2)), axis=1)
        cumulative = np.cumsum(density) / np.sum(density)
        expected = np.interp([0.16, 0.5, 0.84], cumulative, a_v[:, 0])
        estimator.set_params(targets="A_V_nebular")
        np.testing.assert_allclose(estimator.predict_quantiles(table)[0], expected, atol=0.01)


class TestStars:
    def test_f_and_law_of_the_stars(self):
        table = BalmerEstimator(f=0.44, dust_law="Calzetti").estimate(lines_of([1.0]))
        np.testing.assert_allclose(table["E_BV"], 0.44 * table["E_BV_nebular"])
        np.testing.assert_allclose(
            table["A_V"], 4.05 * 0.44 / 3.1 * table["A_V_nebular"], rtol=1e-3
        )

    def test_a_distribution_of_f_widens_the_interval(self):
        draws = BalmerEstimator(f=(0.4, 1.0), **FIXED).sample_posterior(lines_of([1.0]), 400, 1)
        f = draws["E_BV"] / draws["E_BV_nebular"]
        assert kstest(f[0], "uniform", args=(0.4, 0.6)).pvalue > 0.01
        assert np.corrcoef(f[0], draws["A_V_nebular"][0])[0, 1] == pytest.approx(0.0, abs=0.15)


class TestPrior:
    @pytest.mark.parametrize("prior", ["ratio", "flat"])
    @pytest.mark.parametrize("f", [1.0, 0.5, (0.4, 1.0)])
    @pytest.mark.parametrize("a_v_range", [(-2.0, 8.0), (0.5, 4.0), (0.0, 4.0)])
    def test_draws_follow_the_stated_density(self, prior, f, a_v_range):
        """The stated density, integrated between the 10 and 90 % quantiles of draws, is 0.8."""
        estimator = BalmerEstimator(prior=prior, f=f, a_v_range=a_v_range)
        galaxies = lines_of(np.linspace(*a_v_range, 100), snr=2.0)
        draws = estimator.sample_prior(galaxies[:1], 20_000, random_state=210321)
        table = estimator.estimate(galaxies, draws=100)
        for name in ("A_V", "E_BV", "A_V_nebular", "E_BV_nebular"):
            ends = np.quantile(draws[name], [0.1, 0.9])
            values, first = np.unique(table[f"{name}_draws"].value, return_index=True)
            density = np.exp(table[f"{name}_log_prior"].ravel()[first])
            grid = np.linspace(*ends, 2001)
            integral = np.trapezoid(np.interp(grid, values, density), grid)
            assert integral == pytest.approx(0.8, abs=0.01)

    def test_ratios_are_equally_probable(self):
        draws = BalmerEstimator().sample_prior(lines_of([0.5]), 2000, random_state=210322)
        law = get_dust_law("CCM89")
        differential = law.a_over_av(4862.68) - law.a_over_av(6564.61)
        ratio = 10 ** (-0.4 * differential * draws["A_V_nebular"][0])
        low, high = 10 ** (-0.4 * differential * 8.0), 10 ** (0.4 * differential * 2.0)
        assert kstest(ratio, "uniform", args=(low, high - low)).pvalue > 0.01

    def test_draws_are_kept_with_the_density(self):
        table = BalmerEstimator().estimate(lines_of([0.5], snr=5.0), draws=50)
        assert table["A_V_log_prior"].shape == (1, 50)
        assert np.all(np.isfinite(table["A_V_log_prior"]))

    def test_prior_beyond_its_ends_is_excluded(self):
        found = BalmerEstimator(a_v_range=(0.0, 8.0)).estimate(lines_of([-0.5], snr=20.0))
        assert found["A_V_nebular_p16"][0] >= 0.0 * u.mag


class TestCoverage:
    @pytest.mark.parametrize("snr", [3, 10, 30])
    def test_intervals_cover(self, snr):
        """1,500 galaxies: the standard error is 1.2 points."""
        rng = np.random.default_rng(210330 + snr)
        n = 1500
        truth = rng.gamma(1.5, 0.6, n)
        temperature = np.exp(rng.uniform(np.log(5e3), np.log(2e4), n))
        table = lines_of(
            truth, names=("Ha", "Hb", "Hg"), snr=snr, temperature=temperature, rng=rng
        )
        quantiles = BalmerEstimator(targets="A_V_nebular").predict_quantiles(table)
        inside = (truth > quantiles[:, 0]) & (truth < quantiles[:, 2])
        assert np.mean(inside) == pytest.approx(0.68, abs=0.04)
        if snr >= 10:
            assert abs(np.median(quantiles[:, 1] - truth)) < 0.05


class TestFlags:
    def test_ratios_below_case_b(self):
        table = BalmerEstimator().estimate(lines_of([-0.5, 0.5], snr=50.0))
        assert table["A_V_nebular"][0] < 0 * u.mag
        found = decode_flags(table["flags"])
        assert "NEGATIVE_ATTENUATION" in found[0]
        assert "NEGATIVE_ATTENUATION" not in found[1]

    def test_one_line_is_no_data(self):
        table = lines_of([0.5, 0.5])
        table["line_Hb"][0] = np.nan * FLUX
        found = BalmerEstimator().estimate(table)
        assert np.isnan(found["A_V"][0])
        assert decode_flags(found["flags"])[0] == ("NO_DATA",)
        assert np.isfinite(found["A_V"][1])

    def test_lines_of_other_elements_are_no_data(self):
        table = lines_of([0.5], names=("Ha",))
        table["line_OIII5008"], table["line_err_OIII5008"] = [50.0] * FLUX, [1.0] * FLUX
        assert decode_flags(BalmerEstimator().estimate(table)["flags"])[0] == ("NO_DATA",)

    def test_faint_lines(self):
        found = BalmerEstimator().estimate(lines_of([0.5], snr=1.0))
        assert {"LOW_SNR", "PRIOR_DOMINATED"} <= set(decode_flags(found["flags"])[0])

    def test_inconsistent_lines(self):
        table = lines_of([0.5], names=("Ha", "Hb", "Hg"), snr=50.0)
        table["line_Hg"] *= 2.0
        assert "POOR_FIT" in decode_flags(BalmerEstimator().estimate(table)["flags"])[0]

    def test_attenuation_beyond_the_prior(self):
        found = BalmerEstimator(a_v_range=(-1.0, 2.0)).estimate(lines_of([3.5], snr=30.0))
        assert {"AT_PRIOR_EDGE", "POOR_FIT"} <= set(decode_flags(found["flags"])[0])


class TestLimits:
    def limited(self, a_v, limit):
        """H-alpha is measured; H-beta is below a limit of 3 sigma."""
        table = lines_of([a_v], names=("Ha",), snr=30.0)
        table["line_Hb"] = table["line_err_Hb"] = [np.nan] * FLUX
        table["line_limit_Hb"] = [limit] * FLUX
        table["line_limit_Hb"].info.meta = {"sigma": 3}
        return table

    def test_a_limit_is_a_lower_limit_of_the_attenuation(self):
        flux = lines_of([2.0], snr=30.0)["line_Hb"].to_value(FLUX)[0]
        found = BalmerEstimator().estimate(self.limited(2.0, flux))
        assert found["A_V_nebular_p16"][0] > 1.5 * u.mag
        assert found["n_lines"][0] == 1

    def test_lower_limits_need_more_dust(self):
        a_v = [BalmerEstimator().predict(self.limited(1.0, one))[0] for one in (20.0, 5.0, 1.0)]
        assert a_v[0] < a_v[1] < a_v[2]

    def test_a_measured_flux_counts_alone(self):
        table = lines_of([1.0], snr=10.0)
        expected = BalmerEstimator().predict(table)
        table["line_limit_Hb"] = [0.5] * FLUX
        table["line_limit_Hb"].info.meta = {"sigma": 3}
        np.testing.assert_array_equal(BalmerEstimator().predict(table), expected)

    def test_against_brute_force(self):
        """The flux integrated on a fine grid, in place of a Gaussian quadrature."""
        from scipy.special import log_ndtr

        table = self.limited(0.8, 6.0)
        flux, error = (table[n].to_value(FLUX)[0] for n in ("line_Ha", "line_err_Ha"))
        law = get_dust_law("CCM89")
        a_v, scale = np.linspace(-2.0, 8.0, 801)[:, None], np.linspace(-6.0, 6.0, 401)
        alpha, beta = (
            10 ** (-0.4 * a_v * law.a_over_av(LINES[n].wavelength)) for n in ("Ha", "Hb")
        )
        alpha = alpha * line_ratio("Ha")
        strength = (flux + scale * error) / alpha
        log_p = -0.5 * scale**2 + log_ndtr((6.0 - strength * beta) / 2.0)
        density = np.exp(log_p).sum(axis=1)
        cumulative = np.cumsum(density) / density.sum()
        expected = np.interp([0.16, 0.5, 0.84], cumulative, a_v[:, 0])
        estimator = BalmerEstimator(prior="flat", targets="A_V_nebular", **FIXED)
        np.testing.assert_allclose(estimator.predict_quantiles(table)[0], expected, atol=0.02)


class TestAbsorption:
    def absorbed(self, width):
        """Galaxies at z = 1 whose H-beta is weakened by stellar absorption of a width."""
        table = lines_of([0.5], snr=200.0)
        table["redshift"] = [1.0]
        for name in ("Ha", "Hb"):
            table[f"line_continuum_{name}"] = [0.2] * DENSITY
        table["line_Hb"] -= width * 2.0 * 0.2 * FLUX
        return table

    def test_is_corrected(self):
        estimator = BalmerEstimator(absorption={"Hb": 2.5}, targets="A_V_nebular", **FIXED)
        assert estimator.predict(self.absorbed(2.5))[0] == pytest.approx(0.5, abs=0.02)
        plain = BalmerEstimator(targets="A_V_nebular", **FIXED).predict(self.absorbed(2.5))
        assert plain[0] > 0.7

    def test_its_error_widens_the_interval(self):
        table = self.absorbed(2.5)
        tight, wide = (
            BalmerEstimator(absorption={"H-beta": (2.5, error)}, **FIXED).predict_quantiles(table)
            for error in (0.0, 1.0)
        )
        assert np.ptp(wide) > 3.0 * np.ptp(tight)

    def test_without_a_continuum_there_is_a_warning(self):
        with pytest.warns(DustestWarning, match="not corrected in Hb in 1 of 1 rows"):
            BalmerEstimator(absorption={"Hb": 2.0}).estimate(lines_of([0.5]))

    @pytest.mark.parametrize("name", ["line_continuum_Hb", "redshift"])
    def test_rows_without_a_continuum_are_counted(self, name):
        table = vstack([self.absorbed(2.5)] * 3)
        table["id"] = [1, 2, 3]
        table[name][1] *= np.nan
        estimator = BalmerEstimator(absorption={"Hb": 2.5}, targets="A_V_nebular", **FIXED)
        with pytest.warns(DustestWarning, match="not corrected in Hb in 1 of 3 rows"):
            a_v = estimator.predict(table)
        assert a_v[[0, 2]] == pytest.approx(0.5, abs=0.02)
        assert a_v[1] > 0.7


class TestInput:
    def test_fluxes_of_zero_and_wild_numbers(self):
        flux = {"Ha": [0.0, np.nan, -5.0, 1e12, 1e-12], "Hb": [0.0, 12.0, 12.0, 3e11, 3e-13]}
        table = QTable({"id": np.arange(5)})
        for name, values in flux.items():
            table[f"line_{name}"] = np.array(values) * FLUX
            table[f"line_err_{name}"] = np.array([1.0, 1.0, 1.0, 1e10, 1e-14]) * FLUX
        found = BalmerEstimator(targets="A_V_nebular").estimate(table)
        a_v = found["A_V_nebular"].value
        assert np.isnan(a_v[1])
        assert np.all(np.isfinite(a_v[[0, 2, 3, 4]]))
        assert a_v[3] == pytest.approx(a_v[4], abs=0.01)
        assert "LOW_SNR" in decode_flags(found["flags"])[0]

    def test_lines_without_a_wavelength_are_named(self):
        table = lines_of([0.5])
        for end in ("", "_err"):
            table[f"line{end}_Halfa"] = table[f"line{end}_Ha"]
        with pytest.warns(DustestWarning, match=r"Halfa are not known .* did you mean 'Halpha'"):
            BalmerEstimator().estimate(table)

    def test_chosen_lines(self):
        table = lines_of([0.5], names=("Ha", "Hb", "Hg"))
        table["line_Hg"] *= 3.0
        found = BalmerEstimator(lines=("Ha", "H-beta")).estimate(table)
        assert found["n_lines"][0] == 2
        assert not decode_flags(found["flags"])[0]

    def test_lines_beyond_the_law_are_left_out(self):
        table = lines_of([0.5], names=("Ha", "Hb"))
        table["line_Bra"], table["line_err_Bra"] = [1.0] * FLUX, [1e-3] * FLUX
        with pytest.warns(DustestWarning, match="Bra are left out, since nebular_law"):
            found = BalmerEstimator().estimate(table)
        assert found["n_lines"][0] == 2

    @pytest.mark.parametrize(
        ("parameters", "message"),
        [
            ({"f": 0.0}, "f must be"),
            ({"f": (1.0, 0.4)}, "f must be a number or two numbers that ascend"),
            ({"temperature": 100.0}, "temperature must be"),
            ({"density": (10.0, 1e9)}, "density must be"),
            ({"a_v_range": 3.0}, "a_v_range must be two numbers"),
            ({"a_v_range": (0.0, 50.0)}, "a_v_range must be"),
            ({"prior": "log"}, "prior must be one of"),
            ({"lines": ("Ha", "OIII5008")}, "lines must be one of"),
            ({"absorption": 2.0}, "absorption must be a dict"),
            ({"absorption": {"Hb": -2.0}}, "absorption of Hb must be"),
            ({"absorption": {"X": 2.0}}, "absorption must be one of"),
            ({"lines": "Ha"}, "lines must be None or a tuple of two or more"),
            ({"lines": ()}, "lines must be None or a tuple of two or more"),
            ({"lines": ("Ha", "halpha")}, "lines must be None or a tuple of two or more"),
            ({"nebular_law": "nonsense"}, "nebular_law: law must be one of"),
            ({"dust_law": "nonsense"}, "law must be one of"),
        ],
    )
    def test_bad_parameters(self, parameters, message):
        with pytest.raises(InputError, match=message):
            BalmerEstimator(**parameters).estimate(lines_of([0.5]))


class TestCatalogues:
    def test_mosdef(self, shared_data):
        table = BalmerEstimator().estimate(
            read_catalog(shared_data / "lines" / "mosdef_lines.fits")
        )
        assert np.all(np.isfinite(table["A_V_nebular"]))
        # Ratios of 3.8 are typical of galaxies at z = 2 (Reddy et al. 2015).
        assert 0.6 < np.median(table["A_V_nebular"].value) < 1.2
        assert 0.05 < np.mean(table["A_V_nebular"] < 0) < 0.25

    def test_ceers(self, shared_data):
        sample = read_catalog(shared_data / "lines" / "ceers_balmer_paschen.txt")
        table = BalmerEstimator().estimate(sample)
        assert np.isfinite(table["A_V_nebular"]).sum() >= 85
        assert 0.6 < np.nanmedian(table["A_V_nebular"].value) < 1.4
