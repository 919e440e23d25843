"""Bases of smooth functions, and their form as mixed models; no formulas here."""
