"""`CNNEstimator`: what it learns, says, flags, keeps, and refuses."""

import json
import pickle
import sys
from dataclasses import replace
from itertools import pairwise

import joblib
import numpy as np
import pytest
import sklearn
from astropy import units as u
from cnn_galaxies import BANDS, TINY, TINY_PAPER, dusty, tiny
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, GroupKFold, cross_validate

from dustest import CNNEstimator, ConstantEstimator, get_estimator
from dustest.data import (
    FLAGS,
    DustestError,
    DustestWarning,
    InputError,
    MissingDependencyError,
    RowTable,
)
from dustest.estimators import cnn as module
from dustest.estimators import make_batch
from dustest.estimators._cnn.context import conditions
from dustest.estimators._cnn.domain import Domain
from dustest.estimators._cnn.network.config import PAPER
from dustest.estimators._cnn.training import learning as cnn_fit
from dustest.physics.telescope.psf import PSF
from dustest.simulate.galaxies.population import GalaxyPopulation
from dustest.simulate.simulator import GalaxySimulator
from dustest.simulate.stream import write_chunks
from dustest.validation import compute_metrics

pytest.importorskip("keras")

TARGETS = ("A_V", "E_BV", "log_sSFR")


def has(table, name):
    """Which rows have a flag."""
    return (table["flags"] & FLAGS[name].value) != 0


def plain(truth, names=TARGETS):
    """Truth as an array of shape (n, n_targets)."""
    return np.stack([np.asarray(truth[name], dtype=float) for name in names], axis=1)


def same_networks(first, second):
    """Whether two estimators have the same weights to the last bit."""
    first, second = first.networks_.to_arrays(), second.networks_.to_arrays()
    same = all(np.array_equal(value, second[name]) for name, value in first.items())
    return first.keys() == second.keys() and same


@pytest.fixture(scope="module")
def learned():
    """An estimator that has learned what there is to learn."""
    return tiny(epochs=25, learning_rate=1e-2).fit(*dusty(256))


@pytest.fixture(scope="module")
def quick():
    """An estimator that has seen a few galaxies."""
    return tiny().fit(*dusty(32))


@pytest.fixture(scope="module")
def paper():
    """Networks in the manner of the paper."""
    return tiny(architecture=TINY_PAPER).fit(*dusty(32))


@pytest.fixture(scope="module")
def unseen():
    """Galaxies to estimate, with their truth."""
    return dusty(48, seed=9)


class TestLearning:
    def test_beats_the_control(self, learned, unseen):
        sample, truth = unseen
        control = ConstantEstimator(TARGETS).fit(*dusty(256))
        predicted, expected = learned.predict(sample), plain(truth)
        for column in range(3):
            assert np.corrcoef(predicted[:, column], expected[:, column])[0, 1] > 0.9
        error = np.abs(predicted - expected).mean(axis=0)
        assert np.all(error < 0.6 * np.abs(control.predict(sample) - expected).mean(axis=0))
        assert learned.score(sample, truth) > 0.7

    def test_percentiles_hold_the_truth(self, learned, unseen):
        sample, truth = unseen
        low, high = learned.predict_quantiles(sample, (0.02, 0.98))[:, 0].T
        inside = (low <= truth["A_V"].value) & (truth["A_V"].value <= high)
        assert inside.mean() > 0.7

    def test_history(self, learned):
        history = learned.history_
        assert history.colnames == ["network", "epoch", "loss", "val_loss", "learning_rate"]
        assert history["epoch"].tolist() == list(range(1, len(history) + 1))
        assert history["val_loss"].min() < history["val_loss"][0]
        assert np.all(np.diff(history["learning_rate"][1:]) < 0)

    def test_every_bright_galaxy_is_used_once(self):
        cnn = tiny(epochs=1).fit(*dusty(32, faint=range(4)))
        assert cnn.n_train_ + cnn.n_validation_ == 28
        assert cnn.n_validation_ == 4

    def test_same_seed_same_networks(self, quick, unseen):
        again = tiny().fit(*dusty(32))
        assert same_networks(again, quick)
        np.testing.assert_array_equal(again.predict(unseen[0]), quick.predict(unseen[0]))

    def test_other_seed_other_networks(self, quick):
        assert not same_networks(tiny(random_state=2).fit(*dusty(32)), quick)

    def test_generators_are_seeds(self):
        sample, truth = dusty(16)
        first, second = (
            tiny(epochs=1, random_state=np.random.default_rng(4)).fit(sample, truth)
            for _ in range(2)
        )
        assert same_networks(first, second)

    def test_an_ensemble(self, unseen):
        cnn = tiny(n_networks=2, epochs=1).fit(*dusty(32))
        first, second = cnn.networks_.weights
        assert any(not np.array_equal(first[name], second[name]) for name in first)
        assert set(cnn.history_["network"]) == {0, 1}
        assert np.isfinite(cnn.predict(unseen[0])).all()

    def test_without_validation(self):
        cnn = tiny(validation_fraction=0, epochs=3, patience=1).fit(*dusty(16))
        assert (cnn.n_train_, cnn.n_validation_) == (16, 0)
        assert np.isnan(cnn.history_["val_loss"]).all()
        assert len(cnn.history_) == 3

    def test_one_group_cannot_validate(self):
        sample, truth = dusty(16)
        sample["group"] = 7
        assert tiny(epochs=1).fit(sample, truth).n_validation_ == 0

    @pytest.mark.parametrize("fraction", [0.01, 0.5, 0.99])
    def test_groups_stay_together(self, monkeypatch, fraction):
        sides = []

        def split(group, *args):
            rows = kept(group, *args)
            sides.append([set(group[part]) for part in rows])
            return rows

        kept = cnn_fit.group_split
        monkeypatch.setattr(cnn_fit, "group_split", split)
        tiny(epochs=1, validation_fraction=fraction).fit(*dusty(24))
        ((train, validation),) = sides
        assert not train & validation
        assert len(train | validation) == 12
        assert train
        assert validation

    def test_names_of_groups_decide_nothing(self, quick):
        sample, truth = dusty(32)
        sample["group"] = [f"galaxy {97 * group % 100}" for group in sample["group"]]
        assert same_networks(tiny().fit(sample, truth), quick)

    def test_balance_changes_what_is_learned(self, quick):
        cnn = tiny(balance=1.0).fit(*dusty(32))
        assert not same_networks(cnn, quick)

    def test_augment_changes_what_is_learned(self, quick):
        assert not same_networks(tiny(augment=False).fit(*dusty(32)), quick)

    def test_plain_features(self):
        X = np.random.default_rng(0).normal(size=(200, 3))
        y = np.abs(X[:, 0])
        cnn = tiny(targets="A_V", epochs=40, learning_rate=1e-2).fit(X, y)
        assert cnn.n_features_in_ == 3
        assert np.corrcoef(cnn.predict(X), y)[0, 1] > 0.8

    def test_features_and_images_do_not_mix(self, unseen):
        X = np.zeros((8, 3))
        cnn = tiny(targets="A_V", epochs=1).fit(X, np.linspace(0, 1, 8))
        with pytest.raises(InputError, match="no features, but CNNEstimator is expecting 3"):
            cnn.predict(unseen[0])
        with pytest.raises(InputError, match="n_features must be 3"):
            cnn.finetune(unseen[0], unseen[1]["A_V"])
        cnn.fit(unseen[0], unseen[1]["A_V"])
        assert not hasattr(cnn, "n_features_in_")
        with pytest.raises(InputError, match="must have cutouts in at least one of the bands"):
            cnn.predict(X)

    def test_arrays_of_images(self):
        sample, truth = dusty(16)
        images = np.stack([sample[f"cutout_{band}"].value for band in BANDS], axis=1)
        cnn = tiny(epochs=1).fit(images, plain(truth))
        assert np.isfinite(cnn.predict(images)).all()


