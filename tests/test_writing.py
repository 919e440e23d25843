"""Files are there whole or not at all, on a disk that fills as well."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import hiermodel as hm
from hiermodel import inference_data
from hiermodel.errors import DataError
from hiermodel.writing import whole_file

# Files may not grow beyond a size: the system then refuses to write, as on a full disk.
_LIMITED = """
import resource, sys
import numpy as np, xarray as xr
from hiermodel import inference_data
from hiermodel.errors import DataError

path, size = sys.argv[1], int(sys.argv[2])
draws = xr.Dataset({"b": (("chain", "draw", "k"), np.ones((4, 1000, 100)))})
resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
try:
    inference_data.write({"posterior": draws, "other": draws}, {}, path)
except DataError as error:
    print(error)
"""


def limited(path: Path, size: int) -> str:
    """What a process says that cannot write files beyond a size."""
    done = subprocess.run(
        [sys.executable, "-c", _LIMITED, str(path), str(size)], capture_output=True, text=True,
        check=True, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    return done.stdout


@pytest.mark.parametrize("size", [6_000, 500_000, 3_400_000])
def test_a_disk_that_fills(size: int, tmp_path: Path) -> None:
    pytest.importorskip("resource")
    path = tmp_path / "fit.nc"
    told = limited(path, size)
    assert f"cannot save to {str(path)!r}, nothing was saved: " in told
    assert list(tmp_path.iterdir()) == []
    inference_data.write({"posterior": xr.Dataset({"a": ("x", np.arange(3))})}, {}, path)
    before = path.read_bytes()
    assert "the file of that name stays as it was: " in limited(path, size)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]
    assert limited(path, 2**30) == "" and path.read_bytes() != before


def test_a_saved_file_that_was_cut_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "fit.nc"
    groups = {"posterior": xr.Dataset({"b": (("chain", "draw"), np.ones((2, 50)))})}
    inference_data.write(groups, {"a": 1}, path)
    whole = path.read_bytes()
    for share in (0.01, 0.3, 0.7, 0.99):
        path.write_bytes(whole[: int(share * len(whole))])
        with pytest.raises(DataError, match="is not a netCDF-4 file"):
            hm.load(path)


def test_whatever_goes_wrong_nothing_is_left(tmp_path: Path) -> None:
    target = tmp_path / "a.txt"
    target.write_text("before")
    for error, raised in (
        (OSError(errno.ENOSPC, "No space left on device"), DataError),
        (KeyboardInterrupt(), KeyboardInterrupt), (ValueError("other"), ValueError),
        (hm.errors.EngineError("own"), hm.errors.EngineError),
    ):
        with pytest.raises(raised) as caught, whole_file(target) as path:
            path.write_text("half of")
            raise error
        assert (raised is DataError) == ("No space left on device" in str(caught.value))
        assert target.read_text() == "before" and list(tmp_path.iterdir()) == [target]
    with whole_file(target) as path:
        path.write_text("after")
    assert target.read_text() == "after" and list(tmp_path.iterdir()) == [target]
