import subprocess
import sys

import numpy as np
import programs

from fr_poison import extractors
from fr_poison.data import datasets


def test_a_data_set_is_embedded_block_by_block(
  little, tmp_path, tmp_path_factory
):
  path = programs.EXPERIMENTS / 'embedding_store.py'
  words = [sys.executable, str(programs.LITTLE), str(path)]
  result = subprocess.run(
    [*words, '--network=mobileface', '--output=store'],
    capture_output=True,
    text=True,
    cwd=tmp_path,
    env=programs.environment(tmp_path_factory),
  )
  assert result.returncode == 0, result.stderr
  computed, named = result.stdout.splitlines()
  assert computed == '1 of 1 blocks computed'
  (file,) = tmp_path.glob('store/mobileface-*/embeddings.f32')
  assert named == f'{file}: float32 [400, 16]'
  found = np.memmap(file, np.float32, 'r', 0, (400, 16))
  faces = datasets.load('orl')
  network = extractors.load('mobileface')
  network = extractors.on_frame(network, faces.alignment)
  expected = extractors.embed(network, faces.images[200:204], 4)
  np.testing.assert_allclose(found[200:204], expected, rtol=1e-3, atol=1e-4)
