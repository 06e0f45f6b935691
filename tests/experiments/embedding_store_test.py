"""A data set is embedded into a store, by two hosts together."""

import hosts
import numpy as np
import programs

from fr_poison import extractors
from fr_poison.data import datasets


def test_a_data_set_is_embedded_block_by_block(
  little, tmp_path, tmp_path_factory
):
  output = tmp_path / 'store'
  both = hosts.launch(
    *('embedding_store', None),
    *('--network=mobileface', f'--output={output}'),
    env=programs.environment(tmp_path_factory),
  )
  first, second = map(programs.finish, both)
  assert not second
  computed, named = first.splitlines()
  assert computed == '1 of 1 blocks computed'
  (folder,) = output.glob('mobileface-*')
  names = 'embeddings.f32', 'manifest.json'
  assert sorted(path.name for path in folder.iterdir()) == [*names]
  file = folder / names[0]
  assert named == f'{file}: float32 [400, 16]'
  found = np.memmap(file, np.float32, 'r', 0, (400, 16))
  faces = datasets.load('orl')
  network = extractors.load('mobileface')
  network = extractors.on_frame(network, faces.alignment)
  expected = extractors.embed(network, faces.images[200:204], 4)
  np.testing.assert_allclose(found[200:204], expected, rtol=1e-3, atol=1e-4)
