import numpy as np
import pytest
from astropy import units as u
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer

import dustest
from dustest import (
    BagpipesEstimator,
    CalibratedEstimator,
    ConstantEstimator,
    MeurerEstimator,
)
from dustest.data import FLAGS, InputError, ReadError, as_sample
from dustest.estimators import DustEstimator, Estimates
from dustest.estimators._calibration import quantile_network
from dustest.testing import check_estimator, make_check_sample

OUTSIDE = FLAGS["OUT_OF_DOMAIN"].value
N = 1500


class Overconfident(DustEstimator):
    """An estimator of another package: its A_V are too low, and its intervals too narrow."""

    requires = (("flux",), "redshift")
    uncertainty = "posterior"
    gives = ("A_V", "E_BV", "log_sSFR")

    def __init__(self, bias=0.0, targets="A_V", random_state=None):
        self.bias = bias
        self.targets = targets
        self.random_state = random_state

    def _estimate(self, batch):
        colour = 2.5 * np.log10(np.clip(batch.flux[:, 1] / batch.flux[:, 0], 0.1, 10.0))
        rngs = [np.random.default_rng(seed) for seed in batch.seed]
        noise = np.array([rng.normal(size=(2, 200)) for rng in rngs])
        a_v = np.maximum(0.5 * colour[:, None] + 0.02 * noise[:, 0] - self.bias, 0.0)
        ssfr = -8.0 - 0.2 * noise[:, 0] + 0.1 * noise[:, 1]
        return Estimates({"A_V": a_v, "E_BV": a_v / 4.05, "log_sSFR": ssfr})


class Bare(Overconfident):
    """The same without a distribution."""

    uncertainty = "none"

    def _estimate(self, batch):
        draws = super()._estimate(batch).samples["A_V"]
        return Estimates({"A_V": np.median(draws, axis=1)})


def galaxies(n=N, seed=192401):
    """Colours that follow the attenuation, with a scatter of 0.3 mag; half has next to no dust."""
    rng = np.random.default_rng(seed)
    a_v = rng.exponential(np.where(rng.random(n) < 0.5, 0.01, 0.5))
    blue, error = rng.lognormal(3.0, 0.8, n), np.full(n, 1.0)
    colour = a_v + 0.3 * rng.normal(size=n)
    red = blue * 10 ** (0.4 * colour)
    ssfr = -8.0 - 0.5 * a_v + 0.3 * rng.normal(size=n)
    columns = {
        "id": np.arange(n),
        "redshift": rng.uniform(5.0, 9.0, n),
        "flux_F200W": (blue + error * rng.normal(size=n)) * u.nJy,
        "flux_err_F200W": error * u.nJy,
        "flux_F444W": (red + error * rng.normal(size=n)) * u.nJy,
        "flux_err_F444W": error * u.nJy,
    }
    return as_sample(columns), {"A_V": a_v, "log_sSFR": ssfr}


def share_inside(table, truth, name="A_V"):
    """Coverage of the 68 % interval."""
    low, high = (np.asarray(table[f"{name}_{end}"], float) for end in ("p16", "p84"))
    return np.mean((truth[name] >= low) & (truth[name] <= high))


@pytest.fixture(autouse=True)
def _few_steps(monkeypatch):
    monkeypatch.setattr(quantile_network, "_STEPS", (100, 150))


@pytest.fixture(scope="module")
def fitted():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(quantile_network, "_STEPS", (100, 150))
        return CalibratedEstimator(Overconfident(random_state=1)).fit(*galaxies())


