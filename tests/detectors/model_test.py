import numpy as np
import pytest
from detectors import smooth

from fr_poison.detectors import autoencoder, model
from fr_poison.types import InputError

TINY = {'num_epochs': 1, 'features': (4,), 'code_size': 2}


@pytest.fixture(scope='module')
def trained():
  return autoencoder.fit(smooth.pictures(4), **TINY)


def test_a_detector_from_its_file_is_the_same_detector(trained, tmp_path):
  path = tmp_path / 'autoencoder.safetensors'
  model.save(path, trained)
  loaded = model.load(path)
  ours, theirs = autoencoder.detector(loaded), autoencoder.detector(trained)
  assert ours.digest == theirs.digest
  images = smooth.pictures(3, seed=1)
  np.testing.assert_array_equal(ours.score(images), theirs.score(images))


def test_an_altered_file_is_refused_wherever_it_was_altered(trained, tmp_path):
  path = tmp_path / 'autoencoder.safetensors'
  model.save(path, trained)
  data = path.read_bytes()
  rng = np.random.default_rng(0)
  for i in rng.integers(0, len(data), 60):
    changed = bytearray(data)
    changed[i] ^= 1 << int(rng.integers(8))
    path.write_bytes(changed)
    with pytest.raises(InputError, match='^.*autoencoder.safetensors: '):
      model.load(path)


@pytest.mark.parametrize(
  'data, reason',
  [(b'', 'not a trained'), (b'{"a": 1}', 'not a trained'), (None, 'No such')],
)
def test_other_files_are_refused(data, reason, tmp_path):
  path = tmp_path / 'x.safetensors'
  if data is not None:
    path.write_bytes(data)
  with pytest.raises(InputError, match=reason):
    model.load(path)
