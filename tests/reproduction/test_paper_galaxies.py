"""Galaxies split in two ways, copies of them, and real ones cut out of several images."""

import numpy as np
import pytest
from astropy import units as u
from astropy.io import fits
from astropy.table import QTable
from astropy.wcs import WCS
from cnn_galaxies import dusty
from hypothesis import given, settings
from hypothesis import strategies as st

from dustest.data import (
    DustestWarning,
    GalaxySample,
    InputError,
    ReadError,
    as_sample,
    decode_flags,
)
from dustest.estimators.network_tools import PAPER_COPIES
from dustest.reproduction.paper_galaxies import (
    BANDS,
    bright,
    dust_simulator,
    honest_split,
    paper_split,
    read_sky,
    sky_simulator,
    stamp_simulator,
)

pytest.importorskip("skimage")

KINDS = list(PAPER_COPIES)
N_KINDS = len(KINDS)
TEST_SHARE = 0.15
SCALE, SIDE = 0.03, 60


def galaxies(n=60, seed=0):
    """Galaxies of two views each, and their truth, which tells their ids."""
    sample, truth = dusty(n, seed, BANDS)
    truth["name"] = sample["id"]
    return sample, truth


def origins(sample):
    """Id of the galaxy that each row shows, and what kind of copy it is."""
    pairs = [str(name).rsplit("-", 1) for name in sample["id"]]
    return [name for name, _ in pairs], np.array([int(kind) for _, kind in pairs])


def pixels(sample, band):
    """Images in nJy."""
    return sample[f"cutout_{band}"].to_value(u.nJy)


class TestSimulators:
    def test_all_four_views_of_what_the_paper_saw(self):
        simulator = dust_simulator()
        assert simulator.bands == BANDS == ("F277W", "F356W", "F444W")
        assert len(simulator.views) == 4
        assert (min(simulator.redshifts), max(simulator.redshifts)) == (6.0, 8.0)
        assert simulator.dust_to_metal == (0.0, 1.0)
        assert simulator.population.log_mass == (8.0, 11.0)

    def test_stamps_are_of_more_bands(self):
        assert set(stamp_simulator().bands) > set(BANDS)

    def test_the_sky_has_spectra_and_photometry(self):
        simulator = sky_simulator()
        assert simulator.spectrograph is not None
        assert len(simulator.photometry_bands) > len(BANDS)
        assert len(simulator.views) == 1


class TestBright:
    def test_from_five_on_in_the_first_band(self):
        sample, truth = galaxies(6)
        sample["snr_F277W"] = [4.99, 5.0, np.nan, 50.0, -7.0, 5.01]
        taken, its_truth = bright(sample, truth)
        assert list(taken["id"]) == list(sample["id"][[1, 3, 5]])
        assert list(its_truth["name"]) == list(taken["id"])


class TestHonestSplit:
    @settings(max_examples=15)
    @given(
        seed=st.integers(0, 2**31), n=st.integers(10, 60), copies=st.floats(1.0, float(N_KINDS))
    )
    def test_no_galaxy_is_on_both_sides(self, seed, n, copies):
        sample, truth = galaxies(n)
        split = honest_split(sample, truth, copies, seed)
        learned, tested = set(split.train["group"]), set(split.test["group"])
        assert not learned & tested
        assert learned | tested == set(sample["group"])
        assert set(split.originals["group"]) == learned
        # A share of the galaxies, of which each has two views.
        assert len(tested) == np.ceil(TEST_SHARE * len(set(sample["group"])))

    def test_what_is_tested_is_as_it_was_observed(self):
        sample, truth = galaxies()
        split = honest_split(sample, truth, 3.0, 1)
        rows = [list(sample["id"]).index(name) for name in split.test["id"]]
        for band in BANDS:
            np.testing.assert_array_equal(pixels(split.test, band), pixels(sample[rows], band))
        assert list(split.test_truth["name"]) == list(split.test["id"])

    def test_originals_are_what_copies_are_made_of(self):
        split = honest_split(*galaxies(), 3.0, 1)
        assert list(split.originals_truth["name"]) == list(split.originals["id"])
        names, kinds = origins(split.train)
        assert set(names) == set(split.originals["id"])
        assert [name for name, kind in zip(names, kinds, strict=True) if kind == 0] == list(
            split.originals["id"]
        )