class TestCalibration:
    @pytest.mark.parametrize("name", ["A_V", "log_sSFR"])
    def test_intervals_cover(self, fitted, name):
        sample, truth = galaxies(seed=192402)
        raw, table = (one.estimate(sample) for one in (fitted.estimator, fitted))
        assert share_inside(raw, truth, name) < 0.5
        assert share_inside(table, truth, name) == pytest.approx(0.68, abs=0.12)
        spread = np.abs(np.asarray(raw[name], float) - truth[name]).mean()
        assert np.abs(np.asarray(table[name], float) - truth[name]).mean() < 1.02 * spread

    def test_bright_galaxies_have_narrower_intervals(self, fitted):
        sample, _ = galaxies(seed=192402)
        table = fitted.estimate(sample)
        width = np.asarray(table["log_sSFR_p84"] - table["log_sSFR_p16"], float)
        assert np.isfinite(width).all()

    def test_joint_draws_keep_their_order(self, fitted):
        sample, _ = galaxies(40, seed=192403)
        raw = fitted.estimator.sample_posterior(sample, 150)
        draws = fitted.sample_posterior(sample, 150, random_state=1)
        for name in ("A_V", "log_sSFR"):
            for before, after in zip(raw[name], draws[name], strict=True):
                order = np.lexsort((after, before))
                assert np.all(np.diff(after[order])[np.diff(before[order]) > 0] >= 0)

    def test_attenuations_stay_at_or_above_zero(self, fitted):
        draws = fitted.sample_posterior(galaxies(200, seed=192404)[0], 100)["A_V"]
        assert draws.min() >= 0.0

    def test_colour_excess_follows_the_attenuation(self, fitted):
        table = fitted.estimate(galaxies(50, seed=192404)[0])
        ratio = table["R_V"][np.isfinite(table["R_V"])]
        assert len(ratio) > 25
        assert np.allclose(ratio, 4.05)

    def test_meta_says_what_is_corrected(self, fitted):
        table = fitted.estimate(galaxies(5)[0])
        assert table.meta["calibrated"] == "A_V, log_sSFR"
        assert table.meta["uncertainty"] == "conformal"
        assert len(table.meta["calibration"]) == 32

    def test_methods_without_a_distribution_get_one(self):
        safe = CalibratedEstimator(Bare(random_state=1)).fit(*galaxies())
        sample, truth = galaxies(seed=192402)
        table = safe.estimate(sample, draws=20)
        assert share_inside(table, truth) == pytest.approx(0.68, abs=0.12)
        assert table["A_V_draws"].shape == (N, 20)

    def test_a_learner_is_trained_on_other_galaxies(self):
        sample, truth = galaxies()
        safe = CalibratedEstimator(ConstantEstimator(), random_state=1).fit(sample, truth)
        assert safe.estimator_.draws_.shape == (1, 1000)
        assert safe.card_["n_galaxies"] == 500
        tests, true = galaxies(seed=192402)
        assert share_inside(safe.estimate(tests), true) == pytest.approx(0.68, abs=0.1)

    def test_a_fitted_learner_is_not_trained_again(self):
        sample, truth = galaxies()
        control = ConstantEstimator().fit(sample[:3], truth["A_V"][:3])
        for given in (control, FrozenEstimator(control)):
            safe = CalibratedEstimator(given, random_state=1).fit(sample, truth)
            assert safe.estimator_ is control
            assert safe.card_["n_galaxies"] == N
        assert clone(safe)._inner.draws_ is control.draws_

    def test_pipelines(self, fitted):
        sample, truth = galaxies()
        steps = [("same", FunctionTransformer()), ("safe", clone(fitted))]
        pipeline = Pipeline(steps).fit(sample, truth["A_V"])
        assert np.isfinite(pipeline.predict(sample[:9])).all()

    def test_few_galaxies_are_refused(self):
        sample, truth = galaxies(499)
        with pytest.raises(InputError, match="500 galaxies or more"):
            CalibratedEstimator(Overconfident()).fit(sample, truth)


class TestDomain:
    def test_other_bands_are_not_corrected(self, fitted):
        sample, _ = galaxies(6, seed=192405)
        other = sample.copy()
        for column in ("flux_", "flux_err_"):
            other[f"{column}F115W"] = other[f"{column}F200W"]
        table = fitted.estimate(other)
        assert np.all(table["flags"] & OUTSIDE)
        expected = fitted.estimator.estimate(other)
        np.testing.assert_array_equal(table["A_V"], expected["A_V"])

    def test_other_redshifts_and_ratios_are_not_corrected(self, fitted):
        sample, _ = galaxies(6, seed=192405)
        sample["redshift"][0] = 15.0
        for band in sample.bands:
            sample[f"flux_err_{band}"][1] *= 300.0
        flagged = fitted.estimate(sample)["flags"] & OUTSIDE != 0
        assert flagged[:2].all()
        assert not flagged[2:].any()

    def test_other_settings_are_refused(self, fitted):
        changed = CalibratedEstimator(Overconfident(random_state=1)).fit(*galaxies(600))
        changed.estimator_.set_params(bias=0.3)
        with pytest.raises(InputError, match=r"of an estimator with bias=0.0, got bias=0.3"):
            changed.estimate(galaxies(5)[0])
        changed.estimator_.set_params(bias=0.0, targets=("A_V", "log_sSFR"), random_state=5)
        assert changed.predict(galaxies(5)[0]).shape == (5, 2)


class TestPrior:
    def test_it_is_the_mean_posterior(self, fitted):
        sample, truth = galaxies()
        prior = fitted.sample_prior(sample[:400], 50, random_state=2)
        assert set(prior) == {"A_V", "log_sSFR"}
        assert prior["A_V"].mean() == pytest.approx(truth["A_V"].mean(), abs=0.05)
        table = fitted.estimate(sample[:20], draws=30)
        assert np.isfinite(table["log_sSFR_log_prior"]).all()
        assert "mean corrected posterior" in table.meta["prior"]

    def test_slopes_have_none(self):
        with pytest.raises(InputError, match="flat without limits"):
            MeurerEstimator().sample_prior(galaxies(5)[0], 3)
        with pytest.raises(InputError, match="states no prior"):
            Overconfident().sample_prior(galaxies(5)[0], 3)


