import numpy as np
import pytest
from astropy import units as u
from astropy.table import QTable
from cnn_stamps import BANDS, cutout_batch, galaxies
from hypothesis import given, settings
from hypothesis import strategies as st
from photutils.aperture import CircularAperture
from scipy.ndimage import gaussian_filter

from dustest.data import FLAGS, InputError, as_sample, decode_flags
from dustest.estimators import make_batch
from dustest.estimators._cnn.context import context_names, describe
from dustest.estimators._cnn.inputs import (
    aperture,
    prepare,
    prepare_paper,
    stretch,
    unstretch,
)
from dustest.io import add_cutouts
from dustest.simulate import noise_preset

JUNK = [0.0, -0.0, 1.0, -1.0, np.nan, np.inf, -np.inf, 1e308, -1e308, 1e38, 1e-308, 1e-30, 1e20]


def column(inputs, name, bands=BANDS):
    """A column of the context."""
    return inputs.context[:, context_names(bands).index(name)]


def names(inputs):
    """Names of the flags of all rows."""
    return [set(row) for row in decode_flags(inputs.flags)]


def aperture_noise(noise):
    """True scatter of noise in the aperture."""
    return np.std(np.tensordot(noise, aperture(noise.shape[-1]), axes=2))


class TestContext:
    def test_names(self):
        assert context_names(["JWST/NIRCam.F277W", "F444W"]) == (
            *("present_F277W", "log_snr_F277W", "log_flux_F277W"),
            *("present_F444W", "log_snr_F444W", "log_flux_F444W"),
            *("log_scale", "log_pixel_scale", "pixel_scale_known"),
            *("redshift", "redshift_known"),
        )
        assert prepare(cutout_batch(galaxies()), BANDS).context.shape == (6, 14)

    def test_redshift(self):
        redshift = np.array([7.0, np.nan, -1.0, np.inf, 1e9, 0.0])
        inputs = prepare(cutout_batch(galaxies(6), redshift=7.0), BANDS)
        assert column(inputs, "redshift") == pytest.approx(0.7)
        batch = cutout_batch(galaxies(6))
        object.__setattr__(batch, "redshift", redshift)
        inputs = prepare(batch, BANDS)
        assert column(inputs, "redshift").tolist() == pytest.approx([0.7, 0, 0, 0, 2.0, 0])
        assert column(inputs, "redshift_known").tolist() == [1, 0, 0, 0, 1, 1]

    def test_pixel_scale(self):
        pixel_scale = np.array([0.03, 0.06, np.nan, 0.0, np.inf, 1e9, 1e-9])
        batch = cutout_batch(galaxies(7)).changed(pixel_scale=pixel_scale)
        inputs = prepare(batch, BANDS)
        expected = [0, np.log10(2.0), 0, 0, 0, 1, -1]
        assert column(inputs, "log_pixel_scale").tolist() == pytest.approx(expected)
        assert column(inputs, "pixel_scale_known").tolist() == [1, 1, 0, 0, 0, 1, 1]

    def test_fluxes_and_scale(self):
        stamps = galaxies(rms=0.01)
        inputs = prepare(cutout_batch(stamps), BANDS)
        flux = np.tensordot(stamps, aperture(32), axes=2)
        assert column(inputs, "log_scale") == pytest.approx(np.log10(flux.mean(axis=1)), abs=1e-5)
        for i, band in enumerate(BANDS):
            relative = np.log10(flux[:, i] / flux.mean(axis=1))
            assert column(inputs, f"log_flux_{band}") == pytest.approx(relative, abs=1e-5)
            found = 10.0 ** column(inputs, f"log_snr_{band}")
            assert found == pytest.approx(inputs.snr[:, i], rel=1e-5)