def with_ids(truth, ids):
    """Truth with identifiers in a column of its own name."""
    return RowTable({"source_id": ids, **{name: truth[name] for name in truth.colnames}})


class TestTruth:
    def test_is_paired_by_identifier(self):
        sample, truth = dusty(16)
        turned = with_ids(truth, sample["id"])[::-1]
        expected = tiny(epochs=1).fit(sample, truth)
        assert same_networks(tiny(epochs=1).fit(sample, turned), expected)
        assert same_networks(tiny(epochs=1).fit(sample, turned.to_pandas()), expected)

    def test_galaxies_without_truth_are_left_out(self):
        sample, truth = dusty(16)
        part = with_ids(truth, sample["id"])[4:]
        weight = np.arange(16.0)
        with pytest.warns(DustestWarning, match="4 of 16 galaxies of X have no truth"):
            found = tiny(epochs=1).fit(sample, part, sample_weight=weight)
        expected = tiny(epochs=1).fit(sample[4:], truth[4:], sample_weight=weight[4:])
        assert same_networks(found, expected)

    def test_every_method_that_learns_pairs(self, quick):
        sample, truth = dusty(8)
        strangers = with_ids(truth, [f"x{i}" for i in range(8)])
        for learn in (tiny().fit, quick.finetune, quick.calibrate, tiny().tune):
            with pytest.raises(InputError, match="none of the identifiers in its column source_"):
                learn(sample, strangers)

    def test_missing_truth_is_refused(self):
        sample, truth = dusty(8)
        truth["A_V"][3] = -99 * u.mag
        with pytest.raises(InputError, match="y must be finite"):
            tiny().fit(sample, truth)


class TestWeights:
    def test_zero_is_absence(self, quick):
        sample, truth = dusty(40)
        truth["A_V"][32:] = 50.0 * u.mag
        weight = np.ones(40)
        weight[32:] = 0.0
        weighted = tiny().fit(sample, truth, sample_weight=weight)
        assert same_networks(weighted, tiny().fit(sample[:32], truth[:32]))
        assert weighted.n_train_ + weighted.n_validation_ == 32

    def test_weights_pull(self):
        sample, truth = dusty(32)
        heavy = truth["A_V"].value > 1.0
        options = {"epochs": 8, "learning_rate": 1e-2, "augment": False}
        means = [
            tiny(**options)
            .fit(sample, truth, sample_weight=np.where(side, 10.0, 0.1))
            .predict(sample)[:, 0]
            .mean()
            for side in (heavy, ~heavy)
        ]
        assert means[0] > means[1]

    @pytest.mark.parametrize(
        "weight", [np.ones(3), -np.ones(8), np.full(8, np.nan), np.ones((8, 1))], ids=str
    )
    def test_refused(self, weight):
        with pytest.raises(InputError, match="sample_weight must be 8 finite numbers from 0 on"):
            tiny().fit(*dusty(8), sample_weight=weight)

    def test_all_zero(self):
        with pytest.raises(InputError, match="sample_weight must not be zero for all galaxies"):
            tiny().fit(*dusty(8), sample_weight=np.zeros(8))


