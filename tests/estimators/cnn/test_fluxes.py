"""Tests of networks that read total fluxes, beside images or alone."""

import numpy as np
import pytest
from astropy import units as u
from cnn_galaxies import BANDS, dusty, tiny

from dustest import CNNEstimator
from dustest.data import FLAGS, InputError
from dustest.estimators import make_batch
from dustest.estimators._cnn.context import ContextLayout, context_names
from dustest.estimators._cnn.fluxes import FluxChanges
from dustest.estimators._cnn.settings import make_task
from dustest.estimators._cnn.training.augmentation import AugmentOptions
from dustest.testing import check_estimator

FLUX_BANDS = ("F115W", "F277W", "F444W")


def with_fluxes(n=64, seed=193220):
    """Galaxies whose first flux, relative to the others, depends on A_V, and their truth."""
    sample, truth = dusty(n, seed=seed)
    rng = np.random.default_rng(seed)
    for band in FLUX_BANDS:
        dimming = 10 ** (-0.4 * truth["A_V"].value) if band == "F115W" else 1.0
        flux = 100.0 * dimming * rng.uniform(0.98, 1.02, n)
        sample[f"flux_{band}"] = flux * u.nJy
        sample[f"flux_err_{band}"] = np.full(n, 2.0) * u.nJy
    return sample, truth


def without(sample, *prefixes):
    """A sample without some columns."""
    return sample[[name for name in sample.colnames if not name.startswith(prefixes)]]


@pytest.fixture(scope="module")
def both():
    pytest.importorskip("keras")
    return tiny(context="flux", epochs=2).fit(*with_fluxes())


@pytest.fixture(scope="module")
def alone():
    pytest.importorskip("keras")
    cnn = CNNEstimator((), context="flux", epochs=20, snr_min=-1.0, learning_rate=0.01)
    cnn.set_params(random_state=193221)
    return cnn.fit(*with_fluxes(300))


def has(table, name):
    """Which rows have a flag."""
    return (table["flags"] & FLAGS[name].value) != 0


class TestLayout:
    def test_fluxes_are_last(self):
        layout, names = ContextLayout(2, 2), context_names(["F277W", "F444W"], ["F115W", "F277W"])
        assert len(layout) == len(names)
        assert names[layout["flux_has"]] == ("flux_has_F115W", "flux_has_F277W")
        assert names[layout["log_flux_scale"]] == "log_flux_scale"
        assert names[layout["redshift"]] == "redshift"
        assert len(ContextLayout(2)) == layout["flux_has"].start


class TestAlone:
    def test_it_learns(self, alone):
        sample, truth = with_fluxes(200, seed=193222)
        true = truth["A_V"].value
        error = np.abs(alone.predict(sample)[:, 0] - true).mean()
        assert error < 0.5 * np.abs(true - np.median(true)).mean()

    def test_it_reads_nothing_else(self, alone):
        sample, _ = with_fluxes(8)
        bare = without(sample, "cutout", "snr", "pixel_scale")
        assert np.array_equal(alone.predict(bare), alone.predict(sample))

    def test_it_needs_fluxes(self, alone):
        sample, _ = with_fluxes(8)
        with pytest.raises(InputError, match="needs flux or features columns"):
            alone.predict(without(sample, "flux"))
        other = without(sample, "flux")
        other["flux_F606W"] = np.ones(8) * u.nJy
        other["flux_err_F606W"] = np.ones(8) * u.nJy
        with pytest.raises(InputError, match="must have fluxes in at least one of the bands"):
            alone.predict(other)

    def test_prior_depends_on_redshift(self, alone):
        assert alone.sample_prior(with_fluxes(3)[0], 5)["A_V"].shape == (3, 5)
        assert alone.domain_.redshift is not None
        assert alone.domain_.pixel_scale is None

    def test_bright_ones_are_out_of_domain(self, alone):
        sample, _ = with_fluxes(4)
        for band in FLUX_BANDS:
            sample[f"flux_{band}"][0] *= 1e3
            sample[f"flux_err_{band}"][0] *= 1e3
        assert has(alone.estimate(sample), "OUT_OF_DOMAIN").tolist() == [True, False, False, False]


