import numpy as np
import pytest
from astropy import units as u
from astropy.table import QTable

from dustest.data import DustestWarning, InputError, as_sample
from dustest.validation import audit_split
from dustest.validation.split_audit.twins import orientations

N, SIZE = 60, 24


def galaxies(seed, n=N, n_bands=2, noise=1.0, size=SIZE):
    """Round galaxies of random size and flux, off the centre, with independent noise."""
    rng = np.random.default_rng(seed)
    axis = np.arange(size) - (size - 1) / 2
    x0, y0 = rng.normal(0, 1, (2, n, 1, 1))
    width = rng.uniform(1.5, 3.0, (n, 1, 1))
    shape = np.exp(-((axis - x0) ** 2 + (axis[:, None] - y0) ** 2) / (2 * width**2))
    flux = rng.lognormal(1.5, 1.0, (n, n_bands, 1, 1))
    return flux * shape[:, None] + noise * rng.normal(size=(n, n_bands, size, size))


def rows_of(copies, reason):
    found = copies[copies["reason"] == reason]
    return list(zip(found["row"].tolist(), found["test_row"].tolist(), strict=True))


class TestTwins:
    @pytest.mark.parametrize("which", range(8))
    def test_every_orientation(self, which):
        train, test = galaxies(191100), galaxies(191101)
        rng = np.random.default_rng(191102)
        test[5] = orientations(train[40])[which] + rng.normal(size=(2, SIZE, SIZE))
        copies = audit_split(train, test)
        assert rows_of(copies, "twin") == [(40, 5)]
        assert copies["similarity"][0] == pytest.approx(2 / 3, abs=0.1)
        assert copies.meta["n_copied"] == 1

    def test_similarity_by_added_noise(self):
        train = galaxies(191103)
        noise = np.random.default_rng(191104).normal(size=train.shape)
        for amplitude in (0.0, 0.5, 1.0):
            copies = audit_split(train, np.rot90(train, axes=(2, 3)) + amplitude * noise)
            assert rows_of(copies, "twin") == [(i, i) for i in range(N)]
            expected = 1 - amplitude**2 / (2 + amplitude**2)
            assert copies["similarity"].mean() == pytest.approx(expected, abs=0.02)

    def test_other_galaxies_are_no_twins(self):
        copies = audit_split(galaxies(191105, n=400), galaxies(191106, n=400))
        assert len(copies) == 0
        assert copies.meta == {"n_train": 400, "n_test": 400, "n_copied": 0}

    def test_images_without_noise(self):
        train, test = (galaxies(seed, noise=0.0) for seed in (191107, 191108))
        test[3] = np.flip(train[9], axis=2)
        assert rows_of(audit_split(train, test), "twin") == [(9, 3)]

    def test_levels_do_not_matter(self):
        train, test = galaxies(191109), galaxies(191110)
        test[3] = np.rot90(train[9], 3, axes=(1, 2)) + 50.0
        assert rows_of(audit_split(train, test), "twin") == [(9, 3)]

    def test_bands_that_both_have(self):
        train, test = galaxies(191111), galaxies(191112)
        test[3] = np.rot90(train[9], axes=(1, 2))
        one = as_sample(train, bands=["F277W", "F444W"])
        other = QTable({"cutout_F444W": test[:, 1], "id": np.arange(N)})
        assert rows_of(audit_split(one, other), "twin") == [(9, 3)]
        other.rename_column("cutout_F444W", "cutout_F356W")
        with pytest.warns(DustestWarning, match="images of a band"):
            assert len(audit_split(one, other)) == 0

    def test_missing_and_masked_pixels(self):
        train, test = galaxies(191113), galaxies(191114)
        test[3] = np.rot90(train[9], axes=(1, 2))
        test[3, 0] = np.nan
        test[7] = np.nan
        train[0] = np.nan
        assert rows_of(audit_split(train, test), "twin") == [(9, 3)]
        sample = as_sample(test, bands=["F277W", "F444W"])
        sample["cutout_mask_F444W"] = np.zeros((N, SIZE, SIZE), dtype=bool)
        sample["cutout_F444W"][3, 4, 4] = 1e6
        assert (
            rows_of(audit_split(as_sample(train, bands=sample.cutout_bands), sample), "twin") == []
        )
        sample["cutout_mask_F444W"][3, 4, 4] = True
        assert rows_of(
            audit_split(as_sample(train, bands=sample.cutout_bands), sample), "twin"
        ) == [(9, 3)]

    def test_larger_stamps_are_cut(self):
        train, test = galaxies(191115, size=28), galaxies(191116)
        test[3] = np.rot90(train[9, :, 2:-2, 2:-2], axes=(1, 2))
        assert rows_of(audit_split(train, test), "twin") == [(9, 3)]
        with pytest.warns(DustestWarning, match="twins are not looked for"):
            assert len(audit_split(train[..., 1:], test)) == 0

    def test_units(self):
        train, test = (
            as_sample(galaxies(seed), bands=["F277W", "F444W"]) for seed in (191117, 191118)
        )
        test["cutout_F277W"][3] = np.rot90(train["cutout_F277W"][9])
        test["cutout_F444W"][3] = np.rot90(train["cutout_F444W"][9])
        test["cutout_F277W"] = np.asarray(test["cutout_F277W"]) / 1e3 * u.uJy
        assert rows_of(audit_split(train, test), "twin") == [(9, 3)]
        test["cutout_F277W"] = np.ones((N, SIZE, SIZE)) * u.MJy / u.sr
        with pytest.raises(InputError, match="cutout_F277W must have one unit in train and test"):
            audit_split(train, test)


