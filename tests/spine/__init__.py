"""Tests of the way from a formula to predictions: programs, data, draws, messages."""
