from html.parser import HTMLParser

import pytest

from dustest.data.displays import Display, Heading, rows_to_show, with_gap

HOSTILE = "<script>alert(1)</script>\x1b[31m\u202e\n&"


class Cells(HTMLParser):
    """Texts of a table, row by row, and all tags."""

    def __init__(self, html):
        super().__init__()
        self.rows, self.tags, self.stack, self.text = [], set(), [], ""
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.stack.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in {"td", "th"}:
            self.rows[-1].append("")

    def handle_endtag(self, tag):
        assert self.stack.pop() == tag

    def handle_data(self, data):
        self.text += data
        if self.stack and self.stack[-1] in {"td", "th"}:
            self.rows[-1][-1] += data


class TestDisplay:
    def test_text_has_aligned_columns(self):
        display = Display("two", ["id", Heading("A_V", "mag")], [["12", "−0.4"], ["3", "1.25"]])
        assert display.to_text() == "two\nid  A_V [mag]\n12       -0.4\n3        1.25"

    def test_html_has_the_same_cells(self):
        display = Display("two", ["id", Heading("A_V", "mag")], [["12", "−0.4"]], ["a note"])
        cells = Cells(display.to_html())
        assert cells.rows == [["id", "A_V [mag]"], ["12", "−0.4"]]
        assert "a note" in cells.text
        assert not cells.stack

    def test_text_of_data_is_escaped_everywhere(self):
        display = Display(HOSTILE, [HOSTILE], [[HOSTILE]], [HOSTILE], [HOSTILE])
        cells = Cells(display.to_html())
        assert cells.tags == {"div", "p", "strong", "table", "thead", "tbody", "tr", "th", "td"}
        for text in (display.to_text(), display.to_html()):
            assert "\x1b" not in text
            assert "\u202e" not in text
        assert display.to_text().count("\n") == 4

    def test_long_cells_are_cut(self):
        cells = Cells(Display("", ["id"], [["x" * 100]]).to_html())
        assert cells.rows[1] == ["x" * 59 + "…"]

    def test_columns_that_do_not_fit_into_a_line_are_named(self):
        display = Display("", ["a" * 50, "b" * 50, "c"], [["1", "2", "3"]], more=["d"])
        assert display.to_text().splitlines()[-1] == f"more columns: {'b' * 50}, c, d"
        assert len(Cells(display.to_html()).rows[1]) == 3

    def test_without_a_table(self):
        display = Display("nothing")
        assert display.to_text() == "nothing"
        assert "table" not in Cells(display.to_html()).tags


class TestRows:
    @pytest.mark.parametrize("n_rows", [0, 1, 20])
    def test_short_tables_are_shown_whole(self, n_rows):
        rows, gap = rows_to_show(n_rows)
        assert rows.tolist() == list(range(n_rows))
        assert gap is None

    def test_long_ones_have_a_gap(self):
        rows, gap = rows_to_show(21)
        assert rows.tolist() == [0, 1, 2, 3, 4, 16, 17, 18, 19, 20]
        assert with_gap([map(str, rows)], gap)[4:7] == [("4",), ("…",), ("16",)]
