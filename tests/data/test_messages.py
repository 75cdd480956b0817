import pytest

from dustest.data.messages import argument, did_you_mean, shown, write_arguments_with


class TestArguments:
    def test_in_python(self):
        assert argument("unit", "nJy", key="F277W") == 'unit={"F277W": "nJy"}'
        assert argument("resume", True) == "resume=True"

    def test_as_another_caller_writes_them(self):
        with write_arguments_with(lambda name, value, key: f"--{name} {key}={value}"):
            assert argument("unit", "nJy", key="F277W") == "--unit F277W=nJy"
        assert argument("unit", "nJy") == 'unit="nJy"'


class TestGuesses:
    @pytest.mark.parametrize("text", ["Calzeti", "calzetti", "CALZETTI"])
    def test_near_misses(self, text):
        assert did_you_mean(text, ["SMC", "Calzetti"]) == "did you mean 'Calzetti'? "

    def test_none(self):
        assert did_you_mean("xyz", ["SMC", "Calzetti"]) == ""


class TestLists:
    def test_twenty_are_shown(self):
        assert shown(["a", 1]) == "a, 1"
        assert shown(list(range(20))).endswith(", 19")
        assert shown(list(range(22))).endswith(", 19 and 2 more")