class TestContent:
    def test_same_images(self):
        train, test = galaxies(191120), galaxies(191121)
        test[3] = train[9]
        copies = audit_split(train, test)
        assert rows_of(copies, "content") == rows_of(copies, "twin") == [(9, 3)]
        assert copies["similarity"].tolist() == pytest.approx([1.0, 1.0], abs=1e-5)

    def test_same_photometry(self):
        rng = np.random.default_rng(191122)
        columns = {}
        for band in ("F277W", "F444W"):
            columns[f"flux_{band}"] = rng.normal(size=N) * u.nJy
            columns[f"flux_err_{band}"] = np.ones(N) * u.nJy
        train, test = QTable(columns), QTable(columns)[::-1].copy()
        for table, start in ((train, 0), (test, 1000)):
            table["id"] = start + np.arange(N)
        test["flux_F277W"][10:] += 1 * u.nJy
        copies = audit_split(train, test)
        assert rows_of(copies, "content") == [(N - 1 - i, i) for i in range(10)]
        test.remove_columns(["flux_F444W", "flux_err_F444W"])
        with pytest.warns(DustestWarning, match="fluxes of two"):
            assert len(audit_split(train, test)) == 0

    def test_empty_images_are_no_copies(self):
        assert len(audit_split(np.zeros((5, 1, 16, 16)), np.zeros((5, 1, 16, 16)))) == 0


class TestGroups:
    def test_first_row_of_the_group(self):
        train = QTable({"id": [1, 2, 3], "group": ["a", "b", "b"], "redshift": [7.0, 7, 7]})
        test = QTable({"id": [4, 5, 6], "group": ["c", "b", "b"], "redshift": [7.0, 7, 7]})
        copies = audit_split(train, test)
        assert rows_of(copies, "group") == [(1, 1), (1, 2)]
        assert copies.meta["n_copied"] == 2

    def test_numbers_and_text_are_equal(self):
        train = QTable({"id": [1], "group": [7], "redshift": [7.0]})
        test = QTable({"id": [2], "group": ["7"], "redshift": [7.0]})
        assert rows_of(audit_split(train, test), "group") == [(0, 0)]

    def test_galaxies_without_a_group(self):
        group = np.ma.array([7, 8], mask=[True, False])
        train = QTable({"id": [1, 2], "redshift": [7.0, 7.0]})
        train["group"] = group
        test = train.copy()
        assert rows_of(audit_split(train, test), "group") == [(1, 1)]


class TestNothingToCompare:
    def test_without_common_columns(self):
        with pytest.warns(DustestWarning, match="nothing in common that can be compared"):
            found = audit_split({"redshift": [7.0, 8.0]}, {"redshift": [7.0, 8.0]})
        assert len(found) == 0

    def test_images_of_other_centres(self):
        rng = np.random.default_rng(1)
        with pytest.warns(DustestWarning, match="images of 16 x 16 and 15 x 15 pixels"):
            found = audit_split(rng.normal(size=(9, 1, 16, 16)), rng.normal(size=(9, 1, 15, 15)))
        assert len(found) == 0
