import pickle

import numpy as np
import pytest
from astropy import units as u
from astropy.nddata import (
    CCDData,
    InverseVariance,
    NDData,
    StdDevUncertainty,
    VarianceUncertainty,
)
from astropy.table import QTable
from sklearn.model_selection import KFold, train_test_split
from sklearn.utils import resample, shuffle

from dustest.data import GalaxySample, InputError, as_sample


@pytest.fixture
def sample():
    rng = np.random.default_rng(3)
    table = QTable({"id": np.arange(20), "redshift": rng.uniform(6, 9, 20)})
    table["flux_F277W"] = rng.normal(50, 5, 20) * u.nJy
    table["flux_err_F277W"] = np.full(20, 5.0) * u.nJy
    table["cutout_F277W"] = rng.normal(size=(20, 8, 8)) * u.nJy
    return as_sample(table)


class TestScikitLearn:
    def test_splitters_keep_the_class(self, sample):
        train, test = train_test_split(sample, test_size=0.25, random_state=0)
        assert type(train) is GalaxySample
        assert (len(train), len(test)) == (15, 5)
        assert sorted([*train["id"], *test["id"]]) == list(range(20))
        for rows, _ in KFold(4).split(sample):
            assert len(sample.take(rows)) == 15

    def test_shuffle_and_resample(self, sample):
        assert sorted(shuffle(sample, random_state=0)["id"]) == list(range(20))
        assert len(resample(sample, n_samples=30, random_state=0)) == 30

    def test_take_knows_one_axis(self, sample):
        assert list(sample.take([3, 1])["id"]) == [3, 1]
        with pytest.raises(InputError, match="axis must be 0"):
            sample.take([0], axis=1)

    def test_pickle(self, sample):
        back = pickle.loads(pickle.dumps(sample))
        assert type(back) is GalaxySample
        assert back.colnames == sample.colnames
        np.testing.assert_array_equal(back["cutout_F277W"], sample["cutout_F277W"])

    @pytest.mark.parametrize("suffix", ["ecsv", "fits", "h5"])
    def test_files(self, sample, tmp_path, suffix):
        sample.meta["redshift_column"] = "z_spec"
        sample.write(tmp_path / f"sample.{suffix}")
        back = GalaxySample.read(tmp_path / f"sample.{suffix}")
        assert type(back) is GalaxySample
        assert back.meta == sample.meta
        assert back.bands == sample.bands
        np.testing.assert_allclose(back["cutout_F277W"], sample["cutout_F277W"])


class TestBands:
    def test_bands_and_cutout_bands(self, sample):
        assert sample.bands == ("F277W",)
        assert sample.cutout_bands == ("F277W",)

    def test_errors_and_masks_are_no_bands(self):
        image = NDData(np.ones((4, 4)), mask=np.zeros((4, 4), bool), unit="nJy", meta={"a": 1})
        assert as_sample({"F444W": [image]}).cutout_bands == ("F444W",)


UNCERTAINTIES = [None, StdDevUncertainty, VarianceUncertainty, InverseVariance]


class TestNDData:
    @pytest.mark.parametrize("uncertainty", UNCERTAINTIES)
    @pytest.mark.parametrize("unit", ["nJy", "MJy / sr", None])
    @pytest.mark.parametrize("dtype", [np.float32, np.float64])
    def test_round_trip_is_exact(self, uncertainty, unit, dtype):
        rng = np.random.default_rng(1)
        images = []
        for i in range(3):
            # Powers of four: their square roots and inverses are exact.
            error = uncertainty and uncertainty(4.0 ** rng.integers(-3, 3, (6, 6)))
            images.append(
                NDData(
                    rng.normal(size=(6, 6)).astype(dtype),
                    uncertainty=error,
                    mask=rng.random((6, 6)) > 0.7,
                    unit=unit,
                    meta={"EXPTIME": 10.0 * i, "FILTER": "F277W"},
                )
            )
        for before, after in zip(
            images, as_sample({"F277W": images}).to_nddata("F277W"), strict=True
        ):
            np.testing.assert_array_equal(after.data, before.data)
            assert after.data.dtype == before.data.dtype
            np.testing.assert_array_equal(after.mask, before.mask)
            assert after.unit == before.unit
            assert after.meta == before.meta
            assert type(after.uncertainty) is type(before.uncertainty)
            if uncertainty:
                np.testing.assert_array_equal(after.uncertainty.array, before.uncertainty.array)

    @pytest.mark.parametrize(
        ("kinds", "recorded"),
        [
            ((StdDevUncertainty, StdDevUncertainty), None),
            ((VarianceUncertainty, VarianceUncertainty), "var"),
            ((VarianceUncertainty, StdDevUncertainty), None),
        ],
    )
    def test_the_kind_of_uncertainty_is_recorded(self, kinds, recorded):
        images = [NDData(np.ones((2, 2)), uncertainty=kind(np.ones((2, 2)))) for kind in kinds]
        assert as_sample({"F277W": images}).meta.get("uncertainty_F277W") == recorded

    def test_subsets_keep_each_image_with_its_meta(self):
        images = [NDData(np.full((2, 2), i), meta={"n": i}) for i in range(5)]
        back = as_sample(images)[[4, 1]].to_nddata("BAND1")
        assert [image.meta["n"] for image in back] == [4, 1]
        assert [image.data[0, 0] for image in back] == [4, 1]

    def test_ccddata_is_taken(self):
        image = CCDData(np.ones((4, 4)), unit="nJy", meta={"a": 1})
        after = as_sample([image]).to_nddata("BAND1")[0]
        assert after.meta == {"a": 1}
        assert after.unit == u.nJy

    def test_unknown_band_is_refused(self, sample):
        with pytest.raises(InputError, match="band must be one of"):
            sample.to_nddata("F444W")
