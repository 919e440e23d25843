"""The bar over all chains, and the reader of printed lines."""

from __future__ import annotations

import threading

import pytest

from hiermodel.engines.progress import ChainProgress


def test_bar_counts_all_chains_and_never_runs_back() -> None:
    with ChainProgress(2, 100, show=False) as bar:
        bar.update(1, 50)
        bar.update(1, 30)
        bar.update(2, 100)
        assert bar.done == 150
        bar.finish()
    assert bar.done == 200


def test_lines_of_the_engine_are_taken_and_others_pass(capsys: pytest.CaptureFixture[str]) -> None:
    bar = ChainProgress(2, 2000, show=False)
    with bar, bar.reading_stdout() as others:
        print("Chain [1] Iteration:  100 / 2000 [  5%]  (Warmup)")
        print("Chain [2] Iteration: 1001 / 2000 [ 50%]  (Sampling)", end="")
        print()
        print("Chain [1] Elapsed Time: 0.1 seconds (Warm-up)")
        print("                        0.2 seconds (Sampling)")
        print("Warning: 3 of 4000 post-warmup transitions (0.1%) ended with a divergence.")
        print("mine")
    assert bar.done == 1101
    assert capsys.readouterr().out == "mine\n"
    assert others == ["mine"]


def test_swallowed_lines_are_kept(capsys: pytest.CaptureFixture[str]) -> None:
    bar = ChainProgress(1, 10, show=False)
    with bar.reading_stdout(swallow=True) as others:
        print("method = sample")
    assert capsys.readouterr().out == "" and others == ["method = sample"]


def test_many_threads_print(capsys: pytest.CaptureFixture[str]) -> None:
    bar = ChainProgress(4, 500, show=False)

    def chain(number: int) -> None:
        for i in range(1, 501):
            print(f"Chain [{number}] Iteration: {i} / 500 [ 10%]", end="  (Warmup)")
            print()

    with bar.reading_stdout():
        threads = [threading.Thread(target=chain, args=(n,)) for n in (1, 2, 3, 4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert bar.done == 2000
    assert capsys.readouterr().out == ""


def test_stdout_is_put_back_after_an_error() -> None:
    import sys

    before = sys.stdout
    with pytest.raises(RuntimeError), ChainProgress(1, 10, show=False) as bar:
        with bar.reading_stdout():
            raise RuntimeError
    assert sys.stdout is before


def test_bar_of_a_failed_run_does_not_look_finished(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(RuntimeError), ChainProgress(1, 10) as bar:
        bar.update(1, 5)
        raise RuntimeError
    err = capsys.readouterr().err
    assert "50%" in err and "100%" not in err
