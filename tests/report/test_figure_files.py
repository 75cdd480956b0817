import numpy as np
import pytest
from matplotlib.figure import Figure

from dustest.data import InputError
from dustest.report.figures import save_figure


@pytest.fixture
def figure():
    figure = Figure(figsize=(3.0, 2.0))
    figure.add_subplot().scatter([0, 1], [1, 2], rasterized=True)
    return figure


def png_size(path):
    """Width and height that the header says."""
    header = np.frombuffer(path.read_bytes()[16:24], dtype=">u4")
    return tuple(header.tolist())


class TestSaveFigure:
    def test_pdf_and_png_of_the_size_of_the_figure(self, figure, tmp_path):
        paths = save_figure(figure, tmp_path / "stem")
        assert paths == [tmp_path / "stem.pdf", tmp_path / "stem.png"]
        assert sorted(tmp_path.iterdir()) == paths
        assert paths[0].read_bytes()[:4] == b"%PDF"
        assert b"/MediaBox [ 0 0 216 144 ]" in paths[0].read_bytes()
        assert png_size(paths[1]) == (600, 400)

    def test_the_same_bytes_whenever_it_is_written(self, figure, tmp_path, monkeypatch):
        first = save_figure(figure, tmp_path / "first")
        monkeypatch.setenv("SOURCE_DATE_EPOCH", "1000000000")
        second = save_figure(figure, tmp_path / "second")
        for one, two in zip(first, second, strict=True):
            assert one.read_bytes() == two.read_bytes()

    @pytest.mark.parametrize("suffix", [".svg", ".png", ".PDF"])
    def test_a_suffix_chooses_the_format(self, figure, tmp_path, suffix):
        path = tmp_path / f"figure{suffix}"
        assert save_figure(figure, path) == [path]
        assert list(tmp_path.iterdir()) == [path]

    def test_axes_stand_for_their_figure(self, figure, tmp_path):
        save_figure(figure.axes[0], tmp_path / "figure.png")
        assert png_size(tmp_path / "figure.png") == (600, 400)

    @pytest.mark.parametrize("name", ["figure.xyz", "nowhere/figure.png", ""])
    def test_what_cannot_be_written(self, figure, tmp_path, name):
        with pytest.raises(InputError, match=r"path must be (a|in a folder that exists)"):
            save_figure(figure, tmp_path / name)
        assert list(tmp_path.iterdir()) == []
