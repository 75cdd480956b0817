from dataclasses import replace

import numpy as np
import pytest
from astropy import units as u
from astropy.nddata import NDData
from astropy.table import vstack
from toy_images import COLOURS, ERROR, SCALE, SIZE, WIDTHS, gaussian, toy_images, toy_psfs

from dustest.data import FLAGS, DustestWarning, InputError
from dustest.physics import PSF, NoiseCorrelation
from dustest.resolved import bin_cutouts
from dustest.simulate import CorrelatedNoise

DISC = np.hypot(*(np.mgrid[:SIZE, :SIZE] - 31.5)) < 9

N_DRAWS = 40


def has(sample, name):
    return (np.asarray(sample["flags"]) & FLAGS[name].value) > 0


@pytest.fixture(scope="module")
def galaxy():
    return bin_cutouts(toy_images(), 7.1, psf=toy_psfs())


class TestEqualErrors:
    def test_relative_errors_are_those_of_the_faintest_bin(self, galaxy):
        equal = galaxy.with_equal_errors().sample
        for band in WIDTHS:
            name, light = f"flux_err_{band}", galaxy.sample[f"flux_{galaxy.reference}"]
            relative = (equal[name] / light).value
            np.testing.assert_allclose(relative, np.max(galaxy.sample[name] / light).value)
            np.testing.assert_array_equal(equal[f"flux_{band}"], galaxy.sample[f"flux_{band}"])
        np.testing.assert_allclose(equal["snr"], galaxy.sample["snr"].min())

    def test_other_bins_stay(self, galaxy):
        before = galaxy.sample["flux_err_F277W"].value.copy()
        galaxy.with_equal_errors()
        np.testing.assert_array_equal(before, galaxy.sample["flux_err_F277W"].value)

    def test_bins_without_a_band_keep_none(self, galaxy):
        sample = galaxy.sample.copy()
        sample["flux_err_F150W"][0] = np.nan
        equal = replace(galaxy, sample=sample).with_equal_errors().sample
        assert np.isnan(equal["flux_err_F150W"][0])
        assert np.isfinite(equal["flux_err_F150W"][1:]).all()


