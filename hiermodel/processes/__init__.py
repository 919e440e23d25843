"""Gaussian processes as numbers: covariances, spectral densities, draws at new points.

Nothing here knows of formulas or of Stan.
"""