class TestBoth:
    def test_any_part_may_be_missing(self, both):
        sample, _ = with_fluxes(6)
        sample["flux_F115W"][0] = np.nan
        for band in FLUX_BANDS:
            sample[f"flux_{band}"][1] = np.nan
        for band in BANDS:
            sample[f"cutout_{band}"][2] = np.nan
            sample[f"cutout_{band}"][3] = np.nan
        for band in FLUX_BANDS:
            sample[f"flux_{band}"][3] = np.nan
        table = both.estimate(sample)
        assert np.isnan(table["A_V"]).tolist() == [False, False, False, True, False, False]
        assert has(table, "NO_DATA").tolist() == [False, False, False, True, False, False]
        assert has(table, "MISSING_BAND")[[1, 2]].all()

    def test_columns_may_be_missing(self, both):
        sample, _ = with_fluxes(6)
        whole = both.predict(sample)
        for part in ("cutout", "flux"):
            other = both.predict(without(sample, part))
            assert np.isfinite(other).all()
            assert not np.array_equal(other, whole)

    def test_files_keep_the_bands(self, both, tmp_path):
        sample, _ = with_fluxes(6)
        both.save(tmp_path / "it.model")
        again = CNNEstimator.load(tmp_path / "it.model")
        again.random_state = both.random_state
        assert again.flux_bands_ == FLUX_BANDS
        assert np.array_equal(again.predict(sample), both.predict(sample))

    def test_finetuning_keeps_the_bands(self, tmp_path):
        pytest.importorskip("keras")
        cnn = tiny(context="flux", epochs=1).fit(*with_fluxes(32))
        more = with_fluxes(32)[0]
        more["flux_F606W"], more["flux_err_F606W"] = np.ones(32) * u.nJy, np.ones(32) * u.nJy
        cnn.finetune(more, with_fluxes(32)[1], epochs=1)
        assert cnn.flux_bands_ == FLUX_BANDS

    def test_layers_are_known_after_fit(self, both):
        with pytest.raises(InputError, match="have layers once fit has seen the bands"):
            tiny(context="flux").layers()
        units = {row["branch"]: row["units"] for row in both.layers() if row["kind"] == "input"}
        assert units["context"] == len(both.networks_.task.layout)


class TestChanges:
    def changed(self, n=3000):
        """Changed galaxies without changes of images, and their layout."""
        sample, _ = with_fluxes(40)
        task = make_task(tiny(context="flux"), flux_bands=FLUX_BANDS)
        inputs = task.inputs(make_batch(sample), whole=True)
        rows = np.arange(n) % len(inputs)
        quiet = AugmentOptions(symmetries=False, shift=0.0, blur=0.0, noise=0.0)
        changes = FluxChanges(len(BANDS), len(FLUX_BANDS), quiet)
        rng = np.random.default_rng(193223)
        return changes(inputs.image[rows], inputs.context[rows], rng), task.layout

    def test_each_galaxy_keeps_something(self):
        (image, context), layout = self.changed()
        has_image = (context[:, layout["present"]] > 0).any(axis=1)
        has_flux = (context[:, layout["flux_has"]] > 0).any(axis=1)
        assert (has_image | has_flux).all()
        assert np.mean(~has_image) == pytest.approx(0.1, abs=0.03)
        assert np.mean(~has_flux) == pytest.approx(0.05, abs=0.02)
        assert not image[~has_image].any()


class TestParameters:
    def test_bands_are_needed_without_fluxes(self):
        with pytest.raises(InputError, match="bands must name at least one band of images unless"):
            CNNEstimator(()).layers()

    def test_paper_networks_read_no_context(self):
        cnn = CNNEstimator(["F277W"], ("A_V",), "paper", context="flux")
        with pytest.raises(InputError, match="context must be None for networks that do not read"):
            cnn.fit(*with_fluxes(8))

    def test_other_contexts_are_refused(self):
        with pytest.raises(InputError, match="context of CNNEstimator must be None or 'flux'"):
            CNNEstimator(["F277W"], context="line").fit(*with_fluxes(8))

    @pytest.mark.parametrize("bands", [(), pytest.param(("F277W",), marks=pytest.mark.slow)])
    def test_the_contract_is_kept(self, bands):
        pytest.importorskip("keras")
        check_estimator(CNNEstimator(bands, context="flux", epochs=1))
