import io

import numpy as np
import pytest
from astropy import units as u
from matplotlib.figure import Figure

from dustest.data import GalaxySample, InputError
from dustest.report.figures import plot_stamps

BANDS = ("F277W", "F356W", "F444W")


def sample(n=3, size=16, **columns):
    rng = np.random.default_rng(1)
    images = {f"cutout_{band}": rng.normal(size=(n, size, size)) * u.nJy for band in BANDS}
    return GalaxySample({"id": [f"g{i}" for i in range(n)], **images, **columns})


def norms(figure):
    return [ax.images[0].norm for ax in figure.axes]


def bars(ax):
    return [line for line in ax.lines if line.get_gid() == "scale bar"]


class TestPlotStamps:
    def test_a_row_a_galaxy_and_a_column_a_band(self):
        galaxies = sample()
        figure = plot_stamps(galaxies)
        assert [ax.get_title() for ax in figure.axes[:3]] == list(BANDS)
        assert {ax.get_title() for ax in figure.axes[3:]} == {""}
        for i, ax in enumerate(figure.axes):
            expected = galaxies[f"cutout_{BANDS[i % 3]}"][i // 3].value
            np.testing.assert_array_equal(ax.images[0].get_array(), expected)

    def test_rows_and_bands_in_the_order_asked_for(self):
        galaxies = sample()
        figure = plot_stamps(galaxies, rows=[2, 0], bands=["F444W"])
        first, second = (ax.images[0].get_array() for ax in figure.axes)
        np.testing.assert_array_equal(first, galaxies["cutout_F444W"][2].value)
        np.testing.assert_array_equal(second, galaxies["cutout_F444W"][0].value)

    def test_six_rows_by_default(self):
        assert len(plot_stamps(sample(9)).axes) == 18

    def test_labels(self):
        galaxies = sample(redshift=[7.123, np.nan, 8.0])
        figure = plot_stamps(galaxies)
        assert [ax.get_ylabel() for ax in figure.axes[::3]] == [
            "g0\n$z = 7.12$",
            "g1",
            "g2\n$z = 8.00$",
        ]
        figure = plot_stamps(galaxies, rows=[1], labels=["$A_V = 0.3$"])
        assert figure.axes[0].get_ylabel() == "$A_V = 0.3$"

    def test_one_stretch_a_galaxy_keeps_colours(self):
        galaxies = sample()
        galaxies["cutout_F444W"] = galaxies["cutout_F444W"] * 10
        limits = {(norm.vmin, norm.vmax) for norm in norms(plot_stamps(galaxies, rows=[0]))}
        ((low, high),) = limits
        pixels = np.concatenate([galaxies[f"cutout_{band}"][0].value for band in BANDS])
        assert high == pixels.max()
        assert pixels.min() < low < np.median(pixels)

    def test_a_stretch_of_its_own_for_each_stamp(self):
        galaxies = sample()
        found = norms(plot_stamps(galaxies, rows=[0], scaling="stamp"))
        assert [norm.vmax for norm in found] == [
            galaxies[f"cutout_{band}"][0].value.max() for band in BANDS
        ]

    def test_the_stretch_is_the_documented_one(self):
        norm = norms(plot_stamps(sample()))[0]
        value = norm.vmin + 0.3 * (norm.vmax - norm.vmin)
        assert norm(value) == pytest.approx(np.arcsinh(3) / np.arcsinh(10))

    def test_bands_of_one_galaxy_in_one_unit(self):
        galaxies = sample()
        galaxies["cutout_F356W"] = galaxies["cutout_F277W"].to(u.uJy)
        first, second, _ = plot_stamps(galaxies, rows=[0]).axes
        np.testing.assert_allclose(first.images[0].get_array(), second.images[0].get_array())

    @pytest.mark.parametrize("unit", [u.MJy / u.sr, None])
    def test_units_that_do_not_convert(self, unit):
        galaxies = sample()
        images = galaxies["cutout_F356W"].value
        galaxies["cutout_F356W"] = images if unit is None else images << unit
        with pytest.raises(InputError, match=r"to scale them together.*use scaling='stamp'"):
            plot_stamps(galaxies)
        plot_stamps(galaxies, scaling="stamp")

    def test_pixels_without_data_are_left_open(self):
        galaxies = sample(1)
        galaxies["cutout_F277W"][0, :4] = np.nan
        galaxies["cutout_F356W"][0] = np.nan
        figure = plot_stamps(galaxies, scaling="stamp")
        shown = figure.axes[0].images[0].get_array()
        np.testing.assert_array_equal(np.ma.getmaskarray(shown)[:4], True)
        assert figure.axes[0].patch.get_hatch()
        figure.savefig(io.BytesIO(), format="png")

    def test_a_constant_image(self):
        galaxies = sample(1)
        galaxies["cutout_F277W"] = np.zeros((1, 16, 16)) * u.nJy
        plot_stamps(galaxies, scaling="stamp").savefig(io.BytesIO(), format="png")

    def test_scale_bar(self):
        # Of 0.64 arcsec, 0.2 are the longest bar below 45 %.
        figure = plot_stamps(sample(pixel_scale=np.full(3, 0.04) * u.arcsec))
        (bar,) = bars(figure.axes[0])
        assert np.ptp(bar.get_xdata()) == pytest.approx(0.2 / 0.64)
        assert [text.get_text() for text in figure.axes[0].texts] == ["0.2″"]
        assert not any(bars(ax) for ax in figure.axes[1:])

    def test_scale_bars_of_different_scales(self):
        figure = plot_stamps(sample(pixel_scale=[0.03, 0.06, np.nan] * u.arcsec))
        lengths = [[text.get_text() for text in ax.texts] for ax in figure.axes[::3]]
        assert lengths == [["0.2″"], ["0.2″"], []]

    def test_draws_on_a_given_figure(self):
        parts = Figure().subfigures(1, 2)
        assert plot_stamps(sample(), figure=parts[1]) is parts[1]
        assert len(parts[1].axes) == 9

    def test_takes_an_array(self):
        figure = plot_stamps(np.zeros((2, 3, 8, 8)))
        assert [ax.get_title() for ax in figure.axes[:3]] == ["BAND1", "BAND2", "BAND3"]

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"rows": [3]}, r"rows must be row numbers of a sample of 3 galaxies, got \[3\]"),
            ({"rows": []}, "rows must be row numbers"),
            ({"rows": [0.5]}, "rows must be row numbers"),
            ({"bands": ["F115W"]}, "bands must be among those with cutouts"),
            ({"labels": ["one"]}, "labels must hold one text for each of 3 rows, got 1"),
            ({"scaling": "log"}, "scaling must be one of"),
        ],
    )
    def test_options(self, options, message):
        with pytest.raises(InputError, match=message):
            plot_stamps(sample(), **options)

    def test_a_sample_without_cutouts(self):
        with pytest.raises(InputError, match="bands must be among those with cutouts"):
            plot_stamps(GalaxySample({"redshift": [7.0]}))