class TestDescribe:
    def test_difference_of_logarithms_is_noise_over_scale(self):
        rng = np.random.default_rng(0)
        flux, noise = rng.normal(size=(50, 3)), rng.uniform(0.1, 3.0, size=(50, 3))
        scale, columns = describe(flux, noise, np.ones((50, 3), dtype=bool))
        found = 10.0 ** (columns["log_flux"] - columns["log_snr"])
        assert found == pytest.approx(noise / scale[:, None])

    def test_scale_is_bounded_by_noise(self):
        there = np.array([[True, True], [True, False], [False, False]])
        scale, columns = describe(np.full((3, 2), -5.0), np.full((3, 2), 2.0), there)
        assert scale == pytest.approx([np.sqrt(2.0), 2.0, 1.0])
        assert columns["log_snr"][0] == pytest.approx(-1.0)
        assert not any(values[~there].any() for values in columns.values())


class TestStretch:
    def test_inverse(self):
        linear = np.concatenate([-np.geomspace(1e-6, 1e3, 60), [0.0], np.geomspace(1e-6, 1e3, 60)])
        assert unstretch(stretch(linear)) == pytest.approx(linear, rel=1e-9)
        assert unstretch(stretch(linear.astype("f4"))) == pytest.approx(linear, rel=1e-4)

    def test_linear_where_faint(self):
        assert stretch(np.array([1e-4, 0.01])) == pytest.approx([0.01, 1.0], rel=0.02)

    def test_bounded_and_odd(self):
        assert stretch(np.array([np.inf])) == -stretch(np.array([-np.inf])) < 44.0

    def test_leaves_its_input(self):
        linear = np.ones(3)
        unstretch(stretch(linear))
        assert np.all(linear == 1.0)


class TestAperture:
    @pytest.mark.parametrize("size", [16, 32, 64])
    def test_independent(self, size):
        circle = CircularAperture((0.5 * (size - 1),) * 2, size / 6.0)
        expected = circle.to_mask(method="exact").to_image((size, size))
        assert aperture(size) == pytest.approx(expected, abs=0.03)
        assert aperture(size).sum() == pytest.approx(np.pi * (size / 6.0) ** 2, rel=2e-3)