class TestTargets:
    def test_one_name(self, unseen):
        sample, truth = dusty(16)
        cnn = tiny(targets="log_sSFR", epochs=1).fit(sample, np.asarray(truth["log_sSFR"]))
        assert cnn.predict(unseen[0]).shape == (48,)
        assert cnn.predict_quantiles(unseen[0], (0.1, 0.9)).shape == (48, 2)
        assert np.isnan(cnn.estimate(unseen[0])["A_V"]).all()

    def test_order_is_that_of_the_targets(self, unseen):
        sample, truth = dusty(16)
        values = {}
        for names in (("A_V", "log_sSFR"), ("log_sSFR", "A_V")):
            cnn = tiny(targets=names, epochs=1).fit(sample, plain(truth, names))
            values[names] = cnn.predict(unseen[0])
        first, second = values.values()
        np.testing.assert_array_equal(first, second[:, ::-1])

    def test_excess_alone(self, unseen):
        sample, truth = dusty(16)
        table = tiny(targets=("E_BV",), epochs=1).fit(sample, truth).estimate(unseen[0])
        assert np.isfinite(table["E_BV"]).all()
        assert np.isnan(table["R_V"]).all()

    def test_ratio_is_consistent(self, quick, unseen):
        table = quick.estimate(unseen[0])
        np.testing.assert_allclose(table["R_V"], table["A_V"] / table["E_BV"], rtol=1e-9)
        draws = quick.sample_posterior(unseen[0], 20, random_state=1)
        np.testing.assert_allclose(draws["R_V"], draws["A_V"] / draws["E_BV"], rtol=1e-9)


class TestPaper:
    def test_a_network_for_each_target(self, paper):
        assert len(paper.networks_) == 3
        assert set(paper.history_["network"]) == {0, 1, 2}
        assert np.ptp(paper.history_["learning_rate"]) == 0

    def test_no_percentiles(self, paper, unseen):
        table = paper.estimate(unseen[0])
        assert np.isfinite(table["A_V"]).all()
        assert np.isnan(table["A_V_p16"]).all()
        assert paper.uncertainty == "none"
        assert table.meta["uncertainty"] == "none"
        quantiles = paper.predict_quantiles(unseen[0], (0.16, 0.5))
        assert np.isnan(quantiles[..., 0]).all()
        np.testing.assert_array_equal(quantiles[..., 1], paper.predict(unseen[0]))
        with pytest.raises(InputError, match="bare values without a distribution"):
            paper.sample_posterior(unseen[0], 3)

    def test_ensembles_are_averaged(self, unseen):
        cnn = tiny(architecture=TINY_PAPER, targets="A_V", n_networks=2, epochs=1)
        cnn.fit(*dusty(16))
        assert len(cnn.networks_) == 2
        assert cnn.networks_.n_members == 2
        made = cnn.networks_.task.inputs(make_batch(unseen[0]))
        raw = cnn.networks_.predict(made.image, made.context)[..., 0]
        np.testing.assert_allclose(cnn.predict(unseen[0]), raw.mean(axis=0), rtol=1e-5)

    def test_percentage_loss(self):
        cnn = tiny(architecture=TINY_PAPER, targets="log_sSFR", loss="percentage", epochs=1)
        cnn.fit(*dusty(16))
        # 100 |truth - prediction| / |truth| near -8.5 is far below 100.
        assert 0 < cnn.history_["loss"][0] < 50

    def test_the_plan_of_the_paper_by_name(self):
        cnn = tiny(architecture="paper", targets="A_V", epochs=1).fit(*dusty(16))
        assert cnn.networks_.task.config == PAPER


class TestEstimating:
    def test_neither_order_nor_batch_matters(self, quick, unseen):
        sample, _ = unseen
        expected = quick.predict(sample)
        np.testing.assert_allclose(quick.predict(sample[::-1])[::-1], expected, atol=1e-6)
        parts = [quick.predict(sample[rows]) for rows in (slice(1), slice(1, 5), slice(5, None))]
        np.testing.assert_allclose(np.concatenate(parts), expected, atol=1e-6)

    def test_workers(self, quick, unseen):
        one, two = (quick.estimate(unseen[0], n_jobs=n_jobs) for n_jobs in (1, 2))
        for name in ("A_V", "E_BV_p84", "log_sSFR_p16"):
            np.testing.assert_allclose(one[name], two[name], atol=1e-6)
        np.testing.assert_array_equal(one["flags"], two["flags"])

    def test_workers_with_several_batches(self, quick, unseen, monkeypatch):
        monkeypatch.setattr(CNNEstimator, "rows_at_once", 20)
        two = quick.predict(unseen[0])
        monkeypatch.undo()
        np.testing.assert_allclose(two, quick.predict(unseen[0]), atol=1e-6)

    def test_draws(self, quick, unseen):
        sample = unseen[0][:5]
        draws = quick.sample_posterior(sample, 7, random_state=3)
        assert {name: values.shape for name, values in draws.items()} == dict.fromkeys(
            ("A_V", "E_BV", "log_sSFR", "R_V"), (5, 7)
        )
        other = quick.sample_posterior(sample, 7, random_state=4)
        assert not np.array_equal(draws["A_V"], other["A_V"])

    def test_quantiles_rise(self, quick, unseen):
        levels = (0.05, 0.16, 0.5, 0.84, 0.95)
        values = quick.predict_quantiles(unseen[0], levels)
        assert values.shape == (48, 3, 5)
        assert np.all(np.diff(values, axis=-1) > 0)

    def test_standard_deviations(self, quick, unseen):
        _, std = quick.predict(unseen[0], return_std=True)
        assert np.all(std > 0)

    def test_must_be_fitted(self, unseen):
        for use in (CNNEstimator.predict, CNNEstimator.estimate):
            with pytest.raises(NotFittedError):
                use(tiny(), unseen[0])
        with pytest.raises(NotFittedError):
            tiny().save("here.model")
        with pytest.raises(NotFittedError):
            tiny().finetune(*unseen)

    def test_provenance(self, quick, unseen):
        meta = quick.estimate(unseen[0][:1]).meta
        assert meta["uncertainty"] == "posterior"
        assert meta["packages"].startswith("numpy 2")
        assert meta["model_hash"]


