"""The detector of galaxies outside the training set of a network."""

from copy import copy
from functools import cache

import numpy as np
import pytest
from astropy import units as u
from astropy.table import QTable

from dustest import CNNEstimator
from dustest.data import as_sample
from dustest.data.errors import DustestWarning, InputError, ReadError
from dustest.data.flags import FLAGS
from dustest.estimators._cnn.corruptions import CORRUPTIONS
from dustest.estimators._cnn.corruptions.pixels import (
    NoiseSource,
    blur,
    correlated_noise,
    point_source,
)
from dustest.estimators._cnn.shift.detection import UNUSUAL
from dustest.estimators.run.batch import make_batch
from dustest.estimators.shift_detector import ShiftDetector
from dustest.io import load_demo

BANDS = ("F277W", "F356W", "F444W")


def make_stamps(n, rng):
    """Gaussian galaxies of many sizes and fluxes with noise of 0.1 nJy a pixel."""
    flux = 10.0 ** rng.uniform(1.0, 2.5, (n, 1)) * rng.uniform(0.9, 1.1, (n, 3))
    sigma = rng.uniform(1.6, 3.0, (n, 1)) * np.array([1.0, 1.1, 1.2])
    noise = correlated_noise((n, 3, 48, 48), np.full((n, 3), 0.1), 0.8, rng)
    return flux[..., None, None] * point_source(48, sigma) + noise


def make_sample(stamps):
    """Sample of stamps at redshift 7."""
    columns = {f"cutout_{band}": stamps[:, i] for i, band in enumerate(BANDS)}
    n = len(stamps)
    return as_sample(
        QTable(columns | {"redshift": np.full(n, 7.0), "pixel_scale": np.full(n, 0.03)})
    )


@cache
def fitted(n_bands=3, n=600):
    """Detector of the first bands."""
    sample = make_sample(make_stamps(n, np.random.default_rng(170430)))
    return ShiftDetector(BANDS[:n_bands], random_state=170431).fit(sample)


@cache
def trained():
    """A network of a few galaxies."""
    sample = make_sample(make_stamps(40, np.random.default_rng(170456)))
    cnn = CNNEstimator(BANDS, ["A_V"], size=32, epochs=1, random_state=1)
    return cnn.fit(sample, np.linspace(0.0, 1.0, 40))


@pytest.fixture
def detector():
    return fitted()


