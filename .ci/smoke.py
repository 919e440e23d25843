"""The main job in small, with whatever versions are installed: fit, tables, save, load, predict."""

from __future__ import annotations

import importlib.metadata
import tempfile
from pathlib import Path

import numpy as np

import hiermodel as hm

arviz = importlib.metadata.version("arviz")
print(f"hiermodel {hm.__version__}, ArviZ {arviz}, stanli {importlib.metadata.version('stanli')}")
assert int(arviz.split(".")[0]) >= 1, "this Python should have got ArviZ 1.x"

data = hm.datasets.load("sleepstudy")
fit = hm.fit(
    "reaction ~ days + (days | subject)", data, engine="stanli", draws=300, warmup=300, seed=1,
    progress=False,
)
print(fit)

# The published estimate of lme4 is 10.47 with a standard error of 1.55.
slope = fit.fixef().loc["days", "Estimate"]
assert abs(slope - 10.47) < 1.0, slope
assert type(fit.idata).__name__ == "DataTree", type(fit.idata)
assert np.isfinite(fit.loo().elpd)
assert fit.posterior_predict(data.head(3), seed=1).sizes["obs"] == 3

with tempfile.TemporaryDirectory() as folder:
    path = Path(folder) / "fit.nc"
    fit.save(path)
    again = hm.load(path)
    np.testing.assert_array_equal(again.posterior["b"], fit.posterior["b"])

fit.conditional_effects().plot()
fit.pp_check()
fit.plot_trace()
print("smoke test passed")