class TestPrior:
    @pytest.mark.parametrize("truth", [False, True])
    def test_it_is_as_wide_as_the_training_set(self, learned, unseen, truth):
        draws = learned.sample_prior(unseen[0], 300, random_state=1, truth=truth)
        true = unseen[1]["A_V"].value
        assert list(draws) == list(TARGETS)
        assert draws["A_V"].shape == (48, 300)
        assert draws["A_V"].mean() == pytest.approx(true.mean(), abs=0.3 * true.std())
        assert draws["A_V"].std() == pytest.approx(true.std(), rel=0.35)

    def test_seeds(self, learned, unseen):
        first, again, other = (
            learned.sample_prior(unseen[0], 5, random_state=seed)["A_V"] for seed in (1, 1, 2)
        )
        assert np.array_equal(first, again)
        assert not np.array_equal(first, other)

    def test_a_file_has_it(self, learned, unseen, tmp_path):
        learned.save(tmp_path / "it.model")
        again = CNNEstimator.load(tmp_path / "it.model")
        both = [cnn.sample_prior(unseen[0], 5, 1)["E_BV"] for cnn in (learned, again)]
        assert np.array_equal(*both)

    def test_refusals(self, quick, paper, unseen):
        with pytest.raises(InputError, match="n_samples must be a positive integer, got 0"):
            quick.sample_prior(unseen[0], 0)
        with pytest.raises(InputError, match="truth must be True or False, got"):
            quick.sample_prior(unseen[0], 1, truth=unseen[1])
        with pytest.raises(InputError, match="no record of their prior"):
            paper.sample_prior(unseen[0], 1)


class TestAnyBands:
    def test_one_band_of_several(self):
        sample, truth = dusty(256)
        cnn = tiny(any_bands=True, epochs=25, learning_rate=1e-2).fit(sample, truth)
        some, expected = dusty(48, seed=9)
        some.remove_columns([f"cutout_{BANDS[0]}", f"cutout_err_{BANDS[0]}"])
        error = np.abs(cnn.predict(some)[:, 0] - expected["A_V"].value).mean()
        control = ConstantEstimator("A_V").fit(sample, truth["A_V"])
        assert error < 0.8 * np.abs(control.predict(some) - expected["A_V"].value).mean()

    def test_files_keep_it(self, tmp_path):
        cnn = tiny(any_bands=True, epochs=1).fit(*dusty(16))
        cnn.save(tmp_path / "it.model")
        assert CNNEstimator.load(tmp_path / "it.model").networks_.task.any_bands


class TestFlags:
    def test_good_galaxies_have_none(self, quick):
        sample, _ = dusty(32)
        bits = quick.networks_.mean_posterior.information(
            quick.sample_posterior(sample, 1000),
            *conditions(
                quick.networks_.task.inputs(make_batch(sample)).context,
                quick.networks_.task.layout,
            ),
        )
        table = quick.estimate(sample)
        unsure = has(table, "PRIOR_DOMINATED")
        assert np.mean(unsure == (bits < 1.0)) > 0.9
        assert not (table["flags"] & ~FLAGS["PRIOR_DOMINATED"].value).any()

    def test_unsure_posteriors_are_those_of_the_prior(self, learned, quick, unseen):
        shares = [
            np.mean(has(cnn.estimate(unseen[0]), "PRIOR_DOMINATED")) for cnn in (learned, quick)
        ]
        assert shares[0] < 0.2 < shares[1]

    def test_no_data(self, quick, unseen):
        sample, expected = unseen[0].copy(), quick.estimate(unseen[0])
        for band in BANDS:
            sample[f"cutout_{band}"][3] = np.nan
        table = quick.estimate(sample)
        assert np.flatnonzero(has(table, "NO_DATA")).tolist() == [3]
        assert np.isnan(table["A_V"][3])
        rest = np.arange(48) != 3
        np.testing.assert_array_equal(table["A_V"][rest], expected["A_V"][rest])

    def test_faint(self, quick):
        table = quick.estimate(dusty(8, faint=[2])[0])
        assert np.flatnonzero(has(table, "LOW_SNR")).tolist() == [2]
        assert np.isfinite(table["A_V"]).all()

    @pytest.mark.parametrize("whole", [True, False])
    def test_missing_band(self, quick, unseen, whole):
        sample = unseen[0][:4].copy()
        if whole:
            sample.remove_columns(["cutout_F444W", "cutout_err_F444W"])
        else:
            sample["cutout_F444W"][1] = np.nan
        table = quick.estimate(sample)
        assert has(table, "MISSING_BAND").tolist() == [whole, True, whole, whole]
        assert np.isfinite(table["A_V"]).all()

    @pytest.mark.parametrize("seed", [0, 1])
    def test_columns_that_are_not_read_do_not_matter(self, quick, unseen, seed):
        sample, rng = unseen[0][:6], np.random.default_rng(seed)
        wide = sample.copy()
        for name in ("ra", "dec", "redshift_err", "magnification", "magnification_err"):
            wide[name] = rng.uniform(0.1, 1.0, 6)
        for band in ("F115W", "F277W"):
            for name in (f"flux_{band}", f"flux_err_{band}"):
                wide[name] = rng.uniform(1.0, 2.0, 6) * u.nJy
        for name in ("cutout_F115W", "cutout_err_F115W", "cutout_mask_F115W"):
            wide[name] = (
                rng.normal(size=(6, 40, 40)) > 2
                if "mask" in name
                else rng.normal(size=(6, 40, 40))
            )
        wide["spectrum_wavelength"] = np.tile(np.linspace(1e4, 2e4, 9), (6, 1)) * u.AA
        unit = u.Unit("erg / (s cm2 AA)")
        for name in ("spectrum_flux", "spectrum_flux_err"):
            wide[name] = rng.uniform(1.0, 2.0, (6, 9)) * unit
        wide["features"] = rng.normal(size=(6, 3))
        wide["group"] = rng.integers(9, size=6)
        wide.meta["error_floor"] = 0.05
        wide = wide[rng.permutation(wide.colnames).tolist()]
        expected, found = quick.estimate(sample), quick.estimate(wide)
        assert found.colnames == expected.colnames
        for name in found.colnames:
            np.testing.assert_array_equal(np.asarray(found[name]), np.asarray(expected[name]))
        draws = quick.sample_posterior(wide, 7, random_state=1)
        for name, values in quick.sample_posterior(sample, 7, random_state=1).items():
            np.testing.assert_array_equal(draws[name], values)

    def test_columns_that_are_read_do_matter(self, quick, unseen):
        sample, expected = unseen[0][:4], quick.estimate(unseen[0][:4])["A_V"].value
        for name in ("redshift", "pixel_scale", "cutout_F277W", "cutout_err_F444W"):
            changed = sample.copy()
            changed[name] = 1.01 * changed[name]
            assert np.all(quick.estimate(changed)["A_V"].value != expected)

    def test_edge(self, quick, unseen):
        sample = unseen[0][:4].copy()
        sample["cutout_F277W"][2, :, -10:] = np.nan
        assert has(quick.estimate(sample), "EDGE").tolist() == [False, False, True, False]

    def test_redshift(self, quick, unseen):
        sample = unseen[0][:4].copy()
        low, high = quick.domain_.redshift
        sample["redshift"] = [0.5 * (low + high), low - 0.1, high + 0.1, np.nan]
        table = quick.estimate(sample)
        assert has(table, "REDSHIFT_OUT_OF_RANGE").tolist() == [False, True, True, True]
        assert np.isfinite(table["A_V"]).all()
        sample.remove_column("redshift")
        assert has(quick.estimate(sample), "REDSHIFT_OUT_OF_RANGE").all()

    def test_pixel_scale(self, quick):
        sample = dusty(32)[0][:4]
        sample["pixel_scale"] = [0.03, 0.0305, 0.06, 0.02] * u.arcsec
        assert has(quick.estimate(sample), "OUT_OF_DOMAIN").tolist() == [False, False, True, True]
        sample.remove_column("pixel_scale")
        assert not has(quick.estimate(sample), "OUT_OF_DOMAIN").any()

    def test_brightness(self, quick):
        sample = dusty(32)[0][:3]
        for band in BANDS:
            factor = np.array([1.0, 30.0, 1 / 30.0])[:, None, None]
            sample[f"cutout_{band}"] = factor * sample[f"cutout_{band}"]
        assert has(quick.estimate(sample), "OUT_OF_DOMAIN").tolist() == [False, True, True]

    def test_flags_that_come_with_the_sample_stay(self, quick, unseen):
        sample = unseen[0][:2].copy()
        sample["flags"] = np.array([FLAGS["BAD_PIXELS"].value, 0], dtype=np.int32)
        assert has(quick.estimate(sample), "BAD_PIXELS").tolist() == [True, False]