class TestFiles:
    def test_a_file_gives_the_same_results(self, fitted, tmp_path):
        path, sample = tmp_path / "it.calibration", galaxies(30, seed=192406)[0]
        sha256 = fitted.save(path, {"population": "toy"})
        again = CalibratedEstimator.load(path, Overconfident(random_state=1), sha256)
        np.testing.assert_array_equal(again.predict(sample), fitted.predict(sample))
        assert again.card_["population"] == "toy"
        assert again.estimate(sample).meta["calibration"] == fitted.calibration_.digest

    def test_other_estimators_and_damage_are_refused(self, fitted, tmp_path):
        path = tmp_path / "it.calibration"
        fitted.save(path)
        with pytest.raises(InputError, match="bias"):
            CalibratedEstimator.load(path, Overconfident(bias=1.0))
        with pytest.raises(InputError, match="MeurerEstimator"):
            CalibratedEstimator.load(path, MeurerEstimator())
        content = bytearray(path.read_bytes())
        content[-9] ^= 1
        path.write_bytes(bytes(content))
        with pytest.raises(ReadError):
            CalibratedEstimator.load(path, Overconfident())


class TestShipped:
    def test_slopes_have_calibrations(self):
        sample, _ = make_check_sample()
        raw, table = (
            MeurerEstimator(method="photometry", calibration=one).estimate(sample, draws=30)
            for one in (None, "JADES-deep")
        )
        assert table.meta["uncertainty"] == "conformal"
        assert table.meta["calibrated"] == "A_V, E_BV"
        assert raw.meta["uncertainty"] == "propagated"
        is_corrected = table["flags"] & OUTSIDE == 0
        assert is_corrected.any()
        assert np.all(table["A_V"][is_corrected] != raw["A_V"][is_corrected])

    def test_the_prior_is_that_of_the_calibration(self):
        sample, _ = make_check_sample()
        prior = MeurerEstimator(calibration="CEERS").sample_prior(sample, 40, random_state=1)
        assert prior["A_V"].shape == (4, 40)
        assert 0.0 <= prior["A_V"].mean() < 1.0

    @pytest.mark.parametrize("name", ["JADES-deep", "CEERS"])
    def test_sed_fits_have_calibrations(self, name):
        # Settings are compared without a fit.
        assert BagpipesEstimator(calibration=name)._recalibration.quantities[0] == "A_V"

    @pytest.mark.parametrize(
        ("estimator", "message"),
        [
            (MeurerEstimator(relation="Reddy15", calibration="CEERS"), "got relation='Reddy15'"),
            (MeurerEstimator(calibration="HUDF"), "CEERS, JADES-deep"),
            (BagpipesEstimator(dust_law="SMC", calibration="CEERS"), "got dust_law='SMC'"),
            (BagpipesEstimator(error_floor=0.1, calibration="CEERS"), "got error_floor=0.1"),
            (
                BagpipesEstimator(priors={"dust:Av": (0.01, 2.0)}, calibration="CEERS"),
                "got priors=",
            ),
            (BagpipesEstimator(sfh="delayed", calibration="CEERS"), "got sfh='delayed'"),
        ],
    )
    def test_other_settings_are_refused(self, estimator, message):
        with pytest.raises(InputError, match=message):
            estimator.estimate(make_check_sample()[0])

    def test_slopes_of_spectra_are_not_those_of_photometry(self):
        """Calibrations of photometry do not correct them, and say so."""
        wavelength = np.linspace(9000.0, 25000.0, 400)
        flux = np.tile(1e-20 * (wavelength / 12000.0) ** -2.0, (4, 1))
        sample = make_check_sample()[0][:4]
        sample["redshift"] = 7.0
        sample["spectrum_wavelength"] = np.tile(wavelength, (4, 1)) * u.AA
        sample["spectrum_flux"] = flux * u.Unit("erg / (s cm2 AA)")
        sample["spectrum_flux"][2:] = np.nan
        sample["spectrum_flux_err"] = 0.05 * flux * u.Unit("erg / (s cm2 AA)")
        table = MeurerEstimator(calibration="JADES-deep").estimate(sample)
        plain = MeurerEstimator().estimate(sample)
        outside = np.array(["OUT_OF_DOMAIN" in names for names in table.flag_names])
        assert outside[:2].all()
        np.testing.assert_array_equal(table["A_V"][:2], plain["A_V"][:2])
        alone = MeurerEstimator(calibration="JADES-deep").estimate(sample[2:])
        np.testing.assert_array_equal(table["A_V"][2:], alone["A_V"])

    def test_files_are_calibrations_too(self, tmp_path):
        sample, truth = make_check_sample(n=500)
        path = tmp_path / "mine.calibration"
        CalibratedEstimator(MeurerEstimator(), random_state=1).fit(sample, truth).save(path)
        table = MeurerEstimator(calibration=str(path)).estimate(sample[:4])
        assert table.meta["calibrated"] == "A_V, E_BV"


class TestContract:
    @pytest.mark.slow
    def test_it_is_kept(self):
        check_estimator(CalibratedEstimator(MeurerEstimator(), random_state=1))

    def test_it_is_registered(self):
        assert "calibrated" in dustest.list_estimators()
        assert dustest.get_estimator("calibrated").estimator is None

    @pytest.mark.parametrize("given", [None, "sed", FunctionTransformer()])
    def test_other_objects_are_refused(self, given):
        with pytest.raises(InputError, match="estimator must be a DustEstimator"):
            CalibratedEstimator(given).fit(*galaxies(5))
