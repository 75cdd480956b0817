from importlib.metadata import EntryPoint

import pytest

from dustest.data import DustTable, accessors


@pytest.fixture
def table():
    return DustTable.from_quantities([1], {"A_V": [0.3]})


def registered(monkeypatch, value):
    entry = EntryPoint("count_rows", value, accessors.ACCESSOR_GROUP)
    monkeypatch.setattr(accessors, "_entries", lambda: {"count_rows": entry})


class TestTableMethods:
    def test_a_function_of_another_package_is_a_method(self, table, monkeypatch):
        registered(monkeypatch, "builtins:len")
        assert table.count_rows() == 1
        assert "count_rows" in dir(table)

    def test_a_name_that_nobody_has(self, table):
        with pytest.raises(AttributeError, match="'DustTable' object has no attribute 'plot_see'"):
            table.plot_see(1)
        assert not hasattr(table, "_plot_sed")

    def test_a_broken_plugin_says_why(self, table, monkeypatch):
        registered(monkeypatch, "no_such_module:function")
        with pytest.raises(AttributeError, match=r"count_rows \(no_such_module:function\) cannot"):
            table.count_rows()