class TestFinetune:
    def test_moves_towards_new_labels(self, learned, unseen):
        cnn = pickle.loads(pickle.dumps(learned))
        sample, truth = dusty(64, seed=3)
        sample["redshift"] = sample["redshift"] + 3.0
        truth["A_V"] = truth["A_V"] + 1.0 * u.mag
        truth["E_BV"] = truth["A_V"] / 4.05
        before = cnn.predict(sample)[:, 0]
        assert cnn.finetune(sample, truth, epochs=5, learning_rate=3e-3) is cnn
        moved = cnn.predict(sample)[:, 0] - before
        assert np.median(moved) > 0.1
        assert cnn.domain_.redshift[0] == learned.domain_.redshift[0]
        assert cnn.domain_.redshift[1] == sample["redshift"].max()
        assert len(cnn.history_) <= 5

    def test_reports_what_was_gained_and_lost(self, learned, unseen):
        cnn = pickle.loads(pickle.dumps(learned))
        sets = {}
        for seed, name in ((4, "mine"), (5, "old")):
            sample, truth = dusty(64, seed=seed)
            for quantity in ("A_V", "E_BV") if name == "mine" else ():
                truth[quantity] = truth[quantity] * 2.0 + 1.0 * u.mag
            sets[name] = sample, truth
        before = {name: cnn.predict(sample) for name, (sample, _) in sets.items()}
        cnn.finetune(*sets["mine"], epochs=5, learning_rate=3e-3, held_out=sets)
        table = cnn.adaptation_
        assert table["set"].tolist() == ["mine"] * 3 + ["old"] * 3
        assert table["quantity"].tolist() == list(cnn.targets) * 2
        mine, old = table[0], table[3]
        assert mine["change"] < -0.02 < 0.0 < old["change"]
        for row, name in ((mine, "mine"), (old, "old")):
            sample, truth = sets[name]
            errors = [
                np.abs(values[:, 0] - truth["A_V"].value).mean()
                for values in (before[name], cnn.predict(sample))
            ]
            assert [row["mae_before"], row["mae_after"]] == pytest.approx(errors)
            assert row["change"] == pytest.approx(errors[1] / errors[0] - 1.0)
            # Of the ratio of errors, which is large for galaxies that the network has unlearned.
            assert 0.0 < row["change_err"] < 0.4 * (1.0 + row["change"])
            covered = compute_metrics(
                cnn.estimate(sample)["A_V"],
                truth["A_V"],
                p16=cnn.estimate(sample)["A_V_p16"],
                p84=cnn.estimate(sample)["A_V_p84"],
                n_bootstrap=0,
            )
            assert row["coverage_after"] == pytest.approx(covered["coverage_68"])

    def test_held_out_galaxies_without_data_have_no_errors(self, learned):
        """A set that cannot be predicted does not cost the training; further training forgets."""
        cnn = pickle.loads(pickle.dumps(learned))
        sample, truth = dusty(8, seed=6)
        for band in BANDS:
            sample[f"cutout_{band}"] = np.nan * sample[f"cutout_{band}"]
        cnn.finetune(*dusty(16), epochs=1, held_out={"blank": (sample, truth)})
        assert cnn.adaptation_["n"].tolist() == [0, 0, 0]
        assert np.isnan(cnn.adaptation_["change"]).all()
        cnn.finetune(*dusty(16), epochs=1)
        assert not hasattr(cnn, "adaptation_")

    def test_held_out_sets_are_checked(self, quick):
        for held_out in ([1], {"mine": dusty(8)[0]}):
            with pytest.raises(InputError, match="held_out must be a dict of name to"):
                quick.finetune(*dusty(8), held_out=held_out)
        with pytest.raises(InputError, match=r"held_out\['mine'\] must be galaxies and"):
            quick.finetune(*dusty(8), held_out={"mine": (dusty(8)[0], None)})

    def test_is_gentler_by_default(self, monkeypatch, quick):
        rates = []

        def learn(task, data, options, **further):
            rates.append((options.learning_rate, options.epochs))
            return kept(task, data, options, **further)

        kept = module.learn
        monkeypatch.setattr(module, "learn", learn)
        cnn = pickle.loads(pickle.dumps(quick))
        cnn.finetune(*dusty(16, seed=3))
        cnn.finetune(*dusty(16, seed=3), learning_rate=0.02, epochs=1)
        assert rates == [(pytest.approx(3e-4), 2), (0.02, 1)]

    def test_keeps_the_networks_that_there_are(self):
        cnn = tiny(n_networks=2, epochs=1).fit(*dusty(16))
        cnn.set_params(n_networks=3).finetune(*dusty(16, seed=3))
        assert len(cnn.networks_) == 2

    @pytest.mark.parametrize(
        ("options", "sentence"),
        [
            ({"learning_rate": 0}, "learning_rate of CNNEstimator must be None or a number"),
            ({"learning_rate": "fast"}, "learning_rate of CNNEstimator must be"),
            ({"epochs": 0}, "epochs of CNNEstimator must be an integer from 1"),
        ],
        ids=str,
    )
    def test_options_are_checked(self, quick, options, sentence):
        with pytest.raises(InputError, match=sentence):
            quick.finetune(*dusty(8), **options)

    @pytest.mark.parametrize(
        "parameters", [{"bands": ["F277W"]}, {"targets": "A_V"}, {"size": 32}], ids=str
    )
    def test_what_networks_take_and_give_stays(self, quick, parameters):
        cnn = pickle.loads(pickle.dumps(quick)).set_params(**parameters)
        (name,) = parameters
        with pytest.raises(InputError, match=f"{name} must be .* as the networks were trained"):
            cnn.finetune(*dusty(8))


