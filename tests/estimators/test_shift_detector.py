"""The detector of galaxies outside the training set of a network."""

import numpy as np
import pytest
from astropy.table import QTable

from dustest import CNNEstimator
from dustest.data import as_sample
from dustest.data.errors import ReadError
from dustest.estimators._cnn.corruptions import CORRUPTIONS
from dustest.estimators._cnn.corruptions.pixels import correlated_noise, point_source
from dustest.estimators.shift_detector import ShiftDetector

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


@pytest.fixture(scope="module")
def detector():
    stamps = make_stamps(400, np.random.default_rng(170430))
    cnn = CNNEstimator(BANDS, size=32)
    return ShiftDetector(random_state=170431).fit(cnn, make_sample(stamps))


class TestReport:
    def test_few_clean_galaxies_are_reported(self, detector):
        report = detector.report(make_sample(make_stamps(300, np.random.default_rng(170432))))
        assert np.mean(report["out_of_domain"]) < 0.12
        assert np.all((report["reason"] == "") == ~report["out_of_domain"])

    @pytest.mark.parametrize(
        "name", ["noise", "background", "offset", "zeroed centre", "shifted band"]
    )
    def test_corrupted_galaxies_are_reported_with_their_reason(self, detector, name):
        rng = np.random.default_rng(170433)
        one = CORRUPTIONS[name]
        stamps, _, _ = one.apply(
            make_stamps(200, rng), np.full((200, 3), 0.1), np.full(200, 7.0), rng
        )
        report = detector.report(make_sample(stamps))
        assert np.mean(report["out_of_domain"]) > 0.8
        assert np.mean(report["reason"] == one.reason) > 0.6

    def test_same_seed_same_report(self, detector):
        sample = make_sample(make_stamps(20, np.random.default_rng(170434)))
        first, second = (detector.report(sample)["score"] for _ in range(2))
        assert np.array_equal(first, second)


def test_one_band_has_no_reason_that_compares_bands():
    sample = make_sample(make_stamps(40, np.random.default_rng(170437)))
    one = ShiftDetector(random_state=170438).fit(CNNEstimator(BANDS[:1], size=32), sample)
    assert "misaligned bands" not in one.reasons_
    assert np.isfinite(one.report(sample)["score"]).all()


class TestSave:
    def test_loaded_detector_reports_the_same(self, detector, tmp_path):
        sha256 = detector.save(tmp_path / "detector.model")
        loaded = ShiftDetector.load(tmp_path / "detector.model", sha256=sha256)
        sample = make_sample(make_stamps(20, np.random.default_rng(170435)))
        first, second = (one.report(sample) for one in (detector, loaded))
        assert all(np.array_equal(first[name], second[name]) for name in first.colnames)
        assert loaded.get_params() == detector.get_params()

    def test_damaged_file_is_refused(self, detector, tmp_path):
        path = tmp_path / "detector.model"
        detector.save(path)
        content = bytearray(path.read_bytes())
        content[-1] ^= 1
        path.write_bytes(content)
        with pytest.raises(ReadError, match="SHA-256"):
            ShiftDetector.load(path)
