"""The tables that go in and come out: samples, truth, results."""