@pytest.fixture(scope="module")
def scattered(learned):
    """Galaxies whose log sSFR lies low in their distributions more often than not."""
    sample, truth = dusty(1600, seed=8)
    levels = np.random.default_rng(8).random(1600) ** 2
    quantiles = learned.predict_quantiles(sample, np.linspace(0.0, 1.0, 101))[:, 2]
    truth["log_sSFR"] = quantiles[np.arange(1600), (100 * levels).round().astype(int)]
    return sample, truth


@pytest.fixture(scope="module")
def calibrated(learned, scattered):
    """The estimator, which has been calibrated on half of them."""
    sample, truth = scattered
    return pickle.loads(pickle.dumps(learned)).calibrate(sample[:800], truth[:800])


class TestCalibrating:
    def test_intervals_cover_galaxies_that_were_not_counted(self, learned, calibrated, scattered):
        sample, truth = scattered[0][800:], scattered[1][800:]["log_sSFR"]

        def coverage(cnn):
            table = cnn.estimate(sample)
            return np.mean((truth >= table["log_sSFR_p16"]) & (truth <= table["log_sSFR_p84"]))

        assert coverage(learned) < 0.6
        assert coverage(calibrated) == pytest.approx(0.68, abs=0.05)

    def test_ratio_is_that_of_the_draws(self, calibrated, scattered):
        draws = calibrated.sample_posterior(scattered[0][:20], 50)
        assert draws["R_V"] == pytest.approx(draws["A_V"] / draws["E_BV"])

    def test_again_is_the_same_as_once(self, calibrated, scattered):
        sample, truth = scattered
        again = pickle.loads(pickle.dumps(calibrated)).calibrate(sample[:800], truth[:800])
        assert same_networks(again, calibrated)

    def test_files_keep_it(self, calibrated, scattered, tmp_path):
        calibrated.save(tmp_path / "c.model")
        loaded = CNNEstimator.load(tmp_path / "c.model")
        assert same_networks(loaded, calibrated)
        sample = scattered[0][:5]
        assert np.array_equal(
            loaded.set_params(random_state=1).estimate(sample)["log_sSFR"],
            calibrated.estimate(sample)["log_sSFR"],
        )

    def test_damaged_corrections_are_refused(self, calibrated):
        arrays = calibrated.networks_.to_arrays()
        arrays["calibration/log_sSFR"] = arrays["calibration/log_sSFR"][:, ::-1]
        with pytest.raises(InputError, match="log_sSFR must be 1 by 33 probabilities"):
            type(calibrated.networks_).from_arrays(calibrated.networks_.task, arrays)

    def test_too_few(self, quick):
        with pytest.raises(InputError, match="500 galaxies or more"):
            quick.calibrate(*dusty(20))

    def test_networks_of_the_paper_have_no_distribution(self, paper):
        with pytest.raises(InputError, match="'paper' give no distribution to be calibrated"):
            paper.calibrate(*dusty(20))

    def test_untrained(self):
        with pytest.raises(NotFittedError):
            tiny().calibrate(*dusty(20))