class TestBinCutouts:
    def test_colours_of_bins_are_those_of_the_galaxy(self, galaxy):
        assert galaxy.target == "F444W"
        assert len(galaxy) > 8
        for band in WIDTHS:
            ratio = galaxy.sample[f"flux_{band}"] / galaxy.sample["flux_F444W"]
            error = ratio * np.hypot(
                galaxy.sample[f"flux_err_{band}"] / galaxy.sample[f"flux_{band}"],
                galaxy.sample["flux_err_F444W"] / galaxy.sample["flux_F444W"],
            )
            pulls = (ratio - COLOURS[band] / COLOURS["F444W"])[error > 0] / error[error > 0]
            assert np.all(np.abs(pulls) < 4.0)

    def test_without_matching_they_are_not(self):
        images = toy_images(width=1.5, error=ERROR / 10)
        matched = bin_cutouts(images, 7.1, psf=toy_psfs(), segmentation=DISC).sample
        other = bin_cutouts(images, 7.1, psf="matched", segmentation=DISC, min_pixels=20).sample
        spread, wrong = (np.ptp(one["flux_F150W"] / one["flux_F444W"]) for one in (matched, other))
        assert wrong > 3.0 * spread

    def test_bins_sum_to_the_total(self, galaxy):
        flux = galaxy.sample["flux_F277W"].sum()
        assert flux.value == pytest.approx(galaxy.total["flux_F277W"][0].value)
        assert galaxy.sum(galaxy.bins.data > 0).sum() == galaxy.sample["n_pixels"].sum()

    def test_bins_reach_the_ratio_and_the_size(self, galaxy):
        assert galaxy.sample["snr"].min() >= 10.0
        width = 2.355 * WIDTHS["F444W"]
        assert galaxy.sample["n_pixels"].min() >= 0.25 * np.pi * width**2 - 1

    @pytest.mark.parametrize("errors", [True, False])
    def test_errors_are_the_scatter_of_correlated_noise(self, errors):
        # The same galaxy under many draws of noise: total flux over its error.
        noise = CorrelatedNoise(ERROR, (0.6, 0.2, 0.05))
        stamps = noise.draw(N_DRAWS * len(WIDTHS), SIZE, random_state=210520)
        pulls = []
        for number in range(N_DRAWS):
            images = toy_images(errors=errors, error=0.0)
            for image, stamp in zip(images.values(), stamps[3 * number :], strict=False):
                image.data[:] += stamp
                if errors:
                    image.uncertainty.array[:] = 2.0 * ERROR
            total = bin_cutouts(images, 7.1, psf=toy_psfs(), segmentation=DISC).total
            for band in WIDTHS:
                width = np.sqrt(5.0**2 + WIDTHS["F444W"] ** 2)
                light = 40.0 * COLOURS[band] * gaussian(width)[DISC].sum()
                flux, error = (total[f"{one}_{band}"][0].value for one in ("flux", "flux_err"))
                pulls.append((flux - light) / error)
        assert np.std(pulls) == pytest.approx(1.0, abs=0.2)
        assert np.mean(pulls) == pytest.approx(0.0, abs=0.4)

    def test_bad_pixels_and_bands(self):
        images = toy_images()
        images["F150W"].data[:] = np.nan
        images["F277W"].mask = np.zeros((SIZE, SIZE), dtype=bool)
        images["F277W"].mask[30:33, 30:33] = True
        galaxy = bin_cutouts(images, 7.1, psf=toy_psfs(), reference="F444W", segmentation=DISC)
        assert np.isnan(galaxy.sample["flux_F150W"]).all()
        assert has(galaxy.sample, "MISSING_BAND").all()
        lost = np.isnan(galaxy.sample["flux_F277W"])
        assert 0 < lost.sum() < len(galaxy)
        assert np.isfinite(galaxy.sample["flux_F444W"]).all()
        assert has(galaxy.sample, "BAD_PIXELS").all()

    def test_few_bad_pixels_are_interpolated(self):
        images = toy_images()
        images["F277W"].mask = np.zeros((SIZE, SIZE), dtype=bool)
        images["F277W"].mask[31, 31] = True
        images["F277W"].data[31, 31] = 1e6
        options = {"psf": toy_psfs(), "segmentation": DISC, "reference": "F444W"}
        total, clean = (bin_cutouts(one, 7.1, **options).total for one in (images, toy_images()))
        error = clean["flux_err_F277W"][0]
        assert abs(total["flux_F277W"][0] - clean["flux_F277W"][0]) < 0.5 * error

    def test_segmentation_leaves_out_neighbours(self):
        images = toy_images()
        for image in images.values():
            image.data[:] += 20.0 * gaussian(2.5, centre=5.0)
        galaxy = bin_cutouts(images, 7.1, psf=toy_psfs())
        assert not galaxy.bins.data[:12, :12].any()
        labels = np.where(DISC, 5, 0)
        labels[:4, :4] = 2
        given = bin_cutouts(images, 7.1, psf=toy_psfs(), segmentation=NDData(labels))
        assert np.array_equal(given.bins.data > 0, DISC)

    def test_given_noise_for_small_cutouts(self):
        small = {
            band: NDData(image.data[17:47, 17:47], image.uncertainty[17:47, 17:47], unit=u.nJy)
            for band, image in toy_images().items()
        }
        with pytest.raises(InputError, match="the noise of F150W must be known"):
            bin_cutouts(small, 7.1, psf=toy_psfs(), pixel_scale=SCALE)
        white = dict.fromkeys(WIDTHS, NoiseCorrelation([[1.0]]))
        options = {"psf": toy_psfs(), "pixel_scale": SCALE}
        assert len(bin_cutouts(small, 7.1, noise=white, **options)) > 4

    def test_lines_are_on_the_same_bins(self):
        unit = u.Unit("1e-18 erg / (s cm2)")
        rng = np.random.default_rng(3)
        lines = {
            name: NDData(
                flux * gaussian(5.7) + 0.01 * rng.standard_normal((SIZE, SIZE)), unit=unit
            )
            for name, flux in (("Ha", 30.0), ("Hb", 10.0))
        }
        psf = toy_psfs()
        galaxy = bin_cutouts(toy_images(), 7.1, psf=psf, lines=lines)
        assert galaxy.sample.lines == ("Ha", "Hb")
        ratio = galaxy.sample["line_Ha"] / galaxy.sample["line_Hb"]
        assert float(np.median(ratio)) == pytest.approx(3.0, rel=0.1)
        matched = bin_cutouts(
            toy_images(), 7.1, psf=psf | {"Ha": psf["F150W"], "Hb": psf["F150W"]}, lines=lines
        )
        assert matched.images["Ha"].data.max() < galaxy.images["Ha"].data.max()
        wide = psf | {"halpha": PSF(gaussian(3.5, 41), SCALE)}
        assert bin_cutouts(toy_images(), 7.1, psf=wide, lines=lines).target == "Ha"

    @pytest.mark.parametrize("shape", [(SIZE, SIZE), (1, 1)])
    @pytest.mark.parametrize("value", [np.nan, 0.0, 1.0])
    def test_images_without_a_source(self, shape, value):
        images = {"F277W": NDData(np.full(shape, value), unit=u.nJy)}
        with pytest.raises(InputError, match="must show a source"):
            bin_cutouts(images, 7.1, psf="matched", pixel_scale=SCALE)

    def test_a_galaxy_below_the_ratio_is_one_bin(self):
        with pytest.warns(DustestWarning, match=r"below signal_to_noise=1e\+06"):
            galaxy = bin_cutouts(toy_images(), 7.1, psf="matched", signal_to_noise=1e6)
        assert len(galaxy) == 1

    def test_samples_of_galaxies_can_be_joined(self, galaxy):
        both = vstack([galaxy.sample, galaxy.sample])
        assert len(both) == 2 * len(galaxy)

    def test_mistakes(self):
        images = toy_images()
        with pytest.raises(InputError, match="redshift must be given"):
            bin_cutouts(images, psf="matched")
        with pytest.raises(InputError, match="psf must be a dict"):
            bin_cutouts(images, 7.1, psf="gaussian")
        with pytest.raises(InputError, match="psf must have the point-spread function of F606W"):
            bin_cutouts({"F606W": images["F150W"]}, 7.1)
        with pytest.raises(InputError, match="must show a source"):
            bin_cutouts(toy_images(flux=0.0), 7.1, psf=toy_psfs())
        with pytest.raises(InputError, match="segmentation must have the"):
            bin_cutouts(images, 7.1, psf="matched", segmentation=np.ones((SIZE, 2), bool))
        with pytest.raises(InputError, match="got none that is set"):
            bin_cutouts(images, 7.1, psf="matched", segmentation=np.zeros((SIZE, SIZE), bool))
        with pytest.raises(InputError, match=r"psf names 'F15W', .* did you mean 'F150W'"):
            bin_cutouts(images, 7.1, psf=toy_psfs() | {"F15W": toy_psfs()["F150W"]})
        with pytest.raises(InputError, match="psf names 'Ha'"):
            bin_cutouts(images, 7.1, psf=toy_psfs() | {"Ha": toy_psfs()["F150W"]})
        with pytest.raises(InputError, match=r"psf\['F277W'\] must be a PSF or an array"):
            bin_cutouts(images, 7.1, psf=toy_psfs() | {"F277W": np.ones((4, 4))})
        wrong = {"F277W": PSF(gaussian(2.2, 41), 3 * SCALE)}
        with pytest.warns(DustestWarning, match="the psf of band F277W has a width"):
            bin_cutouts(images, 7.1, psf=toy_psfs() | wrong)
        with pytest.raises(InputError, match="reference must be one of"):
            bin_cutouts(images, 7.1, psf="matched", reference="F200W")
        with pytest.raises(InputError, match="must be a NoiseCorrelation"):
            bin_cutouts(images, 7.1, psf="matched", noise={"F150W": 0.1})
        with pytest.raises(InputError, match="signal_to_noise must be"):
            bin_cutouts(images, 7.1, psf="matched", signal_to_noise=0)


