import numpy as np
import pytest
from astropy import units as u
from scipy.ndimage import gaussian_filter

from dustest.data import InputError
from dustest.simulate import PSF, CorrelatedNoise, GalaxySimulator, get_survey, noise_preset
from dustest.simulate.matching import SkyNoise, SkyStatistics, extra_width, match_redshifts

BAND = "F277W"


@pytest.fixture(scope="module", autouse=True)
def small_trial():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("dustest.simulate.matching._N_TRIAL", 300)
        yield


@pytest.fixture(scope="module")
def simulator():
    return GalaxySimulator(
        [BAND],
        redshift=7.0,
        population="0.1",
        views=["xy"],
        spectrograph=None,
        photometry_bands=[BAND],
    )


@pytest.fixture(scope="module")
def shifted(simulator):
    """Other pixels, noise, background, PSF, redshift and masses; and the sample that they give."""
    noise = SkyNoise(noise_preset("CEERS", BAND), level=0.05, scatter=0.04)
    psf = simulator.psfs[BAND]
    other = simulator.changed(
        preset="CEERS",
        redshift=8.0,
        noise={BAND: noise},
        psfs={BAND: PSF(psf.image, 1.5 * psf.pixel_scale)},
        population="0.1-heavy",
    )
    return other, other.draw(300, random_state=170530)[0]


@pytest.fixture(scope="module")
def matched(simulator, shifted):
    return simulator.match(shifted[1], random_state=170531)


class TestMatch:
    def test_noise_and_background(self, matched):
        row = matched.measured[0]
        assert row["rms"].to_value(u.nJy) == pytest.approx(0.115, rel=0.04)
        assert row["background"].to_value(u.nJy) == pytest.approx(0.05, abs=0.01)
        assert row["background_scatter"].to_value(u.nJy) == pytest.approx(0.04, abs=0.012)

    def test_point_spread_function(self, simulator, shifted, matched):
        before, after = (
            matched.measured[name][0].to_value(u.arcsec)
            for name in ("psf_fwhm_before", "psf_fwhm")
        )
        assert before == pytest.approx(simulator.psfs[BAND].fwhm, rel=0.03)
        assert after == pytest.approx(shifted[0].psfs[BAND].fwhm, rel=0.15)
        assert matched.psfs[BAND].fwhm == pytest.approx(after)

    def test_pixels_redshifts_and_flux_errors(self, shifted, matched):
        assert matched.survey.pixel_scale == 0.04
        assert matched.redshifts.tolist() == [8.0]
        ceers = get_survey("CEERS").flux_error(BAND)
        assert matched.survey.flux_error(BAND) == pytest.approx(ceers)

    def test_images_are_alike(self, shifted, matched):
        """Brightness and sky of galaxies that the matched simulator draws."""
        drawn, _ = matched.draw(300, random_state=170532)
        ours, theirs = (s[f"snr_{BAND}"] for s in (drawn, shifted[1]))
        levels = [50, 75, 90]
        ratio = np.percentile(ours[ours > 5], levels) / np.percentile(theirs[theirs > 5], levels)
        assert np.abs(np.log10(ratio)).max() < 0.2
        ours, theirs = (
            SkyStatistics.measure(s[f"cutout_{BAND}"].value.astype(float))
            for s in (drawn, shifted[1])
        )
        assert ours.rms == pytest.approx(theirs.rms, rel=0.03)
        assert ours.autocorrelation == pytest.approx(theirs.autocorrelation, abs=0.04)

    def test_the_original_stays_and_the_seed_fixes_the_rest(self, simulator, shifted, matched):
        assert simulator.measured is None
        assert simulator.survey.pixel_scale == 0.03
        again = simulator.match(shifted[1], random_state=170531)
        assert (again.measured == matched.measured).all()

    def test_given_point_spread_functions(self, simulator, shifted):
        psfs = shifted[0].psfs
        found = simulator.match(shifted[1], psfs=psfs, random_state=1)
        assert found.psfs == psfs
        assert found.measured["psf_fwhm"][0].value == pytest.approx(psfs[BAND].fwhm)

    def test_matched_rows_can_be_written(self, matched, tmp_path):
        simulated = matched.stream(4, tmp_path, random_state=1)
        assert [len(sample) for sample, _ in simulated] == [4]

    def test_samples_that_cannot_be_measured(self, simulator, shifted):
        sample = shifted[1]
        lacking = sample.copy()
        lacking.remove_column("pixel_scale")
        with pytest.raises(InputError, match="but it lacks pixel_scale; it has"):
            simulator.match(lacking)
        with pytest.raises(InputError, match="at least 20 galaxies with a signal-to-noise ratio"):
            simulator.match(sample[:10], random_state=1)
        unknown = sample.copy()
        unknown["redshift"] = np.nan
        with pytest.raises(InputError, match="must have known redshifts"):
            simulator.match(unknown)

    def test_redshifts_without_galaxies(self, simulator, shifted):
        sample = shifted[1].copy()
        sample["redshift"][50:] = 2.1
        message = "sample must have redshifts from 4 to 14.* but 250 of 300 are outside.* at 2.1"
        with pytest.raises(InputError, match=message):
            simulator.match(sample, random_state=1)