class TestRefusals:
    @pytest.mark.parametrize(
        ("parameters", "sentence"),
        [
            ({"bands": "F277W"}, "bands of CNNEstimator must be a list or tuple"),
            ({"bands": []}, "bands must name at least one band of images unless context='flux'"),
            ({"bands": ["F277W", "F277W"]}, "bands of CNNEstimator must be a list or tuple"),
            ({"bands": [1, 2]}, "bands of CNNEstimator must be a list or tuple"),
            ({"bands": ["F115W"]}, "must have cutouts in at least one of the bands F115W"),
            ({"targets": "R_V"}, "targets must be names out of"),
            ({"targets": ()}, "targets must be names out of"),
            ({"targets": ("A_V", "A_V")}, "targets must be names out of"),
            ({"architecture": "resnet"}, "architecture must be one of 'dustest', 'paper'"),
            ({"architecture": 3}, "architecture must be one of 'dustest', 'paper'"),
            ({"size": 20}, "size of CNNEstimator must be a multiple of 8"),
            ({"size": 8}, "size of CNNEstimator must be a multiple of 8"),
            ({"size": 40}, "cutouts must measure size=40 pixels or more"),
            ({"n_networks": 0}, "n_networks of CNNEstimator must be an integer from 1 to 32"),
            ({"n_networks": True}, "n_networks of CNNEstimator must be an integer"),
            ({"learning_rate": 0.0}, "learning_rate of CNNEstimator must be None or a number"),
            ({"learning_rate": np.nan}, "learning_rate of CNNEstimator must be None or"),
            ({"batch_size": 1.5}, "batch_size of CNNEstimator must be an integer"),
            ({"epochs": -1}, "epochs of CNNEstimator must be an integer from 1"),
            ({"epochs": "many"}, "epochs of CNNEstimator must be an integer from 1"),
            ({"patience": 0}, "patience of CNNEstimator must be an integer from 1"),
            ({"validation_fraction": 1}, "validation_fraction of CNNEstimator must be a number"),
            ({"validation_fraction": None}, "validation_fraction of CNNEstimator must be"),
            ({"snr_min": np.inf}, "snr_min of CNNEstimator must be a finite number"),
            ({"snr_min": 1e5}, "X must have galaxies to learn from"),
            ({"augment": "paper"}, "augment of CNNEstimator must be True, False or"),
            ({"augment": "wide", "architecture": "paper"}, "augment must be True or False"),
            ({"balance": 2}, "balance of CNNEstimator must be a number from 0 to 1"),
            ({"loss": "percentage"}, "loss must be None for a network of the kind 'mixture'"),
            ({"random_state": -1}, "random_state must be None, an integer from 0"),
        ],
        ids=str,
    )
    def test_parameters(self, parameters, sentence):
        with pytest.raises(InputError, match=sentence) as caught:
            tiny(**parameters).fit(*dusty(8))
        assert "\n" not in str(caught.value)

    def test_small_images_have_no_gradients(self):
        with pytest.raises(InputError, match="size must be at least 24 pixels where paper"):
            tiny(architecture=TINY_PAPER, size=16).fit(*dusty(8))

    def test_loss_of_the_paper(self):
        with pytest.raises(InputError, match="loss must be 'absolute' or 'percentage'"):
            tiny(architecture=TINY_PAPER, loss="squared").fit(*dusty(8))

    def test_truth(self):
        sample, truth = dusty(8)
        with pytest.raises(InputError, match="target y is None"):
            tiny().fit(sample)
        with pytest.raises(InputError, match="one row for each of the 8 galaxies"):
            tiny().fit(sample, truth[:4])
        with pytest.raises(InputError, match="must have the columns"):
            tiny().fit(sample, truth["A_V", "E_BV"])

    def test_photometry_is_no_image(self):
        sample, truth = dusty(8)
        sample.remove_columns([name for name in sample.colnames if name.startswith("cutout_")])
        with pytest.raises(InputError, match="CNNEstimator needs cutout or features columns"):
            tiny().fit(sample, truth)

    def test_checkpoint_needs_a_folder_and_a_seed(self, tmp_path):
        with pytest.raises(InputError, match="checkpoint must be a folder that exists"):
            tiny().fit(*dusty(8), checkpoint=tmp_path / "absent")
        with pytest.raises(InputError, match="random_state must be an integer where work is kept"):
            tiny(random_state=None).fit(*dusty(8), checkpoint=tmp_path)

    def test_diverging(self):
        cnn = tiny(architecture=replace(TINY, dropout=0.0), learning_rate=0.999, epochs=3)
        sample, truth = dusty(16)
        truth["log_sSFR"] = 1e38
        with pytest.raises(DustestError, match=r"the loss became .* choose a learning_rate below"):
            cnn.fit(sample, truth)

    def test_keras_is_optional(self, quick, tmp_path, monkeypatch):
        quick.save(tmp_path / "it.model")
        monkeypatch.setitem(sys.modules, "keras", None)
        with pytest.raises(MissingDependencyError, match=r"pip install 'dustest\[cnn\]'"):
            tiny().fit(*dusty(8))
        loaded = CNNEstimator.load(tmp_path / "it.model")
        sample, _ = dusty(5)
        np.testing.assert_array_equal(loaded.predict(sample), quick.predict(sample))


