"""Tests of `FusionEstimator`: missing members, shares, files, and the contract."""

import pickle
from typing import ClassVar

import numpy as np
import pytest
from astropy import units as u
from scipy import stats
from scipy.special import ndtr, ndtri
from sklearn.base import clone

from dustest import (
    ConstantEstimator,
    DustEstimator,
    FusionEstimator,
    GalaxySample,
    MeurerEstimator,
    Photometry,
    infer_population,
)
from dustest.data import DustestWarning, InputError, ReadError, RowTable
from dustest.data.flags import FLAGS
from dustest.estimators import Estimates
from dustest.testing import check_estimator, make_check_sample

pytest.importorskip("keras")

NOISE = {"F277W": 0.15, "F444W": 0.3}


class Gauge(DustEstimator):
    """A third-party estimator: A_V is a flux, with a Gaussian error."""

    requires: ClassVar[tuple] = ("flux",)
    uncertainty: ClassVar[str] = "posterior"

    def __init__(self, band="F277W", random_state=None):
        self.band = band
        self.random_state = random_state

    def _estimate(self, batch):
        """Draws around the flux."""
        place = batch.bands.index(self.band)
        steps = np.linspace(-2.0, 2.0, 41) * NOISE[self.band]
        return Estimates({"A_V": np.maximum(batch.flux[:, [place]] + steps, 1e-4)})


class Learner(Gauge):
    """One that has to learn an offset, and remembers the galaxies that it learned from."""

    def _fit(self, batch, y):
        """Note the truth."""
        self.offset_ = float(np.mean(y[:, 0]))
        self.known_ = np.sort(batch.flux[:, 0])

    def _estimate(self, batch):
        """The truth for galaxies that are known, and otherwise nothing but the offset."""
        known = np.isin(batch.flux[:, 0], self.known_)
        values = np.where(known, batch.flux[:, 1], self.offset_)
        return Estimates({"A_V": values[:, None] + np.linspace(-0.1, 0.1, 11)})


class Spectral(Gauge):
    """One that needs spectra."""

    requires: ClassVar[tuple] = ("spectrum",)

    def _estimate(self, batch):
        """The same for all galaxies."""
        return Estimates({"A_V": np.tile(np.linspace(0.5, 2.5, 11), (len(batch), 1))})