class TestPaperSplit:
    @settings(max_examples=10)
    @given(seed=st.integers(0, 2**31), n=st.integers(20, 60))
    def test_galaxies_are_on_both_sides(self, seed, n):
        split = paper_split(*galaxies(n), 4.0, seed)
        learned, tested = (set(origins(side)[0]) for side in (split.train, split.test))
        # All but those of which no image, or every image, is among the 15 % is no accident.
        assert len(tested & learned) > 0.5 * len(tested)

    def test_shares_are_of_images(self):
        split = paper_split(*galaxies(60), 3.8, 1)
        n = round(3.8 * 60)
        assert len(split.test) == np.ceil(TEST_SHARE * n)
        assert len(split.train) + len(split.test) == n
        assert len(split.train_truth) == len(split.train)

    def test_no_image_is_on_both_sides(self):
        split = paper_split(*galaxies(), 3.8, 1)
        names = [*split.train["id"], *split.test["id"]]
        assert len(set(names)) == len(names)
        # Not even a validation split by group keeps the copies of a galaxy together.
        groups = [*split.train["group"], *split.test["group"]]
        assert len(set(groups)) == len(groups)

    def test_originals_are_all_galaxies(self):
        sample, truth = galaxies()
        split = paper_split(sample, truth, 2.0, 1)
        assert list(split.originals["id"]) == list(sample["id"])
        assert list(split.originals_truth["name"]) == list(truth["name"])


@pytest.mark.parametrize("split_by", [paper_split, honest_split])
class TestBothSplits:
    def test_truth_follows_the_images(self, split_by):
        sample, truth = galaxies()
        split = split_by(sample, truth, 3.0, 1)
        sides = [(split.train, split.train_truth)]
        sides += [(split.test, split.test_truth)] if split_by is paper_split else []
        redshift = dict(zip(sample["id"], sample["redshift"], strict=True))
        for side, its_truth in sides:
            names, _ = origins(side)
            assert list(its_truth["name"]) == names
            assert list(side["redshift"]) == [redshift[name] for name in names]

    def test_a_seed_decides(self, split_by):
        first, second, other = (split_by(*galaxies(), 2.0, seed) for seed in (1, 1, 2))
        for side in ("train", "test"):
            one, two = getattr(first, side), getattr(second, side)
            assert list(one["id"]) == list(two["id"])
            for band in BANDS:
                np.testing.assert_array_equal(pixels(one, band), pixels(two, band))
        assert list(first.train["id"]) != list(other.train["id"])

    def test_the_sample_stays_as_it_is(self, split_by):
        sample, truth = galaxies()
        group, image = np.array(sample["group"]), pixels(sample, BANDS[0]).copy()
        split_by(sample, truth, 2.0, 1)
        np.testing.assert_array_equal(sample["group"], group)
        np.testing.assert_array_equal(pixels(sample, BANDS[0]), image)


@pytest.fixture(scope="module")
def everything():
    """Every kind of copy of every galaxy: row by galaxy and kind, and the galaxies."""
    split = honest_split(*galaxies(20), float(N_KINDS), 3)
    places = zip(*origins(split.train), strict=True)
    return {(name, int(kind)): row for row, (name, kind) in enumerate(places)}, split