class TestTools:
    def test_registered(self):
        assert isinstance(get_estimator("cnn"), CNNEstimator)

    def test_parameters_go_round(self, quick):
        parameters = quick.get_params()
        copy = clone(quick)
        assert copy.get_params() == parameters
        assert not hasattr(copy, "networks_")
        assert CNNEstimator(**parameters).get_params() == parameters

    def test_representation(self, quick):
        assert repr(CNNEstimator(["F444W"], n_networks=3)) == (
            "CNNEstimator(bands=['F444W'], n_networks=3)"
        )
        assert "CNNConfig" in repr(quick)
        assert "CNNEstimator" in quick._repr_html_()

    def test_pickle(self, quick, unseen):
        expected = quick.predict(unseen[0])
        content = pickle.dumps(quick)
        assert len(content) < 200_000
        np.testing.assert_array_equal(pickle.loads(content).predict(unseen[0]), expected)

    def test_hash_depends_on_what_was_learned(self, quick):
        again = pickle.loads(pickle.dumps(quick))
        assert joblib.hash(again) == joblib.hash(quick)
        assert again._model_hash() == quick._model_hash()
        assert again.finetune(*dusty(16, seed=3))._model_hash() != quick._model_hash()

    def test_grid_search(self):
        sample, truth = dusty(48)
        search = GridSearchCV(
            tiny(targets="A_V", epochs=1),
            {"learning_rate": [1e-4, 1e-2]},
            cv=GroupKFold(2),
            scoring="neg_mean_absolute_error",
        )
        search.fit(sample, truth["A_V"].value, groups=np.asarray(sample["group"]))
        assert np.isfinite(search.cv_results_["mean_test_score"]).all()
        assert search.predict(sample).shape == (48,)

    def test_metadata_routing(self, monkeypatch):
        seen = []

        def learn(self, X, y, sample_weight, *args):
            seen.append(np.asarray(sample_weight))
            return kept(self, X, y, sample_weight, *args)

        kept = CNNEstimator._train
        monkeypatch.setattr(CNNEstimator, "_train", learn)
        sample, truth = dusty(24)
        weight = np.linspace(0.5, 1.0, 24)
        with sklearn.config_context(enable_metadata_routing=True):
            cnn = tiny(targets="A_V", epochs=1)
            cnn.set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
            params = {"sample_weight": weight, "groups": np.asarray(sample["group"])}
            y = truth["A_V"].value
            result = cross_validate(cnn, sample, y, params=params, cv=GroupKFold(2))
        assert np.isfinite(result["test_score"]).all()
        assert sorted(np.concatenate(seen)) == sorted(weight)


@pytest.fixture(scope="module")
def simulated(tmp_path_factory):
    """Galaxies as a simulator writes them, in several chunks."""

    def make(start, stop):
        sample, truth = dusty(40)
        return sample[start:stop], truth[start:stop]

    folder = tmp_path_factory.mktemp("simulated") / "set"
    return write_chunks(make, 40, folder, manifest={"seed": 1}, chunk_rows=12)


class TestSimulations:
    """What is read from disc chunk by chunk is learned as if it were in memory."""

    def test_equals_memory(self, simulated, unseen):
        streamed = tiny().fit(simulated)
        whole = tiny().fit(*simulated.read())
        np.testing.assert_allclose(
            streamed.predict(unseen[0]), whole.predict(unseen[0]), atol=1e-5
        )
        assert (streamed.n_train_, streamed.n_validation_) == (whole.n_train_, whole.n_validation_)
        assert streamed.domain_ == whole.domain_

    def test_images_wait_on_disc(self, simulated, monkeypatch):
        kinds = []

        def learn(task, data, *args, **kwargs):
            kinds.append(type(data.image))
            return kept(task, data, *args, **kwargs)

        kept = module.learn
        monkeypatch.setattr(module, "learn", learn)
        tiny(epochs=1).fit(simulated)
        assert kinds == [np.memmap]

    def test_equal_names_of_two_simulations_are_different_galaxies(self, simulated, monkeypatch):
        groups = []

        def split(group, *args):
            groups.append(set(group))
            return kept(group, *args)

        kept = cnn_fit.group_split
        monkeypatch.setattr(cnn_fit, "group_split", split)
        cnn = tiny(epochs=1).fit([simulated, simulated])
        assert len(groups[0]) == 40
        assert cnn.n_train_ + cnn.n_validation_ == 80

    def test_results_tell_what_they_were_trained_on(self, simulated, unseen, tmp_path):
        cnn = tiny(epochs=1).fit(simulated)
        assert cnn.card_ == {"simulations": [{"seed": 1}]}
        cnn.save(tmp_path / "one.model")
        for trained in (cnn, CNNEstimator.load(tmp_path / "one.model")):
            meta = trained.estimate(unseen[0][:1]).meta
            assert json.loads(meta["trained_on"]) == {"simulations": [{"seed": 1}]}
        assert tiny(epochs=1).fit(*unseen).estimate(unseen[0][:1]).meta["trained_on"] == ""

    def test_truth_comes_with_it(self, simulated):
        with pytest.raises(InputError, match="y and sample_weight must be None for a simulation"):
            tiny().fit(simulated, np.zeros(40))

    @pytest.mark.slow
    def test_of_the_simulator(self, tmp_path):
        y, x = np.mgrid[-50:51, -50:51] * 0.03
        psf = PSF(np.exp(-4.0 * np.log(2.0) * (x**2 + y**2) / 0.14**2), 0.03)
        simulator = GalaxySimulator(
            BANDS,
            redshift=7.0,
            psfs=dict.fromkeys(BANDS, psf),
            photometry_bands=[],
            spectrograph=None,
            population=GalaxyPopulation(log_mass=(9.5, 10.5), n_stars=300, n_gas=300),
        )
        simulated = simulator.stream(24, tmp_path / "set", random_state=1)
        cnn = tiny(snr_min=0.0)
        streamed, whole = clone(cnn).fit(simulated), clone(cnn).fit(*simulated.read())
        sample, _ = simulated.read(0, 8)
        np.testing.assert_allclose(streamed.predict(sample), whole.predict(sample), atol=1e-5)


def test_domains_join():
    domains = [Domain((6.0, 7.0)), Domain(None), Domain((6.5, 9.0))]
    for one, two in pairwise(domains):
        assert (one | two).redshift == one.redshift or (one | two).redshift == two.redshift
    assert (domains[0] | domains[2]).redshift == (6.0, 9.0)
