"""What arguments of other packages (brms, PyMC, CmdStan) are called here."""

from __future__ import annotations

from collections.abc import Mapping

_DRAWS = "draws= (kept per chain; brms' iter counts the warmup as well)"
_SETTINGS = "adapt_delta=, max_treedepth= and init= are arguments of their own"
_FOREIGN: Mapping[str, str] = {
    "iter": f"write warmup= and {_DRAWS}",
    "iters": f"write warmup= and {_DRAWS}",
    "iterations": f"write warmup= and {_DRAWS}",
    "iter_sampling": "write draws=",
    "iter_warmup": "write warmup=",
    "num_samples": "write draws=",
    "num_draws": "write draws=",
    "ndraws": "write draws=",
    "nsamples": "write draws=",
    "samples": "write draws=",
    "num_warmup": "write warmup=",
    "tune": "write warmup=",
    "burnin": "write warmup=",
    "burn_in": "write warmup=",
    "chain": "write chains=",
    "num_chains": "write chains=",
    "n_chains": "write chains=",
    "nchains": "write chains=",
    "parallel_chains": "write cores=",
    "n_jobs": "write cores=",
    "threads_per_chain": "write threads=",
    "random_seed": "write seed=",
    "random_state": "write seed=",
    "rng": "write seed= with a whole number",
    "target_accept": "write adapt_delta=",
    "target_accept_rate": "write adapt_delta=",
    "control": f"there is no list of these: {_SETTINGS}",
    "nuts": f"there is no dict of these: {_SETTINGS}",
    "inits": "write init=",
    "init_r": "write init= with the radius",
    "initvals": "write init=",
    "progressbar": "write progress=",
    "show_progress": "write progress=",
    "refresh": "write progress=False to have no bar",
    "silent": "write progress=False to have no bar",
    "backend": "write engine=, 'stanli' or 'cmdstan'",
    "nuts_sampler": "write engine=, 'stanli' or 'cmdstan'",
    "prior": "write priors=",
    "set_prior": "write priors=",
    "inference_method": "write algorithm=",
    "method": "write algorithm=",
    "variational": "write algorithm='pathfinder'",
    "file": "call fit.save(path), and hiermodel.load(path) later",
    "save_model": "model.stan_code is the program",
    "data_2": "write data2=",
    "link": "write family=hiermodel.family(name, link=...)",
    "noncentered": "write parameterization='noncentered' or 'centered'",
    "newdata": "write data= with the rows to fit",
    "save_pars": "everything is kept; leave it out",
    "autocor": "it is an argument of bf()",
    "stan_model_args": "compiler settings belong to the engine",
}


def foreign_hint(name: str) -> str:
    """What to write instead of an argument of another package; empty when it is not known.

    Examples
    --------
    >>> foreign_hint("target_accept")
    '; write adapt_delta='
    """
    advice = _FOREIGN.get(str(name).lower(), "")
    return f"; {advice}" if advice else ""
