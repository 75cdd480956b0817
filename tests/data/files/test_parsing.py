"""Errors of parsers, and those that are not theirs."""

import csv
import json
import zlib

import pytest
import yaml
from astropy.io.fits.verify import VerifyError

from dustest.data import InputError, ReadError
from dustest.data.files.parsing import reason, refuse_damaged


def parse_json():
    json.loads("{")


def parse_with_a_callback():
    json.loads("{}", object_hook=lambda _: {}["missing"])


def parse_yaml():
    yaml.safe_load("{{{{: @")


def raise_of(error):
    def function():
        raise error

    return function


class TestRefuseDamaged:
    @pytest.mark.parametrize(
        "function",
        [
            parse_json,
            parse_with_a_callback,
            parse_yaml,
            *map(raise_of, (OSError("x"), MemoryError(), EOFError(), zlib.error("x"))),
            *map(raise_of, (csv.Error("x"), VerifyError("x"))),
            b"\xff".decode,
        ],
    )
    def test_errors_of_parsers(self, function):
        with pytest.raises(ReadError, match="it is damaged: "), refuse_damaged("it is damaged"):
            function()

    @pytest.mark.parametrize(
        "error", [TypeError("x"), ValueError("x"), KeyError("x"), IndexError()]
    )
    def test_faults_of_dustest_are_not_hidden(self, error):
        with pytest.raises(type(error)), refuse_damaged("it is damaged"):
            raise error

    def test_own_errors_are_unchanged(self):
        with pytest.raises(InputError, match="text"), refuse_damaged("it is damaged"):
            raise_of(InputError("text"))()

    def test_interrupts_pass(self):
        with pytest.raises(KeyboardInterrupt), refuse_damaged("it is damaged"):
            raise KeyboardInterrupt


def test_reason_is_one_printable_line():
    assert reason(ValueError("a\x00\x1b[31mb.\nsecond")) == "a??[31mb"
    assert reason(ValueError()) == "ValueError"