class TestPoorSamples:
    def test_unknown_errors_leave_the_depth(self, simulator, shifted):
        sample = shifted[1].copy()
        sample[f"flux_err_{BAND}"] = np.resize([np.nan, -1.0, 0.0], len(sample)) * u.nJy
        matched = simulator.match(sample, random_state=1)
        assert matched.survey.flux_error(BAND) == simulator.survey.flux_error(BAND)

    def test_the_noise_of_the_survey_can_be_taken(self, simulator, shifted):
        sample = shifted[1].copy()
        sample[f"flux_err_{BAND}"] *= 3.0
        plain = simulator.match(sample, random_state=1).changed(noise=None)
        assert len(plain.draw(1, random_state=1)[0]) == 1

    def test_two_pixel_scales(self, simulator, shifted):
        sample = shifted[1].copy()
        sample["pixel_scale"] = np.resize([0.03, 0.06], len(sample)) * u.arcsec
        with pytest.raises(InputError, match=r"for all galaxies, in arcsec, got 0.03 to 0.06"):
            simulator.match(sample)

    @pytest.mark.parametrize(("value", "got"), [(np.nan, "got none"), (0.0, "got only 0")])
    def test_borders_without_noise(self, simulator, shifted, value, got):
        sample = shifted[1].copy()
        sample[f"cutout_{BAND}"] = np.full(sample[f"cutout_{BAND}"].shape, value) * u.nJy
        with pytest.raises(InputError, match=f"cutout_{BAND} must have good pixels .* {got}"):
            simulator.match(sample)

    def test_infinite_pixels_are_bad_ones(self, simulator, shifted):
        sample = shifted[1].copy()
        sample[f"cutout_{BAND}"][:, 3, 3] = np.inf * u.nJy
        assert np.isfinite(simulator.match(sample, random_state=1).measured["rms"]).all()

    def test_galaxies_that_the_population_does_not_have(self, simulator, shifted):
        sample = shifted[1].copy()
        sample[f"cutout_{BAND}"] *= 1e6
        with pytest.raises(InputError, match="check the unit of the cutouts"):
            simulator.match(sample, random_state=1)

    def test_small_stamps(self, simulator, shifted):
        sample = shifted[1].copy()
        sample[f"cutout_{BAND}"] = sample[f"cutout_{BAND}"][:, :4, :4]
        with pytest.raises(InputError, match="at least 8 pixels a side"):
            simulator.match(sample)

    def test_correlations_that_no_noise_has(self):
        noise = SkyStatistics(0.02, (0.8, 0.4, 0.0), np.zeros(3)).noise(0.03)
        assert noise.autocorrelation == pytest.approx((0.8, 0.4, 0.0), abs=0.15)


