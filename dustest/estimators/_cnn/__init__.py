"""Private parts of `CNNEstimator`: inputs, networks, training, predictions, model files.

Modules are imported one by one, since some of them need Keras.
"""