class TestImages:
    def test_shapes_and_types(self):
        inputs = prepare(cutout_batch(galaxies()), BANDS)
        assert inputs.image.shape == (6, 32, 32, 3)
        assert inputs.snr.shape == (6, 3)
        kinds = {array.dtype for array in (inputs.image, inputs.context, inputs.snr)}
        assert kinds == {np.dtype("f4")}
        assert (inputs.usable.dtype, inputs.flags.dtype) == (bool, np.int32)
        assert len(inputs) == 6

    def test_colour_is_kept(self):
        stamps = galaxies(rms=0.01)
        image = prepare(cutout_batch(stamps), BANDS).image
        ratio = np.moveaxis(stamps, 1, -1)
        ratio = (ratio[..., 0] / ratio[..., 2])[:, 12:20, 12:20]
        linear = unstretch(image)
        found = (linear[..., 0] / linear[..., 2])[:, 12:20, 12:20]
        assert found == pytest.approx(ratio, rel=1e-4)
        faint = np.abs(image).max(axis=-1) < 1.0
        bright = np.abs(image).min(axis=-1) > 0.2
        shown = image[..., 0] / image[..., 2]
        expected = linear[..., 0] / linear[..., 2]
        assert np.sum(faint & bright) > 100
        assert shown[faint & bright] == pytest.approx(expected[faint & bright], rel=0.02)

    def test_brightness_is_in_the_scale_alone(self):
        stamps = galaxies()
        faint, bright = (prepare(cutout_batch(f * stamps), BANDS) for f in (1.0, 10.0))
        assert bright.image == pytest.approx(faint.image, rel=1e-4, abs=1e-5)
        place = context_names(BANDS).index("log_scale")
        change = bright.context - faint.context
        assert change[:, place] == pytest.approx(1.0, abs=1e-5)
        assert np.delete(change, place, axis=1) == pytest.approx(0.0, abs=1e-5)
        assert np.array_equal(faint.flags, bright.flags)

    def test_rows_stand_alone(self):
        stamps = galaxies(300, flux=np.random.default_rng(1).uniform(1.0, 50.0, (300, 3)))
        order = np.random.default_rng(2).permutation(300)
        batch = cutout_batch(stamps)
        inputs, shuffled, one = (prepare(b, BANDS) for b in (batch, batch[order], batch[7:8]))
        for name in ("image", "context", "snr", "flags"):
            assert np.array_equal(getattr(inputs, name)[order], getattr(shuffled, name))
            assert np.array_equal(getattr(inputs, name)[7:8], getattr(one, name))

    def test_order_of_bands(self):
        batch = cutout_batch(galaxies())
        straight, turned = prepare(batch, BANDS), prepare(batch, BANDS[::-1])
        assert turned.image == pytest.approx(straight.image[..., ::-1], rel=1e-5)
        assert np.array_equal(turned.snr, straight.snr[:, ::-1])

    @pytest.mark.parametrize("shape", [(48, 48), (65, 65), (33, 40)])
    def test_larger_stamps_are_cropped(self, shape):
        y, x = ((side - 32) // 2 for side in shape)
        stamps = np.random.default_rng(3).normal(size=(2, 3, *shape))
        inner = np.ascontiguousarray(stamps[..., y : y + 32, x : x + 32])
        whole, cut = prepare(cutout_batch(stamps), BANDS), prepare(cutout_batch(inner), BANDS)
        assert np.array_equal(whole.image, cut.image)
        assert np.array_equal(whole.context, cut.context)

    @pytest.mark.parametrize("make", [prepare, prepare_paper])
    def test_window_cuts_the_images_alone(self, make):
        stamps = galaxies()
        stamps[2, 1, :3] = np.nan
        whole, cut = (make(cutout_batch(stamps), BANDS, window=side) for side in (None, 23))
        np.testing.assert_array_equal(cut.image, whole.image[:, 4:27, 4:27])
        for name in ("context", "snr", "usable", "flags"):
            np.testing.assert_array_equal(getattr(cut, name), getattr(whole, name))

    def test_other_sizes_and_spellings(self):
        inputs = prepare(cutout_batch(galaxies()), ["JWST/NIRCam.F444W"], size=16)
        assert inputs.image.shape == (6, 16, 16, 1)
        assert inputs.usable.all()


class TestNoise:
    # Neither measured nor needed better than to a tenth of a dex: pixels alone are off by 2 to 4.
    @pytest.mark.parametrize("smoothing", [0.0, 0.5, 0.8, 1.2, 1.6])
    def test_correlation_counts(self, smoothing):
        noise = np.random.default_rng(4).normal(size=(400, 1, 32, 32))
        noise = gaussian_filter(noise, (0, 0, smoothing, smoothing))
        inputs = prepare(cutout_batch(noise, bands=["F277W"]), ["F277W"])
        flux = np.tensordot(noise, aperture(32), axes=2)
        found = np.median(flux / inputs.snr)
        assert 0.95 < found / aperture_noise(noise) < 1.4

    @pytest.mark.parametrize("band", BANDS)
    @pytest.mark.parametrize("survey", ["JADES-deep", "CEERS"])
    def test_surveys(self, survey, band):
        noise = noise_preset(survey, band).draw(400, 32, 5)[:, None]
        inputs = prepare(cutout_batch(noise, bands=[band]), [band])
        logarithm = np.log10(np.tensordot(noise, aperture(32), axes=2) / inputs.snr)[:, 0]
        assert 10.0 ** np.median(logarithm) == pytest.approx(aperture_noise(noise), rel=0.12)
        assert np.std(logarithm) < 0.12

    def test_errors_come_first(self):
        stamps = galaxies(200, rms=0.05)
        single, double = (prepare(cutout_batch(stamps, err=e), BANDS).snr for e in (0.05, 0.10))
        assert double == pytest.approx(0.5 * single, rel=1e-5)
        border = prepare(cutout_batch(stamps), BANDS).snr
        assert np.median(single / border) == pytest.approx(1.0, abs=0.1)

    def test_partial_errors(self):
        stamps = galaxies()
        err = np.full(stamps.shape, 0.05)
        whole = prepare(cutout_batch(stamps, err=err), BANDS).snr
        err[:, :, 15] = np.nan
        err[:, :, 16] = 0.0
        assert prepare(cutout_batch(stamps, err=err), BANDS).snr == pytest.approx(whole, rel=0.02)
        err[:, :, 13:] = np.nan
        border = prepare(cutout_batch(stamps), BANDS).snr
        assert np.array_equal(prepare(cutout_batch(stamps, err=err), BANDS).snr, border)

    def test_masked_border(self):
        stamps = galaxies(50)
        plain = prepare(cutout_batch(stamps), BANDS).snr
        mask = np.ones(stamps.shape, dtype=bool)
        mask[..., 4:-4, 4:-4] = False
        inner = prepare(cutout_batch(stamps, mask=mask), BANDS).snr
        assert np.all((inner > 0.05 * plain) & (inner < 3.0 * plain))
        mask = np.random.default_rng(5).random(stamps.shape) < 0.2
        some = prepare(cutout_batch(stamps, mask=mask), BANDS).snr
        assert np.median(some / plain) == pytest.approx(0.8, abs=0.15)

    def test_no_noise(self):
        inputs = prepare(cutout_batch(galaxies(rms=0.0)), BANDS)
        assert inputs.snr.max() <= 1.001e4
        assert np.isfinite(inputs.context).all()

    @pytest.mark.filterwarnings("ignore::astropy.wcs.FITSFixedWarning")
    def test_real_stamps(self, shared_data):
        path = shared_data / "cutouts" / "jof_478_zphot5.84.fits"
        snr = []
        for keep in (True, False):
            sample = as_sample(add_cutouts(self.position(path), dict.fromkeys(BANDS, path)))
            if not keep:
                sample.remove_columns([f"cutout_err_{band}" for band in BANDS])
            inputs = prepare(make_batch(sample), BANDS)
            assert inputs.flags.tolist() == [0]
            snr.append(inputs.snr)
        assert snr[0] == pytest.approx(snr[1], rel=0.3)

    def position(self, path):
        """The galaxy in the middle of a stamp."""
        from astropy.io import fits
        from astropy.wcs import WCS

        with fits.open(path) as hdus:
            sky = WCS(hdus["F277W_SCI"].header).pixel_to_world(32, 32)
        return QTable({"ra": [sky.ra.deg] * u.deg, "dec": [sky.dec.deg] * u.deg})


class TestMissing:
    def test_band_that_the_sample_lacks(self):
        inputs = prepare(cutout_batch(galaxies()[:, :2], BANDS[:2]), BANDS)
        assert not inputs.image[..., 2].any()
        assert not column(inputs, "present_F444W").any()
        assert not inputs.snr[:, 2].any()
        assert names(inputs) == [{"MISSING_BAND"}] * 6

    @pytest.mark.parametrize("blank", [np.nan, 0.0, np.inf])
    def test_band_that_a_galaxy_lacks(self, blank):
        stamps = galaxies()
        stamps[2, 1] = blank
        inputs = prepare(cutout_batch(stamps), BANDS)
        there = column(inputs, "present_F356W")
        assert there.tolist() == [1, 1, 0, 1, 1, 1]
        assert not inputs.image[2, ..., 1].any()
        assert names(inputs) == [{"MISSING_BAND"} if i == 2 else set() for i in range(6)]

    def test_level_of_the_others_stays(self):
        stamps = galaxies(flux=50.0, rms=0.01)
        whole = prepare(cutout_batch(stamps), BANDS).image
        less = prepare(cutout_batch(stamps[:, :1], BANDS[:1]), BANDS).image
        assert less[..., 0] == pytest.approx(whole[..., 0], rel=0.01, abs=1e-4)

    def test_no_band_at_all(self):
        stamps = galaxies()
        stamps[3] = np.nan
        inputs = prepare(cutout_batch(stamps), BANDS)
        assert inputs.usable.tolist() == [True] * 3 + [False] + [True] * 2
        assert names(inputs)[3] == {"NO_DATA"}
        assert not inputs.image[3].any()
        assert not inputs.context[3, :10].any()


class TestPixels:
    def test_bad_pixels_are_zero_and_unread(self):
        stamps = galaxies()
        mask = np.zeros(stamps.shape, dtype=bool)
        mask[:, :, 10, 3:9] = True
        found = []
        for junk in (np.nan, 1e38, -7.0):
            stamps[mask] = junk
            found.append(prepare(cutout_batch(stamps, mask=mask), BANDS))
        assert not found[0].image[:, 10, 3:9].any()
        for other in found[1:]:
            assert np.array_equal(other.image, found[0].image)
            assert np.array_equal(other.context, found[0].context)
        assert names(found[0]) == [set()] * 6

    def test_many_bad_pixels(self):
        stamps = galaxies()
        stamps[1, 0, 4:10, 4:10] = np.nan
        stamps[2, 1, 15, 15:18] = np.nan
        expected = [{"BAD_PIXELS"} if i in (1, 2) else set() for i in range(6)]
        assert names(prepare(cutout_batch(stamps), BANDS)) == expected

    @pytest.mark.parametrize("side", [np.s_[:5], np.s_[-5:], np.s_[:, :5], np.s_[:, -3:]])
    def test_edge_is_not_bad_pixels(self, side):
        stamps = galaxies()
        stamps[(slice(2), slice(None), *np.atleast_1d(side))] = np.nan
        assert names(prepare(cutout_batch(stamps), BANDS)) == [{"EDGE"}] * 2 + [set()] * 4

    def test_edge_and_bad_pixels(self):
        stamps = galaxies()
        stamps[:, :, :3] = np.nan
        stamps[:, :, 20:25, 20:25] = np.nan
        assert names(prepare(cutout_batch(stamps), BANDS)) == [{"EDGE", "BAD_PIXELS"}] * 6

    def test_bad_row_within_is_no_edge(self):
        stamps = galaxies()
        stamps[:, :, 5] = np.nan
        assert names(prepare(cutout_batch(stamps), BANDS)) == [{"BAD_PIXELS"}] * 6

    def test_low_snr(self):
        stamps = galaxies(flux=(0.1, 0.1, 0.1))
        assert names(prepare(cutout_batch(stamps), BANDS)) == [{"LOW_SNR"}] * 6
        assert names(prepare(cutout_batch(stamps), BANDS, snr_min=-9.0)) == [set()] * 6
        one_band = galaxies(flux=(0.0, 0.0, 60.0))
        assert names(prepare(cutout_batch(one_band), BANDS)) == [set()] * 6


class TestPaper:
    def test_each_band_from_0_to_1(self):
        image = prepare_paper(cutout_batch(galaxies()), BANDS).image
        assert np.all(image.min(axis=(1, 2)) == 0.0)
        assert np.all(image.max(axis=(1, 2)) == 1.0)

    def test_bands_stand_alone(self):
        stamps = galaxies()
        before = prepare_paper(cutout_batch(stamps), BANDS)
        stamps[:, 1] = 3.0 * stamps[:, 1] + 7.0
        after = prepare_paper(cutout_batch(stamps), BANDS)
        assert after.image == pytest.approx(before.image, abs=1e-5)

    def test_context_is_that_of_prepare(self):
        batch = cutout_batch(galaxies())
        paper, ours = prepare_paper(batch, BANDS), prepare(batch, BANDS)
        for name in ("context", "snr", "usable", "flags"):
            assert np.array_equal(getattr(paper, name), getattr(ours, name))

    def test_bad_pixels_and_missing_bands(self):
        stamps = galaxies()
        stamps[:, 0, 3, 3] = -1e5
        stamps[:, 1] = 2.0
        stamps[0, 2] = np.nan
        stamps[1, 2, 10:22, 10:22] = np.nan
        mask = stamps < -1e4
        image = prepare_paper(cutout_batch(stamps, mask=mask), BANDS).image
        assert np.all(image[..., 0].max(axis=(1, 2)) == 1.0)
        assert np.median(image[..., 0]) < 0.3
        assert not image[:, 3, 3, 0].any()
        assert not image[..., 1].any()
        assert not image[:2, ..., 2].any()


class TestJunk:
    @pytest.mark.parametrize("make", [prepare, prepare_paper])
    @settings(max_examples=40)
    @given(
        seed=st.integers(0, 2**32),
        share=st.sampled_from([0.0, 0.02, 0.5, 1.0]),
        scale=st.sampled_from([1e-35, 1e-12, 1.0, 1e25, 1e100]),
        n_bands=st.integers(1, 3),
        shape=st.tuples(st.integers(16, 25), st.integers(16, 25)),
    )
    def test_always_finite(self, make, seed, share, scale, n_bands, shape):
        rng = np.random.default_rng(seed)
        arrays = []
        for _ in range(2):
            stamps = scale * rng.normal(size=(3, n_bands, *shape))
            arrays.append(np.where(rng.random(stamps.shape) < share, rng.choice(JUNK), stamps))
        bands, mask = BANDS[:n_bands], rng.random(arrays[0].shape) < rng.choice([0.0, 0.3])
        redshift = rng.choice(JUNK)
        batch = cutout_batch(arrays[0], bands, arrays[1], mask, redshift)
        inputs = make(batch, bands, size=16)
        for name in ("image", "context", "snr"):
            assert np.isfinite(getattr(inputs, name)).all(), name
        assert np.array_equal(inputs.usable, (inputs.flags & FLAGS["NO_DATA"].value) == 0)
        assert not inputs.image[~inputs.usable].any()
        decode_flags(inputs.flags)


class TestErrors:
    def test_smaller_stamps(self):
        batch = cutout_batch(galaxies(size=20))
        with pytest.raises(InputError, match=r"size=32 pixels or more.*got 20 x 20"):
            prepare(batch, BANDS)

    @pytest.mark.parametrize("size", [0, 8, 20, 32.0, True, None])
    def test_size(self, size):
        with pytest.raises(InputError, match="size must be a multiple of 8"):
            prepare(cutout_batch(galaxies()), BANDS, size=size)

    @pytest.mark.parametrize("snr_min", ["5", np.nan, None])
    def test_snr_min(self, snr_min):
        with pytest.raises(InputError, match="snr_min must be a finite number"):
            prepare(cutout_batch(galaxies()), BANDS, snr_min=snr_min)

    @pytest.mark.parametrize(
        ("bands", "message"),
        [
            ("F277W", "bands must be a sequence"),
            ([1], "bands must be a sequence"),
            (["F277W", "nircam_f277w"], "bands must name each band once"),
            (["F115W"], "at least one of the bands F115W, got cutouts in F277W"),
            ([], "at least one of the bands"),
        ],
    )
    def test_bands(self, bands, message):
        with pytest.raises(InputError, match=message):
            prepare(cutout_batch(galaxies()), bands)

    def test_no_cutouts(self):
        batch = make_batch(as_sample(np.zeros((4, 2))))
        with pytest.raises(InputError, match="got cutouts in no band"):
            prepare(batch, BANDS)
