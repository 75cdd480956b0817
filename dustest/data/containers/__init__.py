"""Tables of input and output: samples, truth, results."""