def galaxies(n=800, seed=193210):
    """Galaxies whose fluxes are measurements of A_V, and their truth."""
    rng = np.random.default_rng(seed)
    a_v = rng.uniform(0.5, 2.5, n)
    columns = {"id": np.arange(n), "redshift": np.full(n, 7.0), "group": np.arange(n) // 2}
    for band, noise in NOISE.items():
        columns[f"flux_{band}"] = (a_v + noise * rng.standard_normal(n)) * u.nJy
        columns[f"flux_err_{band}"] = np.full(n, noise) * u.nJy
    return GalaxySample(columns), RowTable({"id": np.arange(n), "A_V": a_v * u.mag})


def make(**changes):
    """A fusion of two gauges of different noise."""
    members = {"clear": Gauge("F277W"), "blurred": Gauge("F444W")}
    options = {"epochs": 12, "learning_rate": 5e-3, "n_networks": 1, "random_state": 193211}
    return FusionEstimator(members, "A_V", **options | changes)


@pytest.fixture(scope="module")
def fused():
    return make().fit(*galaxies())


@pytest.fixture(scope="module")
def unseen():
    return galaxies(400, seed=193212)


def error(estimator, sample, truth):
    """Mean absolute error."""
    return np.abs(estimator.predict(sample) - truth["A_V"].value).mean()


class TestLearned:
    def test_it_is_better_than_any_member(self, fused, unseen):
        sample, truth = unseen
        best = min(error(one, sample, truth) for one in fused.members.values())
        assert error(fused, sample, truth) < 0.97 * best

    def test_intervals_cover(self, fused, unseen):
        sample, truth = unseen
        low, high = fused.predict_quantiles(sample, (0.16, 0.84)).T
        inside = (truth["A_V"].value > low) & (truth["A_V"].value < high)
        assert inside.mean() == pytest.approx(0.68, abs=0.12)

    def test_a_missing_member_is_done_without(self, fused, unseen):
        sample, truth = unseen
        few = sample.copy()
        few["flux_F277W"][:] = np.nan
        table = fused.estimate(few)
        assert (table["flags"] & FLAGS["MISSING_BAND"].value).all()
        missed = np.abs(table["A_V"].value - truth["A_V"].value).mean()
        assert missed < 1.3 * error(Gauge("F444W"), sample, truth)
        assert missed > 1.3 * error(fused, sample, truth)

    def test_shares_say_who_knows(self, fused, unseen):
        table = fused.estimate(unseen[0])
        clear, blurred = (np.asarray(table[f"share_{name}"]) for name in fused.members)
        assert np.median(clear) > np.median(blurred) > 0.0
        assert table["share_clear"].unit == u.bit
        # Of a range of 2 mag, the posterior keeps some 0.13 * sqrt(2 pi e) mag.
        assert np.median(clear + blurred) == pytest.approx(1.9, abs=0.6)

    def test_the_prior_is_that_of_the_training_set(self, fused, unseen):
        draws = fused.sample_prior(unseen[0][:50], 200, random_state=1)["A_V"]
        assert draws.shape == (50, 200)
        assert np.quantile(draws, [0.1, 0.5, 0.9]) == pytest.approx([0.7, 1.5, 2.3], abs=0.3)

    def test_another_prior_replaces_it(self, fused, unseen):
        sample, truth = unseen
        known = truth["A_V"].value < 1.2
        table = fused.estimate(sample[known], draws=128)
        assert "mean posterior over the population" in table.meta["prior"]
        low = table.under({"A_V": stats.uniform(0.5, 0.7)})
        errors = [np.abs(one["A_V"].value - truth["A_V"].value[known]) for one in (table, low)]
        assert errors[1].mean() < 0.95 * errors[0].mean()
        assert (low["A_V_p84"].value < 1.2).all()

    def test_a_population_is_inferred(self, fused, unseen):
        sample, truth = unseen
        known = truth["A_V"].value < 1.2
        found = infer_population(fused, sample[known], random_state=193215)
        assert found.mean("A_V").value == pytest.approx(0.85, abs=0.08)

    def test_galaxies_without_any_member_have_no_estimate(self, fused, unseen):
        sample = unseen[0][:3].copy()
        for band in NOISE:
            sample[f"flux_{band}"][1] = np.nan
        table = fused.estimate(sample)
        assert np.isnan(table["A_V"]).tolist() == [False, True, False]
        assert table["flags"][1] & FLAGS["NO_DATA"].value

    def test_calibration_corrects(self, unseen):
        sample, truth = galaxies(600, seed=193213)
        wrong = make(epochs=1).fit(*galaxies(200))
        assert wrong.calibrate(sample, truth) is wrong
        low, high = wrong.predict_quantiles(unseen[0], (0.16, 0.84)).T
        inside = (unseen[1]["A_V"].value > low) & (unseen[1]["A_V"].value < high)
        assert inside.mean() == pytest.approx(0.68, abs=0.08)


class TestMembers:
    def test_those_that_learn_are_fitted_out_of_fold(self):
        sample, truth = galaxies(300, seed=193214)
        fused = FusionEstimator({"learner": Learner()}, "A_V", epochs=1, random_state=1)
        fused.fit(sample, truth)
        assert len(fused.members_["learner"].known_) == 300
        assert not hasattr(fused.members["learner"], "known_")
        # Out of fold it knew nothing, so that nothing was learned from its answers.
        table = fused.estimate(sample)
        assert np.median(table["share_learner"].value) < 1.0

    @pytest.mark.slow
    def test_transformers_are_features(self, unseen):
        members = {"photometry": Photometry(), "base": ConstantEstimator()}
        members["base"].fit(*galaxies(20))
        fused = FusionEstimator(members, "A_V", epochs=15, learning_rate=5e-3, random_state=1)
        fused.fit(*galaxies())
        table = fused.estimate(unseen[0])
        assert error(fused, *unseen) < 0.3
        shares = [np.median(table[f"share_{name}"].value) for name in members]
        assert abs(shares[1]) < 0.1 < shares[0]

    def test_one_without_data_is_left_out_with_a_warning(self, unseen):
        sample, truth = galaxies()
        sample["spectrum_wavelength"] = np.tile(np.linspace(9e3, 5e4, 5), (800, 1)) * u.AA
        unit = u.Unit("erg / (s cm2 AA)")
        sample["spectrum_flux"] = np.full((800, 5), 1e-20) * unit
        sample["spectrum_flux_err"] = np.full((800, 5), 1e-21) * unit
        members = {"clear": Gauge(), "spectral": Spectral()}
        fused = FusionEstimator(members, "A_V", epochs=1, random_state=1).fit(sample, truth)
        with pytest.warns(DustestWarning, match="member 'spectral' is left out of the fusion"):
            table = fused.estimate(unseen[0])
        assert np.isfinite(table["A_V"]).all()
        assert (table["flags"] & FLAGS["MISSING_BAND"].value).all()

    @pytest.mark.parametrize(
        ("members", "message"),
        [
            (None, "members must be a dict"),
            ({}, "members must be a dict"),
            ({"my sed": Gauge()}, "members must be a dict"),
            ({f"m{i}": Gauge() for i in range(9)}, "members must be a dict of 1 to 8"),
            ({"sed": 3}, "must be a DustEstimator or a transformer"),
        ],
    )
    def test_others_are_refused(self, members, message):
        with pytest.raises(InputError, match=message):
            FusionEstimator(members).fit(*galaxies(4))

    def test_weights_are_refused(self):
        with pytest.raises(InputError, match="supports no weights"):
            make().fit(*galaxies(4), sample_weight=np.ones(4))


class TestFiles:
    def test_saved_is_loaded(self, fused, unseen, tmp_path):
        sha256 = fused.save(tmp_path / "it.fusion", {"note": "test"})
        again = FusionEstimator.load(tmp_path / "it.fusion", fused.members_, sha256)
        again.random_state = fused.random_state
        assert again.card_ == {"note": "test"}
        assert np.array_equal(again.predict(unseen[0]), fused.predict(unseen[0]))

    def test_members_must_be_the_same(self, fused, tmp_path):
        fused.save(tmp_path / "it.fusion")
        with pytest.raises(InputError, match="members must have 'clear', a Gauge, got none"):
            FusionEstimator.load(tmp_path / "it.fusion")
        others = {"clear": Gauge("F444W"), "blurred": Gauge("F444W")}
        with pytest.raises(InputError, match="must be the member that was saved"):
            FusionEstimator.load(tmp_path / "it.fusion", others)

    def test_photometry_comes_with_the_file(self, tmp_path, unseen):
        fused = FusionEstimator({"photometry": Photometry()}, "A_V", epochs=1, random_state=1)
        fused.fit(*galaxies(64)).save(tmp_path / "it.fusion")
        again = FusionEstimator.load(tmp_path / "it.fusion")
        again.random_state = 1
        assert np.array_equal(again.predict(unseen[0]), fused.predict(unseen[0]))

    def test_damaged_files_are_refused(self, fused, tmp_path):
        fused.save(tmp_path / "it.fusion")
        content = bytearray((tmp_path / "it.fusion").read_bytes())
        content[-100] ^= 1
        (tmp_path / "it.fusion").write_bytes(content)
        with pytest.raises(ReadError):
            FusionEstimator.load(tmp_path / "it.fusion", fused.members_)


class TestContract:
    def test_it_is_kept(self):
        members = {"slope": MeurerEstimator(), "photometry": Photometry()}
        check_estimator(FusionEstimator(members, epochs=1, n_networks=1))

    def test_copies_predict_the_same(self, fused, unseen):
        again = pickle.loads(pickle.dumps(fused))
        assert np.array_equal(again.predict(unseen[0]), fused.predict(unseen[0]))
        assert not hasattr(clone(fused), "density_")

    def test_results_resume(self, fused, unseen, tmp_path):
        path = tmp_path / "it.fits"
        table = fused.estimate(unseen[0][:40], output=path)
        again = fused.estimate(unseen[0][:40], output=path, resume=True)
        assert np.array_equal(table["A_V"], again["A_V"])

    def test_the_one_that_comes_with_dustest(self):
        sample, _ = make_check_sample()
        fused = FusionEstimator.from_pretrained("nircam-3band+photometry")
        fused.random_state = 1
        table = fused.estimate(sample, draws=64)
        assert np.isfinite(table["A_V"]).all()
        assert np.isfinite(table["A_V_log_prior"]).all()
        assert fused.sample_prior(sample, 9)["log_sSFR"].shape == (len(sample), 9)
        assert list(fused.members_) == ["images", "photometry"]
        sample["redshift"][0] = 2.0
        flags = fused.estimate(sample)["flags"]
        assert flags[0] & FLAGS["REDSHIFT_OUT_OF_RANGE"].value
        assert not flags[1] & FLAGS["REDSHIFT_OUT_OF_RANGE"].value

    def test_unknown_models_are_refused(self):
        with pytest.raises(InputError, match="name must be one of the pretrained models"):
            FusionEstimator.from_pretrained("other")


class Posterior(Gauge):
    """A calibrated estimator: the posterior of a Gaussian error under a flat prior."""

    def _estimate(self, batch):
        """Draws of the truncated Gaussian."""
        flux = batch.flux[:, [batch.bands.index(self.band)]]
        low, high = (ndtr((end - flux) / NOISE[self.band]) for end in (0.5, 2.5))
        levels = low + (high - low) * (np.arange(128) + 0.5) / 128
        return Estimates({"A_V": flux + NOISE[self.band] * ndtri(levels)})

    def sample_prior(self, X, n_samples, random_state=None):
        """Draws of the flat prior."""
        rng = np.random.default_rng(random_state)
        return {"A_V": rng.uniform(0.5, 2.5, (len(X), n_samples))}


class Noise(Posterior):
    """One that is wrong: draws around a number that has nothing to do with the galaxy."""

    def _estimate(self, batch):
        """Draws around a number from the error of a flux."""
        centre = 0.5 + 2.0 * (1e3 * batch.flux[:, [0]] % 1.0)
        return Estimates({"A_V": centre + 0.1 * ndtri((np.arange(128) + 0.5) / 128)})


def multiply(*bands, n=1200):
    """A product of some members, without a correction of its intervals below 500 galaxies."""
    members = {f"m{number}": Posterior(band) for number, band in enumerate(bands)}
    fused = FusionEstimator(members, "A_V", method="product", random_state=193230)
    return fused.fit(*galaxies(n, seed=193231))


class TestProduct:
    def test_it_is_as_good_as_the_best_weighted_mean(self, unseen):
        sample, truth = unseen
        weights = {band: noise**-2 for band, noise in NOISE.items()}
        mean = sum(weights[band] * sample[f"flux_{band}"].value for band in NOISE)
        mean = np.clip(mean / sum(weights.values()), 0.5, 2.5)
        best = np.abs(mean - truth["A_V"].value).mean()
        assert error(multiply("F277W", "F444W"), sample, truth) < 1.08 * best

    def test_intervals_cover(self, unseen):
        sample, truth = unseen
        low, high = multiply("F277W", "F444W").predict_quantiles(sample, (0.16, 0.84)).T
        inside = (truth["A_V"].value > low) & (truth["A_V"].value < high)
        assert inside.mean() == pytest.approx(0.68, abs=0.07)

    def test_a_member_counts_once(self, unseen):
        sample, _ = unseen
        one, twice = multiply("F277W", n=300), multiply("F277W", "F277W", n=300)
        widths = [np.diff(fused.predict_quantiles(sample, (0.16, 0.84))) for fused in (one, twice)]
        assert np.median(widths[1] / widths[0]) == pytest.approx(1.0, abs=0.05)
        powers = {one: twice.density_.powers.by_subset[one][0] for one in ((0,), (0, 1))}
        assert powers[0, 1].sum() == pytest.approx(powers[0,].sum(), abs=0.05)
        table = twice.estimate(sample)
        assert np.allclose(table["share_m0"], table["share_m1"], atol=0.05)

    def test_shares_are_bits(self, unseen):
        """A flat prior of 2 mag becomes a Gaussian, if this is not near its ends."""
        sample, _ = unseen
        inside = np.abs(sample["flux_F277W"].value - 1.5) < 0.6
        shares = multiply("F277W", n=300).estimate(sample[inside])["share_m0"].value
        entropy = np.log2(NOISE["F277W"] * np.sqrt(2.0 * np.pi * np.e))
        assert np.median(shares) == pytest.approx(np.log2(2.0) - entropy, abs=0.2)

    def test_a_missing_member_is_done_without(self, unseen):
        sample = unseen[0].copy()
        sample["flux_F277W"][:] = np.nan
        fused = multiply("F277W", "F444W", n=300)
        alone = multiply("F444W", n=300)
        table = fused.estimate(sample)
        assert np.allclose(table["A_V"], alone.estimate(sample)["A_V"], atol=0.1 * u.mag)
        assert (table["flags"] & FLAGS["MISSING_BAND"].value).all()
        assert np.median(np.abs(table["share_m0"])) < 0.02 * u.bit

    def test_a_useless_member_has_no_power(self, unseen):
        sample, truth = galaxies(1200, seed=193232)
        members = {"clear": Posterior(), "noise": Noise()}
        fused = FusionEstimator(members, "A_V", method="product", random_state=1)
        powers, _ = fused.fit(sample, truth).density_.powers.by_subset[0, 1]
        assert powers == pytest.approx([1.0, 0.0], abs=0.1)
        assert error(fused, *unseen) < 1.03 * error(Posterior(), *unseen)

    def test_another_prior_replaces_it(self, unseen):
        known = unseen[1]["A_V"].value < 1.1
        true = unseen[1]["A_V"].value[known]
        table = multiply("F277W", "F444W").estimate(unseen[0][known], draws=128)
        low = table.under({"A_V": stats.uniform(0.5, 0.7)})
        assert (low["A_V_p84"].value < 1.2).all()
        before, after = (np.abs(one["A_V"].value - true).mean() for one in (table, low))
        assert after < before

    def test_its_prior_is_that_of_its_members(self, unseen):
        draws = multiply("F277W", n=300).sample_prior(unseen[0][:20], 100, random_state=1)["A_V"]
        assert draws.shape == (20, 100)
        assert np.quantile(draws, [0.1, 0.9]) == pytest.approx([0.7, 2.3], abs=0.1)

    def test_members_without_a_prior_are_refused(self):
        members = {"photometry": Photometry(), "clear": Posterior()}
        fused = FusionEstimator(members, "A_V", method="product")
        with pytest.raises(InputError, match="members of a product must be fitted estimators"):
            fused.fit(*galaxies(200))

    def test_there_are_no_files(self, tmp_path):
        with pytest.raises(InputError, match="method must be 'learned' for a file"):
            multiply("F277W", n=300).save(tmp_path / "it.fusion")

    def test_other_methods_are_refused(self):
        with pytest.raises(InputError, match="method must be 'learned' or 'product'"):
            make(method="mean").fit(*galaxies(4))
