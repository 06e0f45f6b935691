import numpy as np
import pytest

from fr_poison.data import decode


@pytest.fixture(autouse=True)
def tfds_dir(tmp_path_factory, monkeypatch):
  """An empty folder for what the test prepares."""
  path = tmp_path_factory.mktemp('tfds')
  monkeypatch.setenv('TFDS_DATA_DIR', str(path))
  return path


def jpeg(level, size=8):
  """A flat grey picture as a file."""
  return decode.encode_jpeg(np.full([size, size, 3], level, np.uint8), 100)


@pytest.fixture
def draw():
  """draw(root, paths): the i-th picture, from 0, is of grey level 10 + i."""

  def write(root, paths, size=8):
    for i, path in enumerate(paths):
      (root / path).parent.mkdir(parents=True, exist_ok=True)
      (root / path).write_bytes(jpeg(10 + i, size))
    return root

  return write