class TestCopies:
    @pytest.mark.parametrize("copies", [1.0, 1.3, 3.8, 8.0, 20.0])
    def test_number(self, copies):
        split = honest_split(*galaxies(40), copies, 1)
        n = len(split.originals)
        assert len(split.train) == min(n + round((copies - 1.0) * n), N_KINDS * n)
        assert len(set(split.train["id"])) == len(split.train)

    def test_at_most_one_of_each_kind(self, everything):
        rows, split = everything
        assert set(rows) == {(n, kind) for n in split.originals["id"] for kind in range(N_KINDS)}

    @pytest.mark.parametrize(
        ("kind", "change"),
        [
            ("original", lambda image: image),
            ("rot90", lambda image: np.rot90(image, 1)),
            ("rot180", lambda image: np.rot90(image, 2)),
            ("rot270", lambda image: np.rot90(image, 3)),
            ("flip_x", lambda image: image[:, ::-1]),
            ("flip_y", lambda image: image[::-1]),
        ],
    )
    def test_turns_keep_every_pixel(self, everything, kind, change):
        rows, split = everything
        for i, name in enumerate(split.originals["id"]):
            row = rows[name, KINDS.index(kind)]
            for band in BANDS:
                image = pixels(split.originals, band)[i]
                # Single precision, of the brightest pixel.
                np.testing.assert_allclose(
                    pixels(split.train, band)[row], change(image), atol=3e-7 * np.ptp(image)
                )

    @pytest.mark.parametrize("kind", ["noise", "hog"])
    def test_other_copies_span_the_brightness_of_the_galaxy(self, everything, kind):
        rows, split = everything
        for i, name in enumerate(split.originals["id"]):
            row = rows[name, KINDS.index(kind)]
            for band in BANDS:
                image, copied = pixels(split.originals, band)[i], pixels(split.train, band)[row]
                slack = 1e-6 * np.ptp(image)
                assert image.min() - slack <= copied.min()
                assert copied.max() <= image.max() + slack
                assert np.ptp(copied) > 0.5 * np.ptp(image)
                assert np.abs(copied - image).max() > 0.01 * np.ptp(image)

    def test_noise_is_that_of_the_paper_copies(self, everything):
        rows, split = everything
        added = []
        for i, name in enumerate(split.originals["id"]):
            image = pixels(split.originals, BANDS[0])[i]
            copied = pixels(split.train, BANDS[0])[rows[name, KINDS.index("noise")]]
            # Where the noise is not cut off by the limits of the image.
            inner = (image > image.min() + 0.2 * np.ptp(image)) & (
                image < image.max() - 0.2 * np.ptp(image)
            )
            added.append((copied - image)[inner] / np.ptp(image))
        assert np.std(np.concatenate(added)) == pytest.approx(0.05, rel=0.15)

    def test_all_bands_get_the_same_copy(self, everything):
        rows, split = everything
        name = split.originals["id"][0]
        turned = split.train[rows[name, KINDS.index("rot90")]]
        for band in BANDS:
            image = pixels(split.originals, band)[0]
            assert np.argmax(turned[f"cutout_{band}"].value) == np.argmax(np.rot90(image))

    def test_rare_attenuations_are_copied_more_often(self):
        sample, truth = galaxies(200)
        rare = np.arange(200) % 10 == 0
        truth["A_V"] = np.where(rare, 2.0, 0.1) * u.mag
        split = paper_split(sample, truth, 3.0, 1)
        a_v = np.concatenate([split.train_truth["A_V"].value, split.test_truth["A_V"].value])
        n_rare, n_common = np.sum(a_v > 1.0) / 20, np.sum(a_v < 1.0) / 180
        # Weights go with the root of how rare: at most threefold copies.
        assert 1.5 < (n_rare - 1.0) / (n_common - 1.0) < 3.5

    def test_images_without_light_stay(self):
        sample, truth = galaxies(20)
        for band in BANDS:
            sample[f"cutout_{band}"][:] = 0.0 * u.nJy
        split = paper_split(sample, truth, 1.0, 1)
        assert not np.any(pixels(split.train, BANDS[0]))


def make_wcs(ra):
    """North up, at a right ascension."""
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["RA---TAN", "DEC--TAN"]
    wcs.wcs.crval = [ra, 0.0]
    wcs.wcs.crpix = [(SIDE + 1) / 2, (SIDE + 1) / 2]
    wcs.wcs.cdelt = [-SCALE / 3600, SCALE / 3600]
    return wcs


def write_mosaic(path, ra, level, error=0.1):
    """An image of one brightness."""
    header = make_wcs(ra).to_header()
    header["BUNIT"] = "nJy"
    extensions = {"SCI": np.full((SIDE, SIDE), level, dtype=np.float32)}
    extensions |= {} if error is None else {"ERR": np.full((SIDE, SIDE), error, dtype=np.float32)}
    hdus = [fits.ImageHDU(image, header, name=name) for name, image in extensions.items()]
    fits.HDUList([fits.PrimaryHDU(), *hdus]).writeto(path)
    return str(path)