class TestReport:
    def test_few_clean_galaxies_are_reported(self, detector):
        report = detector.report(make_sample(make_stamps(300, np.random.default_rng(170432))))
        assert np.mean(report["out_of_domain"]) < 0.12
        assert np.all((report["reason"] == "") == ~report["out_of_domain"])

    @pytest.mark.parametrize(
        "name",
        ["noise", "background", "offset", "zeroed centre", "shifted band", "unit", "hot pixels"],
    )
    def test_corrupted_galaxies_are_reported_with_their_reason(self, detector, name):
        rng = np.random.default_rng(170433)
        one = CORRUPTIONS[name]
        stamps, _, _ = one.apply(
            make_stamps(200, rng), np.full((200, 3), 0.1), np.full(200, 7.0), rng
        )
        report = detector.report(make_sample(stamps))
        assert np.mean(report["out_of_domain"]) > 0.6
        assert np.mean(report["reason"] == one.reason) > 0.6
        assert (np.mean(report["not_a_galaxy"]) > 0.5) == (not one.is_galaxy)

    def test_what_no_corruption_makes_is_unusual_or_reported(self, detector):
        stamps = make_stamps(50, np.random.default_rng(170446))
        stamps[..., :20] = 1e-3
        assert np.mean(detector.report(make_sample(stamps))["out_of_domain"]) > 0.9

    def test_same_seed_same_report(self, detector):
        sample = make_sample(make_stamps(20, np.random.default_rng(170434)))
        first, second = (detector.report(sample)["score"] for _ in range(2))
        assert np.array_equal(first, second)

    def test_noise_alone_is_not_judged(self, detector):
        noise = correlated_noise((20, 3, 48, 48), 0.1, 0.8, np.random.default_rng(170447))
        report = detector.report(make_sample(0.02 * noise))
        assert not np.any(report["out_of_domain"] & (report["score"] == 0.0))

    def test_masked_pixels_are_no_zeros(self, detector):
        sample = make_sample(make_stamps(60, np.random.default_rng(170448)))
        for band in BANDS:
            mask = np.zeros((60, 48, 48), bool)
            mask[:, 22:24, 22:25] = True
            sample[f"cutout_mask_{band}"] = mask
        assert not np.any(detector.report(sample)["reason"] == "saturation")

    def test_rounded_pixels_are_not_saturated(self, detector):
        """Of pixels rounded to a fifth of the noise, 3 of the 112 in a centre are 0."""
        stamps = make_stamps(300, np.random.default_rng(170710))
        report = detector.report(make_sample(np.round(stamps / 0.02) * 0.02))
        assert np.mean(report["out_of_domain"]) < 0.12
        assert np.mean(report["reason"] == "saturation") < 0.05

    @pytest.mark.parametrize(("side", "saturated"), [(2, 0.0), (3, 0.0), (4, 1.0), (6, 1.0)])
    def test_masked_centres(self, detector, side, saturated):
        """Networks learn patches of 3 x 3 bad pixels; larger ones are no wrong unit."""
        sample = make_sample(make_stamps(60, np.random.default_rng(170711)))
        inside = slice(24 - side // 2, 24 - side // 2 + side)
        for band in BANDS:
            sample[f"cutout_{band}"][:, inside, inside] = np.nan
        report = detector.report(sample)
        assert np.mean(report["reason"] == "saturation") == saturated
        assert np.mean(report["reason"] == "units") < 0.05

    def test_faint_sources_may_be_galaxies(self, detector):
        """Below the signal-to-noise ratio of the training set noise can look like a point."""
        rng, one = np.random.default_rng(170712), CORRUPTIONS["hot pixels"]
        stamps, _, _ = one.apply(
            make_stamps(60, rng), np.full((60, 3), 0.1), np.full(60, 7.0), rng
        )
        detection = detector.detection_
        table, _ = detection.features(make_batch(make_sample(stamps)))
        bright, faint = (detection.verdict(table, np.full(60, is_so)) for is_so in (True, False))
        assert np.mean(bright.is_galaxy) < 0.5
        assert faint.is_galaxy.all()
        assert not set(faint.reason) & {"artefact", "point source"}

    def test_a_galaxy_without_data_is_not_judged(self, detector):
        stamps = make_stamps(6, np.random.default_rng(170505))
        expected = detector.report(make_sample(stamps))["score"][2:]
        stamps[0], stamps[1] = np.nan, 0.0
        report = detector.report(make_sample(stamps))
        assert np.isnan(report["score"][:2]).all()
        assert not np.any(report["out_of_domain"][:2] | report["not_a_galaxy"][:2])
        assert np.array_equal(report["score"][2:], expected)

    def test_missing_band(self, detector):
        sample = make_sample(make_stamps(100, np.random.default_rng(170449)))
        sample.remove_column("cutout_F356W")
        assert np.mean(detector.report(sample)["out_of_domain"]) < 0.2


class TestFit:
    def test_one_band_has_no_reason_that_compares_bands(self):
        one = fitted(1, 60)
        assert "misaligned bands" not in one.reasons_
        sample = make_sample(make_stamps(40, np.random.default_rng(170437)))
        assert np.isfinite(one.report(sample)["score"]).all()

    def test_examples_bring_reasons_of_their_own(self):
        rng = np.random.default_rng(170450)
        clean = make_stamps(60, rng)
        odd = make_sample(clean + 3.0 * (np.arange(48) % 12 == 0))
        detector = ShiftDetector(random_state=1).fit(make_sample(clean), examples={"holes": odd})
        assert "holes" in detector.reasons_
        assert np.mean(detector.report(odd)["out_of_domain"]) > 0.9

    def test_each_survey_has_limits(self):
        rng = np.random.default_rng(170451)
        sample = make_sample(make_stamps(24, rng))
        sample["pixel_scale"] = np.repeat([0.03, 0.04], 12)
        detector = ShiftDetector(random_state=1).fit(sample, np.repeat(["a", "b"], 12))
        assert len(detector.detection_.limits) == 2

    def test_units_of_a_survey_of_unknown_pixels(self):
        """The noise of galaxies without a pixel scale may be that of any survey."""
        rng = np.random.default_rng(170713)
        stamps = make_stamps(120, rng)
        stamps[60:] *= 10.0
        sample = make_sample(stamps)
        sample["pixel_scale"] = np.repeat([0.03, 0.06], 60) * u.arcsec
        detector = ShiftDetector(random_state=1).fit(sample, np.repeat(["a", "b"], 60))
        for factor, share in ((1.0, 0.0), (10.0, 0.0), (1e3, 1.0), (1e-2, 1.0)):
            others = make_sample(factor * make_stamps(40, rng))
            others.remove_column("pixel_scale")
            assert np.mean(detector.report(others)["score"] > 1.0 - 1e-9) == share

    def test_bands_that_the_sample_lacks_are_refused(self):
        sample = make_sample(make_stamps(4, np.random.default_rng(170452)))
        with pytest.raises(InputError, match="F200W"):
            ShiftDetector(["F200W"]).fit(sample)

    def test_surveys_may_alternate(self):
        """Each survey has galaxies to learn from and others for its limits, in any order."""
        sample = make_sample(make_stamps(24, np.random.default_rng(170501)))
        detector = ShiftDetector(random_state=1).fit(sample, np.tile(["a", "b"], 12))
        assert len(detector.detection_.limits) == 2

    def test_stamps_may_have_an_odd_side_and_be_oblong(self):
        stamps = make_stamps(24, np.random.default_rng(170502))[..., :41, :43]
        sample = make_sample(stamps)
        report = ShiftDetector(random_state=1).fit(sample).report(sample)
        assert np.isfinite(report["score"]).all()

    def test_bad_rows_and_unknown_columns(self):
        """Rows without data are not learned; a redshift that is never known is no feature."""
        stamps = make_stamps(60, np.random.default_rng(170503))
        stamps[0] = np.nan
        stamps[1, 0, 3] = np.inf
        sample = make_sample(stamps)
        sample.remove_columns(["redshift", "pixel_scale"])
        detector = ShiftDetector(random_state=1).fit(sample)
        sample = make_sample(stamps)
        sample["pixel_scale"][:2] = [0.0, -1.0] * u.arcsec
        with pytest.warns(DustestWarning, match="pixel_scale of 2 of 60 rows lies below 0.0001"):
            report = detector.report(sample)
        assert np.mean(report["out_of_domain"]) < 0.3

    @pytest.mark.parametrize(
        ("parameters", "arguments", "message"),
        [
            ({"bands": "F277W"}, {}, "bands must be a sequence of names"),
            ({"bands": []}, {}, "bands must be a sequence of names"),
            ({"bands": 5}, {}, "bands must be a sequence of names"),
            ({"bands": ["F277W"] * 2}, {}, "bands must name each band once"),
            ({"size": 56}, {}, "cutouts must measure size=56 pixels or more"),
            ({"kind": "flux"}, {}, "X must have fluxes for kind='flux'"),
            ({}, {"survey": ["a"] * 3}, r"survey must have one name or number for each of 12"),
            ({}, {"survey": ["a"] * 10 + ["b"] * 2}, "4 or more different galaxies"),
            ({}, {"examples": [1]}, "examples must be a dict of reason to sample"),
            ({}, {"examples": {"": 1}}, r"examples must be a dict .* got \[''\]"),
        ],
    )
    def test_invalid_arguments_are_refused(self, parameters, arguments, message):
        sample = make_sample(make_stamps(12, np.random.default_rng(170504)))
        with pytest.raises(InputError, match=message):
            ShiftDetector(**parameters).fit(sample, **arguments)

    def test_examples_need_all_bands(self):
        sample = make_sample(make_stamps(12, np.random.default_rng(170510)))
        odd = sample["cutout_F277W",]
        with pytest.raises(InputError, match=r"examples\['odd'\] must have cutouts in all of"):
            ShiftDetector().fit(sample, examples={"odd": odd})

    def test_galaxies_without_data_are_refused(self):
        with pytest.raises(InputError, match="must have galaxies with data"):
            ShiftDetector().fit(make_sample(np.full((12, 3, 48, 48), np.nan)))

    @pytest.mark.parametrize(
        "wrong",
        [
            {"kind": "spectrum"},
            {"size": 8},
            {"size": 33},
            {"false_alarms": 2.0},
            {"random_state": "a"},
            {"random_state": -1},
        ],
    )
    def test_invalid_parameters_are_refused(self, wrong):
        sample = make_sample(make_stamps(4, np.random.default_rng(170453)))
        with pytest.raises(InputError, match=next(iter(wrong))):
            ShiftDetector(**wrong).fit(sample)


class TestSample:
    def test_clean_sample_does_not_differ(self, detector):
        result = detector.test_sample(make_sample(make_stamps(200, np.random.default_rng(170454))))
        assert not np.any(result["differs"])

    def test_galaxies_that_lack_a_band_are_left_out(self, detector):
        """Galaxies in one band of three would look smaller than those of the training set."""
        stamps = make_stamps(100, np.random.default_rng(170507))
        expected = detector.test_sample(make_sample(stamps[:40]))
        stamps[40:, :2] = np.nan
        found = detector.test_sample(make_sample(stamps))
        assert np.allclose(found["value"], expected["value"], rtol=1e-4, atol=1e-4)

    @pytest.mark.parametrize("n", [1, 3])
    def test_too_few_galaxies_are_refused(self, detector, n):
        stamps = make_stamps(3, np.random.default_rng(170508))
        stamps[1:] = np.nan
        with pytest.raises(InputError, match=r"must have 2 galaxies or more.*got 1"):
            detector.test_sample(make_sample(stamps[:n]))

    def test_wider_psf_is_measured(self, detector):
        """Gaussians of 1.6 to 3.6 pixels are blurred by 1 pixel; 600 galaxies teach half of it."""
        rng = np.random.default_rng(170455)
        stamps = blur(make_stamps(200, rng), 1.0, np.full((200, 3), 0.1), NoiseSource(rng))
        psf = detector.test_sample(make_sample(stamps))[0]
        assert psf["property"] == "PSF"
        assert psf["differs"]
        assert 0.35 < psf["value"] < 1.5


class TestSave:
    def test_loaded_detector_reports_the_same(self, detector, tmp_path):
        sha256 = detector.save(tmp_path / "detector.model")
        loaded = ShiftDetector.load(tmp_path / "detector.model", sha256=sha256)
        sample = make_sample(make_stamps(20, np.random.default_rng(170435)))
        first, second = (one.report(sample) for one in (detector, loaded))
        assert all(np.array_equal(first[name], second[name]) for name in first.colnames)

    def test_loaded_detector_has_its_parameters(self, tmp_path):
        sample = make_sample(make_stamps(20, np.random.default_rng(170482)))
        detector = ShiftDetector(["F356W"], size=40, false_alarms=0.05).fit(sample)
        detector.save(tmp_path / "detector.model")
        expected = detector.get_params() | {"bands": ("F356W",)}
        assert ShiftDetector.load(tmp_path / "detector.model").get_params() == expected

    def test_damaged_file_is_refused(self, detector, tmp_path):
        path = tmp_path / "detector.model"
        detector.save(path)
        content = bytearray(path.read_bytes())
        content[-1] ^= 1
        path.write_bytes(content)
        with pytest.raises(ReadError, match="SHA-256"):
            ShiftDetector.load(path)


class TestInNetworks:
    @pytest.fixture
    def cnn(self, detector):
        return copy(trained()).use_detector(detector)

    def test_flags_and_reason(self, cnn):
        rng = np.random.default_rng(170457)
        stamps = make_stamps(30, rng)
        stamps[:10, :, 22:26, 22:26] = 0.0
        table = cnn.estimate(make_sample(stamps))
        outside = (np.asarray(table["flags"]) & FLAGS["OUT_OF_DOMAIN"].value) > 0
        assert np.all(outside[:10])
        assert set(table["domain_reason"][:10]) == {"saturation"}
        assert np.all(outside[10:] >= (np.asarray(table["domain_reason"][10:]) != ""))

    def test_stated_pixels_beyond_the_training_set(self, cnn):
        sample = make_sample(make_stamps(6, np.random.default_rng(170714)))
        sample["pixel_scale"] = [0.0301, 0.03, 0.05, 3.0, 0.001, np.nan] * u.arcsec
        table = cnn.estimate(sample)
        is_other = np.array([False, False, True, True, True, False])
        assert np.array_equal(table["domain_reason"] == "pixel scale", is_other)
        assert np.all(table["flags"][is_other] & FLAGS["OUT_OF_DOMAIN"].value)

    def test_long_reasons_are_not_cut(self, cnn):
        rng = np.random.default_rng(170509)
        clean = make_stamps(60, rng)
        inside = np.abs(np.arange(48) - 24) < 9
        odd = make_sample(clean + 3.0 * inside[:, None] * (inside & (np.arange(48) % 6 == 0)))
        name = "three columns of pixels are bright"
        detector = ShiftDetector(random_state=1).fit(make_sample(clean), examples={name: odd})
        assert name in cnn.use_detector(detector).estimate(odd)["domain_reason"]

    def test_file_holds_the_detector(self, cnn, tmp_path):
        cnn.save(tmp_path / "cnn.model")
        stamps = make_stamps(10, np.random.default_rng(170458))
        stamps[:4, :, 22:26, 22:26] = 0.0
        sample = make_sample(stamps)
        reason = CNNEstimator.load(tmp_path / "cnn.model").estimate(sample)["domain_reason"]
        assert np.array_equal(reason, cnn.estimate(sample)["domain_reason"])
        explained = reason != UNUSUAL
        assert set(reason[:4]) == {"saturation"}
        again = ShiftDetector.load(tmp_path / "cnn.model").report(sample)["reason"]
        assert np.array_equal(again[explained], reason[explained])

    def test_detector_of_networks_that_come_with_dustest(self, cnn, tmp_path, monkeypatch):
        sha256 = cnn.save(tmp_path / "cnn.model")
        monkeypatch.setattr(
            "dustest.estimators.shift_detector.pretrained_file",
            lambda name: (tmp_path / f"{name}.model", sha256),
        )
        assert ShiftDetector.from_pretrained("cnn").reasons_ == cnn.detector_.reasons[1:]

    def test_few_galaxies_of_the_demo_are_flagged(self):
        """Their pixels are rounded to a sixteenth of the noise, so that files are small."""
        sample, _ = load_demo()
        report = ShiftDetector.from_pretrained("nircam-3band").report(sample)
        assert np.mean(report["out_of_domain"]) < 0.1

    def test_unknown_networks_are_refused(self):
        with pytest.raises(InputError, match="nircam-3band"):
            ShiftDetector.from_pretrained("nircam")

    def test_networks_without_a_detector_have_no_reason(self, cnn, tmp_path):
        cnn.detector_ = None
        cnn.save(tmp_path / "cnn.model")
        sample = make_sample(make_stamps(4, np.random.default_rng(170459)))
        assert (
            "domain_reason"
            not in CNNEstimator.load(tmp_path / "cnn.model").estimate(sample).colnames
        )
        with pytest.raises(ReadError, match="without a detector"):
            ShiftDetector.load(tmp_path / "cnn.model")

    def test_detector_of_other_bands_is_refused(self, cnn):
        with pytest.raises(InputError, match="F277W"):
            cnn.use_detector(fitted(1, 60))
        for wrong in (None, "mine.model", ShiftDetector, ShiftDetector(BANDS)):
            with pytest.raises(InputError, match="detector must be a ShiftDetector after fit"):
                cnn.use_detector(wrong)


WIDE = ("F115W", "F150W", "F200W", "F277W", "F356W", "F444W")


def make_photometry(n, rng, *, slope=None, unit=1.0):
    """Power laws with scatter about a slope in f_nu that depends on redshift, errors of 1 nJy."""
    redshift = rng.uniform(5.0, 9.0, n)
    if slope is None:
        slope = rng.normal(0.1 * (redshift - 7.0), 0.1)
    colour = np.linspace(0.0, 1.0, len(WIDE))
    flux = 10.0 ** (rng.uniform(1.3, 2.3, (n, 1)) + np.reshape(slope, (-1, 1)) * colour)
    flux = unit * (flux + rng.normal(size=flux.shape))
    columns = {f"flux_{band}": flux[:, i] * u.nJy for i, band in enumerate(WIDE)}
    columns |= {f"flux_err_{band}": np.full(n, unit) * u.nJy for band in WIDE}
    return as_sample(QTable(columns | {"redshift": redshift}))


@pytest.fixture(scope="module")
def photometric():
    sample = make_photometry(500, np.random.default_rng(170465))
    return ShiftDetector(kind="flux", random_state=1).fit(sample)


def test_stamps_without_photometry_are_refused(photometric):
    with pytest.raises(InputError, match="the sample must have fluxes in at least one of"):
        photometric.report(make_sample(make_stamps(2, np.random.default_rng(170506))))


class TestPhotometry:
    def test_few_clean_galaxies_are_reported(self, photometric):
        sample = make_photometry(300, np.random.default_rng(170466))
        assert np.mean(photometric.report(sample)["out_of_domain"]) < 0.12

    def test_wrong_unit(self, photometric):
        sample = make_photometry(100, np.random.default_rng(170467), unit=10.0)
        report = photometric.report(sample)
        assert np.mean(report["reason"] == "units") > 0.9

    def test_colours_of_no_galaxy(self, photometric):
        sample = make_photometry(100, np.random.default_rng(170468), slope=1.2)
        assert np.mean(photometric.report(sample)["out_of_domain"]) > 0.6

    def test_saved_detector_reports_the_same(self, photometric, tmp_path):
        photometric.save(tmp_path / "flux.model")
        sample = make_photometry(30, np.random.default_rng(170469))
        loaded = ShiftDetector.load(tmp_path / "flux.model")
        assert np.array_equal(loaded.report(sample)["score"], photometric.report(sample)["score"])

    def test_there_is_no_test_of_samples(self, photometric):
        with pytest.raises(InputError, match="stamps"):
            photometric.test_sample(make_photometry(10, np.random.default_rng(1)))


class TestCorrupt:
    """Samples that are changed in the ways that detectors learn."""

    @pytest.mark.parametrize("name", list(CORRUPTIONS))
    def test_stamps_change_and_nothing_else(self, name):
        sample = make_sample(make_stamps(20, np.random.default_rng(201010)))
        found = ShiftDetector().corrupt(sample, name, random_state=1)
        assert found.colnames == sample.colnames
        assert np.all(found["redshift"] == sample["redshift"])
        before, after = (
            np.stack([np.asarray(one[f"cutout_{band}"]) for band in BANDS])
            for one in (sample, found)
        )
        assert np.isfinite(after).all()
        assert np.any(after != before)
        again = ShiftDetector().corrupt(sample, name, random_state=1)
        assert np.all(again["cutout_F444W"] == found["cutout_F444W"])

    def test_photometry_has_the_same_strength(self):
        sample, _ = load_demo()
        strength = (0.4, 0.4)
        options = {"strength": strength, "random_state": 3}
        fluxes = ShiftDetector(kind="flux").corrupt(sample[:9], "zero point", **options)
        ratio = np.stack([fluxes[f"flux_{b}"] / sample[f"flux_{b}"][:9] for b in sample.bands])
        errors = np.stack(
            [fluxes[f"flux_err_{b}"] / sample[f"flux_err_{b}"][:9] for b in sample.bands]
        )
        np.testing.assert_allclose(ratio, errors, rtol=1e-6)
        away = np.abs(ratio - 1.0)
        np.testing.assert_allclose(np.sort(away, axis=0)[-1], 0.4, rtol=1e-6)
        np.testing.assert_allclose(np.sort(away, axis=0)[:-1], 0.0, atol=1e-12)
        np.testing.assert_array_equal(fluxes["cutout_F277W"], sample["cutout_F277W"][:9])

    def test_strength(self):
        sample = make_sample(make_stamps(5, np.random.default_rng(201011)))
        found = ShiftDetector().corrupt(sample, "unit", strength=(0.5, 0.5), random_state=1)
        before, after = (np.asarray(one["cutout_F277W"]) for one in (sample, found))
        np.testing.assert_allclose(np.abs(np.log10(after / before)), 0.5, rtol=1e-4)

    def test_stamps_in_surface_brightness(self):
        stamps = make_stamps(5, np.random.default_rng(201012))
        sample = make_sample(stamps)
        bright = sample.copy()
        pixel = (0.03 * u.arcsec) ** 2
        for number, band in enumerate(BANDS):
            bright[f"cutout_{band}"] = (stamps[:, number] * u.nJy / pixel).to(u.MJy / u.sr)
        one, other = (
            ShiftDetector().corrupt(each, "offset", random_state=1) for each in (sample, bright)
        )
        assert other["cutout_F277W"].unit == u.nJy
        np.testing.assert_allclose(
            np.asarray(other["cutout_F277W"]), np.asarray(one["cutout_F277W"]), atol=1e-4
        )

    def test_mistakes(self):
        sample, _ = load_demo()
        with pytest.raises(InputError, match="corruption must be one of wide PSF"):
            ShiftDetector().corrupt(sample, "wide")
        with pytest.raises(InputError, match=r"must be one that fluxes in F606W.* show"):
            ShiftDetector(kind="flux").corrupt(sample, "offset")
        with pytest.raises(InputError, match="must be one that cutouts in F444W show"):
            ShiftDetector(["F444W"]).corrupt(sample, "shifted band")
