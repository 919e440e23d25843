"""The reference engine: CmdStan, through CmdStanPy."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from hiermodel.engines.base import Draws, Engine, PointEstimate, wanted_names
from hiermodel.engines.cmdstan_cache import executable
from hiermodel.engines.cmdstan_files import check_whole, full_disk, gap
from hiermodel.engines.inits import checked_inits
from hiermodel.engines.progress import ChainProgress
from hiermodel.engines.settings import SamplingSettings
from hiermodel.engines.stan_data import collect, named_stats, to_json
from hiermodel.errors import EngineError
from hiermodel.importance import smoothed
from hiermodel.stan.variables import Var

# CSV files carry as many digits as a double has, so that reading them back loses nothing.
_DIGITS = 18
# How much of CmdStan's output an error shows.
_TAIL = 15
# RuntimeError: CmdStan said so. The others: its files cannot be written, or read back.
_FAILURES = (RuntimeError, ValueError, LookupError, OSError)
# Draws that Pareto k needs at least.
_LEAST_FOR_K = 25


def find_cmdstan() -> str | None:
    """Path of the CmdStan installation that CmdStanPy would use, or None.

    Looks at ``CMDSTAN``, ``~/.cmdstan`` and the conda environment before it imports CmdStanPy.
    """
    conda = os.environ.get("CONDA_PREFIX", "")
    places = [os.environ.get("CMDSTAN", ""), os.path.expanduser("~/.cmdstan")]
    if conda:
        places += [f"{conda}/bin/cmdstan", f"{conda}/Library/bin/cmdstan"]
    if not any(place and os.path.isdir(place) for place in places):
        return None
    import cmdstanpy

    try:
        return str(cmdstanpy.cmdstan_path())
    except ValueError:
        return None


def install_cmdstan(
    version: str | None = None,
    *,
    cores: int | None = None,
    progress: bool = True,
    overwrite: bool = False,
    **options: Any,
) -> str:
    """Download and build CmdStan; it needs a C++ toolchain and takes some minutes.

    Parameters
    ----------
    version : str, optional
        Such as ``"2.36.0"``; the latest by default.
    cores : int, optional
        Cores that build it; by default all.
    progress : bool
    overwrite : bool
        Build again over an installation of the same version.
    **options
        Passed to ``cmdstanpy.install_cmdstan`` (``dir``, ``compiler``, ``verbose``).

    Returns
    -------
    str
        Path of the installation.

    Raises
    ------
    EngineError
        If the download or the build fails.

    Examples
    --------
    >>> from hiermodel.engines import install_cmdstan
    >>> install_cmdstan(progress=False)  # doctest: +SKIP
    """
    import cmdstanpy

    done = cmdstanpy.install_cmdstan(
        version=version,
        cores=cores or os.cpu_count() or 1,
        progress=progress,
        overwrite=overwrite,
        **options,
    )
    if not done:
        raise EngineError(
            "CmdStan could not be installed (the reason is in the log above; a C++ compiler, make "
            "and access to GitHub are needed). engine='stanli' needs none of them"
        )
    return str(cmdstanpy.cmdstan_path())


class CmdStanEngine(Engine):
    """Runs programs with CmdStan; executables are built once and kept.

    Parameters
    ----------
    directory : Path, optional
        Where executables are kept, by default the user's cache directory.
    """

    def __init__(self, directory: Path | None = None) -> None:
        self.directory = directory

    @property
    def name(self) -> str:
        """``"cmdstan"``."""
        return "cmdstan"

    @property
    def version(self) -> str:
        """Version of the CmdStan installation."""
        import cmdstanpy

        found = cmdstanpy.cmdstan_version()
        return ".".join(str(part) for part in found) if found else "unknown"

    def sample(
        self,
        code: str,
        data: Mapping[str, Any],
        parameters: Sequence[Var],
        settings: SamplingSettings,
    ) -> Draws:
        """Draw with NUTS; see `Engine.sample`."""
        inits = _inits(settings, parameters, data)
        model = self._model(code, settings)
        started = time.perf_counter()
        bar = ChainProgress(settings.chains, settings.iterations, settings.progress)
        with _running(model, data) as files, bar, bar.reading_stdout(swallow=True) as lines:
            try:
                fit = model.sample(
                    **files,
                    chains=settings.chains,
                    parallel_chains=settings.used_cores,
                    threads_per_chain=settings.threads if settings.threads > 1 else None,
                    force_one_process_per_chain=True,
                    seed=settings.used_seed,
                    inits=inits,
                    iter_warmup=settings.warmup,
                    iter_sampling=settings.draws * settings.thin,
                    thin=settings.thin,
                    max_treedepth=settings.max_treedepth,
                    adapt_delta=settings.adapt_delta,
                    show_progress=False,
                    # The printed lines feed the bar, which reads what goes to sys.stdout.
                    show_console=True,
                    refresh=max(1, settings.iterations // 100),
                )
            except _FAILURES as error:
                raise _failed("sample", error, lines, files, settings.draws) from error
            bar.finish()
            check_whole(fit.runset.csv_files, settings.draws, Path(files["output_dir"]))
            return self._draws_of(fit, data, parameters, settings, started)

    def optimize(
        self,
        code: str,
        data: Mapping[str, Any],
        parameters: Sequence[Var],
        settings: SamplingSettings,
        *,
        jacobian: bool = True,
    ) -> PointEstimate:
        """Find the posterior mode (``jacobian=False``: the penalised maximum likelihood)."""
        started = time.perf_counter()
        with self._method(code, data, settings, "optimize") as (model, files):
            fit = model.optimize(
                **files,
                seed=settings.used_seed,
                inits=_first(_inits(settings, parameters, data)),
                jacobian=jacobian,
            )
            _check_files(files)
            found = {k: np.asarray(v, dtype=float) for k, v in fit.stan_variables().items()}
            log_density = float(fit.optimized_params_dict["lp__"])
        return PointEstimate(
            values=collect(wanted_names(parameters, found), found, (), parameters, data),
            log_density=log_density,
            engine=self.name,
            engine_version=self.version,
            seconds=time.perf_counter() - started,
            jacobian=jacobian,
        )

    def laplace(
        self,
        code: str,
        data: Mapping[str, Any],
        parameters: Sequence[Var],
        settings: SamplingSettings,
    ) -> Draws:
        """Draw from the Laplace approximation at the mode, with log importance ratios."""
        started = time.perf_counter()
        with self._method(code, data, settings, "laplace") as (model, files):
            start = _first(_inits(settings, parameters, data))
            fit = model.laplace_sample(
                **files,
                draws=settings.draws,
                seed=settings.used_seed,
                opt_args={} if start is None else {"inits": start},
            )
            _check_files(files)
            return self._approximate(fit, data, parameters, settings, "laplace", files, started)

    def pathfinder(
        self,
        code: str,
        data: Mapping[str, Any],
        parameters: Sequence[Var],
        settings: SamplingSettings,
    ) -> Draws:
        """Draw with multi-path Pathfinder; the draws are resampled by importance already."""
        started = time.perf_counter()
        with self._method(code, data, settings, "pathfinder") as (model, files):
            fit = model.pathfinder(
                **files,
                draws=settings.draws,
                seed=settings.used_seed,
                inits=_first(_inits(settings, parameters, data)),
            )
            _check_files(files)
            return self._approximate(fit, data, parameters, settings, "pathfinder", files, started)

    # ------------------------------------------------------------------ inside

    def _model(self, code: str, settings: SamplingSettings) -> Any:
        import cmdstanpy

        path = find_cmdstan()
        if path is None:
            raise EngineError(
                "no CmdStan installation was found; hiermodel.install_cmdstan() makes one, "
                "engine='stanli' needs none"
            )
        options = {"STAN_THREADS": True} if settings.threads > 1 else {}
        file = executable(code, f"{self.version} {path}", options, _compile, self.directory)
        with cmdstanpy.disable_logging():
            return cmdstanpy.CmdStanModel(exe_file=str(file))

    @contextmanager
    def _method(
        self, code: str, data: Mapping[str, Any], settings: SamplingSettings, what: str
    ) -> Iterator[tuple[Any, dict[str, Any]]]:
        """Model and files of a method without chains, its failures as `EngineError`."""
        model = self._model(code, settings)
        with _running(model, data) as files:
            try:
                yield model, files
            except EngineError:
                raise
            except _FAILURES as error:
                raise _failed(what, error, (), files) from error

    def _draws_of(
        self,
        fit: Any,
        data: Mapping[str, Any],
        parameters: Sequence[Var],
        settings: SamplingSettings,
        started: float,
    ) -> Draws:
        """Draws of a ``CmdStanMCMC``, which keeps one chain behind the other."""
        leading = (int(fit.chains), int(fit.num_draws_sampling))
        known = fit.metadata.stan_vars
        found = {}
        for name in wanted_names(parameters, known):
            if name in known:
                flat = fit.stan_variable(name)
                found[name] = flat.reshape(*leading, *flat.shape[1:])
        columns = {name: values.T for name, values in fit.method_variables().items()}
        return Draws(
            values=collect(wanted_names(parameters, found), found, leading, parameters, data),
            stats=named_stats(columns),
            engine=self.name,
            engine_version=self.version,
            seconds=time.perf_counter() - started,
            seed=settings.used_seed,
        )

    def _approximate(
        self,
        fit: Any,
        data: Mapping[str, Any],
        parameters: Sequence[Var],
        settings: SamplingSettings,
        method: str,
        files: Mapping[str, Any],
        started: float,
    ) -> Draws:
        """Independent draws of a ``CmdStanLaplace`` or ``CmdStanPathfinder`` as one chain."""
        found = {name: values[np.newaxis] for name, values in fit.stan_variables().items()}
        columns = fit.method_variables()
        lp = columns.get("lp__", columns.get("log_p__"))
        weights = None
        if "log_q__" in columns and method == "laplace":
            weights = (columns["log_p__"] - columns["log_q__"])[np.newaxis]
        draws = len(next(iter(columns.values())))
        if draws != settings.draws:
            raise EngineError(
                f"CmdStan wrote {draws} of {settings.draws} draws of {method}"
                f"{full_disk(Path(files['output_dir']))}"
            )
        known = weights is not None and draws >= _LEAST_FOR_K and np.isfinite(weights).all()
        return Draws(
            values=collect(wanted_names(parameters, found), found, (1, draws), parameters, data),
            stats={} if lp is None else {"lp": lp[np.newaxis]},
            engine=self.name,
            engine_version=self.version,
            seconds=time.perf_counter() - started,
            seed=settings.used_seed,
            method=method,
            log_weights=weights,
            pareto_k=smoothed(weights[0])[1] if known and weights is not None else None,
        )


@contextmanager
def _running(model: Any, data: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Files of one run in a directory that goes when the draws have been read."""
    import cmdstanpy

    with tempfile.TemporaryDirectory(prefix="hiermodel-") as directory:
        source = Path(directory) / "data.json"
        try:
            source.write_text(to_json(data), encoding="utf-8")
        except OSError as error:
            raise EngineError(
                f"the data of the model could not be written for CmdStan: {error}"
                f"{full_disk(Path(directory))}"
            ) from error
        with cmdstanpy.disable_logging():
            yield {"data": str(source), "output_dir": directory, "sig_figs": _DIGITS}