class TestChanged:
    def test_other_parameters(self, simulator):
        other = simulator.changed(size=16, redshift=np.array([6.0, 7.0, 7.0]))
        assert (other.size, other.redshifts.tolist()) == (16, [6.0, 7.0, 7.0])
        assert (simulator.size, simulator.redshifts.tolist()) == (32, [7.0])
        assert (other.bands, other.views) == (simulator.bands, simulator.views)

    def test_same_parameters_give_the_same_galaxies(self, simulator):
        ours, theirs = (s.draw(2, random_state=1)[0] for s in (simulator, simulator.changed()))
        assert (ours[f"cutout_{BAND}"] == theirs[f"cutout_{BAND}"]).all()
        assert ours.meta["params"] == theirs.meta["params"]

    def test_fewer_bands_keep_their_instruments(self, simulator):
        given = simulator.psfs[BAND]
        noise = CorrelatedNoise(0.02, (0.5, 0.1, 0.0))
        both = simulator.changed(
            bands=[BAND, "F444W"],
            psfs=dict.fromkeys([BAND, "F444W"], given),
            noise=dict.fromkeys([BAND, "F444W"], noise),
        )
        assert both.changed(bands=[BAND]).psfs == {BAND: given}
        with pytest.raises(InputError, match="psfs must have an entry for every band"):
            both.changed(bands=["F150W"])

    def test_unknown_names(self, simulator):
        with pytest.raises(InputError, match="did you mean 'redshift'"):
            simulator.changed(redshifts=7.0)

    def test_redshifts_are_positive(self, simulator):
        with pytest.raises(InputError, match="redshift must be a positive finite number"):
            simulator.changed(redshift=np.array([6.0, 7.0, np.nan]))


class TestSky:
    @pytest.mark.parametrize("lags", [(0.0, 0.0, 0.0), (0.66, 0.21, 0.06)])
    def test_statistics_of_known_noise(self, lags):
        noise = CorrelatedNoise(0.02, lags)
        stamps = SkyNoise(noise, 0.3, 0.02).draw(1000, 32, 170533)
        stamps[::7, :3, 5] = np.nan
        stamps[::5, 14:18, 14:18] += 50.0
        sky = SkyStatistics.measure(stamps)
        assert sky.rms == pytest.approx(0.02, rel=0.06)
        assert sky.autocorrelation == pytest.approx(lags, abs=0.08)
        assert np.median(sky.levels) == pytest.approx(0.3, abs=0.003)

    @pytest.mark.parametrize(
        ("level", "scatter", "name"),
        [
            (np.nan, 0.0, "level"),
            ("a", 0.0, "level"),
            (0.0, -0.1, "scatter"),
            (0.0, None, "scatter"),
        ],
    )
    def test_numbers_that_cannot_be(self, level, scatter, name):
        noise = CorrelatedNoise(0.02, (0.66, 0.21, 0.06))
        with pytest.raises(InputError, match=f"{name} must be a finite number"):
            SkyNoise(noise, level, scatter)
        with pytest.raises(InputError, match="noise must be a CorrelatedNoise or BlankSkyNoise"):
            SkyNoise(0.02, 0.0, 0.0)

    def test_correction_finds_the_noise(self):
        noise = CorrelatedNoise(0.03, (0.66, 0.21, 0.06))
        sky = SkyStatistics.measure(SkyNoise(noise, 0.1, 0.05).draw(2000, 32, 170534))
        rough = sky.noise(0.03)
        found = sky.correct(rough, SkyStatistics.measure(rough.draw(2000, 32, 170535)))
        assert found.noise.rms == pytest.approx(0.03, rel=0.01)
        assert found.level == pytest.approx(0.1, abs=0.004)
        assert found.scatter == pytest.approx(0.05, rel=0.08)


class TestParts:
    @pytest.mark.parametrize("width", [0.0, 0.02, 0.06])
    def test_width_of_gaussians(self, width):
        image = np.zeros((41, 41))
        image[20, 20] = 1.0
        sharp = gaussian_filter(image, 1.8)
        wide = gaussian_filter(image, np.hypot(1.8, width / 0.03))
        assert extra_width(wide, sharp, 0.03) == pytest.approx(width, abs=0.002)
        assert extra_width(sharp, gaussian_filter(image, 3.0), 0.03) == 0.0

    def test_redshifts_are_quantiles(self):
        redshift = np.random.default_rng(1).normal(7.0, 0.5, 5000)
        found = match_redshifts(redshift)
        assert len(found) == 31
        assert np.mean(found) == pytest.approx(7.0, abs=0.03)
        assert np.std(found) == pytest.approx(0.5, abs=0.03)