class TestBinnedGalaxy:
    def test_radius_of_a_round_galaxy(self, galaxy):
        assert galaxy.centre == pytest.approx([31.5, 31.5], abs=0.2)
        assert galaxy.radius.unit == u.arcsec
        assert galaxy.radius.value.max() < 32 * SCALE

    def test_paint_and_sum(self, galaxy):
        painted = galaxy.paint(np.arange(1.0, len(galaxy) + 1))
        inside = galaxy.bins.data > 0
        assert np.array_equal(painted[inside], galaxy.bins.data[inside])
        assert np.isnan(painted[~inside]).all()
        with pytest.raises(InputError, match="one for each of"):
            galaxy.paint([1.0])
        with pytest.raises(InputError, match="pixels of the bins"):
            galaxy.sum(np.ones((2, 2)))

    def test_repr_is_short(self, galaxy):
        assert len(repr(galaxy)) < 150

    def test_a_psf_on_other_pixels_is_resampled(self):
        fine = {
            band: PSF(gaussian(2.0 * width, 81), 0.5 * SCALE) for band, width in WIDTHS.items()
        }
        ours, theirs = (
            bin_cutouts(toy_images(), 7.1, psf=one, segmentation=DISC).total
            for one in (toy_psfs(), fine)
        )
        assert float(theirs["flux_F150W"][0] / ours["flux_F150W"][0]) == pytest.approx(
            1.0, abs=0.02
        )


def test_other_coordinates_do_not_change_fluxes(galaxy):
    moved = replace(galaxy, pixel_scale=1.0)
    assert moved.radius[0] > galaxy.radius[0]
