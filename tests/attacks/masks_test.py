"""A person's mask on other pictures, and in a file."""

import jax
import numpy as np
import pytest
import safetensors.numpy
import toys

from fr_poison import attacks
from fr_poison.types import InputError

# 3, -2 and 1 levels in the channels; the mean is 2 / 3, which rounds to 1.
MASK = np.broadcast_to(np.float32([3, -2, 1]) / np.float32(255), (1, 4, 4, 3))


def _pictures(*levels):
  return np.stack(
    [
      np.full((4, 4, 3), level, np.float32) / np.float32(255)
      for level in levels
    ]
  )


def test_levels_are_added_and_end_at_black_and_white():
  images = _pictures([100, 50, 20], [254, 1, 7])
  found = np.asarray(attacks.apply(MASK, images)) * 255
  np.testing.assert_allclose(found[0, 0, 0], [103, 48, 21], rtol=1e-6)
  np.testing.assert_allclose(found[1, 0, 0], [255, 0, 8], rtol=1e-6)


def test_grey_pictures_get_the_mean_of_the_channels():
  found = np.asarray(attacks.apply(MASK, _pictures(100))) * 255
  np.testing.assert_allclose(found, 101, rtol=1e-6)


def test_it_is_pure_and_compiles():
  images = toys.images(3, 4)
  found = jax.jit(attacks.apply)(MASK, images)
  np.testing.assert_array_equal(found, attacks.apply(MASK, images))
  assert found.dtype == np.float32 and found.shape == images.shape


def test_everybody_gets_their_own():
  images = _pictures([10, 20, 30], [10, 20, 30])
  both = {'a': MASK, 'b': -MASK}
  found = np.asarray(attacks.apply_to_each(both, images, ['b', 'a'])) * 255
  np.testing.assert_allclose(found[0, 0, 0], [7, 22, 29], rtol=1e-6)
  np.testing.assert_allclose(found[1, 0, 0], [13, 18, 31], rtol=1e-6)
  with pytest.raises(InputError, match='^masks: none of c; there was no pict'):
    attacks.apply_to_each(both, images, ['a', 'c'])
  with pytest.raises(InputError, match='^groups: 1 labels for 2 pictures'):
    attacks.apply_to_each(both, images, ['a'])


@pytest.mark.parametrize('shape', [(1, 5, 4, 3), (3, 4, 4, 3), (4, 4, 3)])
def test_a_mask_of_another_size_is_refused(shape):
  with pytest.raises(InputError, match=r'^mask: .*; \[1, 4, 4, 3\] expected'):
    attacks.apply(np.zeros(shape, np.float32), toys.images(2, 4))


def test_a_mask_that_was_saved_is_read_back(tmp_path):
  path = tmp_path / 'new' / 'me.safetensors'
  attacks.save_mask(path, MASK)
  found = attacks.load_mask(path)
  assert found.dtype == np.float32
  np.testing.assert_array_equal(found, MASK)


def _altered(path):
  data = bytearray(path.read_bytes())
  arrays = safetensors.numpy.load(bytes(data))
  arrays['mask'] = arrays['mask'] * np.float32(0.5)
  return safetensors.numpy.save(arrays)


@pytest.mark.parametrize(
  'spoil, message',
  [
    (_altered, 'a mask that was altered'),
    (lambda path: path.read_bytes()[:-9], 'not a mask that was saved here'),
    (lambda path: b'', 'not a mask that was saved here'),
    (
      lambda path: safetensors.numpy.save({'mask': np.zeros(3)}),
      'not a mask that was saved here',
    ),
    (
      lambda path: safetensors.numpy.save(
        {'mask': np.full((1, 2, 2, 3), np.nan, np.float32), 'sha256': MASK}
      ),
      r'float32 \[1, 2, 2, 3\]; a mask is',
    ),
  ],
)
def test_a_file_that_is_none_is_one_line(tmp_path, spoil, message):
  path = tmp_path / 'me.safetensors'
  attacks.save_mask(path, MASK)
  path.write_bytes(spoil(path))
  with pytest.raises(InputError, match=f'^{path}: {message}') as caught:
    attacks.load_mask(path)
  assert '\n' not in str(caught.value)


def test_what_is_no_mask_is_not_written(tmp_path):
  with pytest.raises(InputError, match='a mask is float32'):
    attacks.save_mask(tmp_path / 'me', 2 + MASK)
  with pytest.raises(InputError, match='No such file'):
    attacks.load_mask(tmp_path / 'me')