class TestReadSky:
    FIELDS = (10.0, 10.01)
    """Right ascensions, 36 arcsec apart, of fields of 1.8 arcsec."""

    @pytest.fixture
    def catalog(self):
        """Galaxies in the second field, nowhere, and in the first."""
        return as_sample(
            QTable(
                {
                    "id": ["second", "nowhere", "first"],
                    "ra": [10.01, 40.0, 10.0] * u.deg,
                    "dec": [0.0, 0.0, 0.0] * u.deg,
                    "redshift": [7.0, 7.1, 7.2],
                }
            )
        )

    @pytest.fixture
    def images(self, tmp_path):
        """Two fields, each with a brightness of its own in every band."""
        return {
            band: [
                write_mosaic(tmp_path / f"{band}-{i}.fits", ra, 10.0 * (i + 1) + j)
                for i, ra in enumerate(self.FIELDS)
            ]
            for j, band in enumerate(BANDS)
        }

    def test_each_galaxy_from_the_image_that_has_it(self, catalog, images):
        sample = read_sky(catalog, images)
        assert isinstance(sample, GalaxySample)
        assert list(sample["id"]) == ["second", "nowhere", "first"]
        np.testing.assert_array_equal(sample["redshift"], [7.0, 7.1, 7.2])
        centre = np.stack([pixels(sample, band)[:, 16, 16] for band in BANDS], axis=1)
        expected = [[20.0, 21.0, 22.0], [np.nan] * 3, [10.0, 11.0, 12.0]]
        np.testing.assert_allclose(centre, expected)
        assert [("NO_DATA" in names) for names in flag_names(sample)] == [False, True, False]

    def test_the_first_of_several_wins(self, catalog, tmp_path):
        paths = [write_mosaic(tmp_path / f"{i}.fits", 10.0, i) for i in (5.0, 6.0)]
        sample = read_sky(catalog[2:], dict.fromkeys(BANDS, paths))
        np.testing.assert_allclose(pixels(sample, "F277W"), 5.0)

    def test_one_image_in_each_band(self, catalog, images):
        sample = read_sky(catalog, {band: paths[0] for band, paths in images.items()})
        assert list(np.isfinite(pixels(sample, "F277W")).all(axis=(1, 2))) == [False, False, True]

    def test_an_image_without_errors_beside_one_with(self, catalog, tmp_path):
        paths = [
            write_mosaic(tmp_path / f"{i}.fits", ra, 1.0, error)
            for i, (ra, error) in enumerate(zip(self.FIELDS, (None, 0.1), strict=True))
        ]
        with pytest.warns(DustestWarning, match="has no error map"):
            sample = read_sky(catalog, dict.fromkeys(BANDS, paths))
        found = sample["cutout_err_F277W"].to_value(u.nJy)[:, 16, 16]
        np.testing.assert_allclose(found, [0.1, np.nan, np.nan], rtol=1e-6)

    def test_what_is_flagged_already_is_cut_out_all_the_same(self, catalog, images):
        catalog["flags"] = np.full(3, 1, dtype=np.int32)
        sample = read_sky(catalog, images)
        np.testing.assert_allclose(pixels(sample, "F277W")[:, 16, 16], [20.0, np.nan, 10.0])

    @pytest.mark.parametrize("images", [None, {}])
    def test_no_images(self, catalog, images):
        sample = read_sky(catalog, images)
        assert sample.cutout_bands == ()
        assert len(sample) == 3

    def test_a_catalogue_in_a_file(self, catalog, tmp_path, images):
        path = tmp_path / "catalog.ecsv"
        catalog["flux_F277W"], catalog["flux_err_F277W"] = [50.0] * 3 * u.nJy, [1.0] * 3 * u.nJy
        QTable(catalog).write(path)
        sample = read_sky(str(path), images)
        assert list(sample["id"]) == ["second", "nowhere", "first"]
        np.testing.assert_allclose(pixels(sample, "F444W")[:, 16, 16], [22.0, np.nan, 12.0])

    def test_unequal_numbers(self, catalog, images):
        images["F444W"].pop()
        with pytest.raises(InputError, match="got 2 in F277W, 2 in F356W, 1 in F444W"):
            read_sky(catalog, images)

    def test_no_image_in_a_band(self, catalog):
        with pytest.raises(InputError, match="one or more"):
            read_sky(catalog, {key: [] for key in BANDS})

    @pytest.mark.parametrize("band", BANDS)
    def test_a_band_that_networks_see_is_missing(self, catalog, images, band):
        images["F115W"] = images.pop(band)
        with pytest.raises(InputError, match=f"images must be in .* and none in {band}$"):
            read_sky(catalog, images)

    def test_names_of_bands_may_be_long(self, catalog, images):
        images["JWST/NIRCam.F277W"] = images.pop("F277W")
        assert set(read_sky(catalog, images).cutout_bands) == set(BANDS)

    def test_no_such_image(self, catalog):
        with pytest.raises(ReadError, match=r"nowhere\.fits"):
            read_sky(catalog, dict.fromkeys(BANDS, "nowhere.fits"))

    def test_no_such_catalogue(self):
        with pytest.raises(ReadError, match=r"nowhere\.fits"):
            read_sky("nowhere.fits", None)


def flag_names(sample):
    """Names of the flags, row by row."""
    return decode_flags(np.asarray(sample["flags"]))