def _compile(source: Path, options: Mapping[str, bool]) -> None:
    import cmdstanpy

    with cmdstanpy.disable_logging():
        cmdstanpy.compile_stan_file(source, cpp_options=dict(options))


def _inits(
    settings: SamplingSettings, parameters: Sequence[Var], data: Mapping[str, Any]
) -> float | list[dict[str, Any]] | None:
    """Give starting values to CmdStanPy; what a dict leaves out CmdStan draws itself."""
    checked = checked_inits(settings, parameters, data)
    if checked is None:
        return None if settings.init is None else settings.init_radius
    return [{name: value.tolist() for name, value in one.items()} for one in checked]


def _first(inits: float | list[dict[str, Any]] | None) -> float | dict[str, Any] | None:
    return inits[0] if isinstance(inits, list) else inits


def _check_files(files: Mapping[str, Any]) -> None:
    folder = Path(files["output_dir"])
    check_whole(sorted(folder.glob("*.csv")), None, folder)


def _failed(
    what: str, error: Exception, lines: Sequence[str], files: Mapping[str, Any],
    rows: int | None = None,
) -> EngineError:
    told = [line for line in lines if line.strip()][-_TAIL:]
    output = "\n" + "\n".join(told) if told else ""
    if not isinstance(error, RuntimeError):
        # CmdStan ran, and what it wrote cannot be read.
        folder = Path(files["output_dir"])
        lacks = [text for path in sorted(folder.glob("*.csv")) if (text := gap(path, rows))]
        if lacks or isinstance(error, OSError):
            output = full_disk(folder) + output
        output = "".join(f"; {text}" for text in lacks) + output
    return EngineError(f"CmdStan could not {what}: {error}{output}")
