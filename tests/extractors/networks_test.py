import importlib.util
import pathlib
import shutil

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fr_poison import extractors, weights
from fr_poison import layers as net_layers
from fr_poison.extractors import dlib_resnet
from fr_poison.extractors.convert import reading
from fr_poison.types import InputError

NETWORKS = (
  *('dlib_resnet', 'faceres', 'faceres_deep', 'mobileface'),
  *('faceplugin', 'mobilefacenet_tf'),
)
# Stored exactly: mobileface as float32; the source of faceres is float16.
EXACT = ('faceres', 'mobileface')
# Otherwise rounding to float16 shows, most in dlib_resnet's small embeddings.
ROUNDED = 5e-3


def _rgb(images):
  images = images if images.ndim == 4 else np.repeat(images[..., None], 3, -1)
  return images.astype(np.float32) / 255


@pytest.mark.parametrize('name', NETWORKS)
def test_embeddings_are_those_of_the_original_runtime(name, golden):
  arrays = golden(name)
  extractor = extractors.load(name)
  embed = jax.jit(extractor.embed_fn)
  ours = np.asarray(embed(extractor.params, _rgb(arrays['images'])))
  theirs = arrays['embeddings']
  assert ours.shape == (len(theirs), extractor.spec.embedding_size)
  error = np.abs(ours - theirs).max() / np.abs(theirs).max()
  assert error <= (1e-4 if name in EXACT else ROUNDED)
  products = np.sum(ours * theirs, 1)
  lengths = np.linalg.norm(ours, axis=1) * np.linalg.norm(theirs, axis=1)
  assert (products / lengths).min() >= 0.9999


def _dlib_file():
  spec = importlib.util.find_spec('face_recognition_models')
  if spec is None:
    pytest.skip('face_recognition_models is not installed')
  folder = pathlib.Path(spec.submodule_search_locations[0])
  return folder / 'models' / 'dlib_face_recognition_resnet_model_v1.dat'


def test_dlib_resnet_is_exact_with_the_float32_weights(golden):
  arrays = reading.read(_dlib_file())
  extractor = extractors.from_state_dict('dlib_resnet', arrays)
  expected = golden('dlib_resnet')
  embed = jax.jit(extractor.embed_fn)
  ours = embed(extractor.params, _rgb(expected['images']))
  theirs = expected['embeddings']
  assert np.abs(ours - theirs).max() <= 1e-4 * np.abs(theirs).max()
  # The means beside the input layer are the module's constants.
  mean = extractor.spec.inputs.mean
  np.testing.assert_allclose(arrays['mean'], mean, rtol=1e-5)


def test_a_truncated_dlib_file_is_refused(tmp_path):
  data, path = _dlib_file().read_bytes(), tmp_path / 'net.dat'
  path.write_bytes(data[: len(data) // 2])
  with pytest.raises(InputError, match='net.dat: truncated'):
    reading.read(path)


def test_add_padded_puts_zeros_below_right_and_behind():
  a, b = jnp.ones((1, 2, 3, 1)), 10 * jnp.ones((1, 1, 2, 2))
  expected = [[[[11, 10], [11, 10], [1, 0]], [[1, 0], [1, 0], [1, 0]]]]
  np.testing.assert_array_equal(dlib_resnet.add_padded(a, b), expected)


def test_pools_match_window_reductions():
  x = jnp.asarray(np.random.default_rng(0).standard_normal((2, 9, 8, 3)))
  window = lambda size: (1, size, size, 1)
  maximum = jax.lax.reduce_window(
    x, -jnp.inf, jax.lax.max, window(3), window(2), 'VALID'
  )
  np.testing.assert_array_equal(net_layers.max_pool(x), maximum)
  total = jax.lax.reduce_window(
    x, 0.0, jax.lax.add, window(2), window(2), 'VALID'
  )
  np.testing.assert_allclose(dlib_resnet.average_pool(x), total / 4, rtol=1e-5)


def test_an_embedding_does_not_depend_on_its_batch(golden):
  extractor = extractors.load('mobileface')
  images = _rgb(golden('mobileface')['images'])[:4, 6:-6]  # not its own size
  embed = jax.jit(extractor.embed_fn)
  together = embed(extractor.params, images)
  alone = [embed(extractor.params, image[None])[0] for image in images]
  np.testing.assert_allclose(together, np.stack(alone), rtol=1e-4, atol=1e-4)


def test_faceres_takes_other_sizes_and_the_others_do_not():
  small = extractors.load('faceres', input_size=64)
  assert small.input_size == 64
  assert small.embed_fn is extractors.load('faceres', input_size=64).embed_fn
  shape = jax.eval_shape(small.embed_fn, small.params, jnp.zeros((2, 9, 9, 3)))
  assert shape.shape == (2, 1024)
  with pytest.raises(InputError, match='input_size: mobileface only takes 112'):
    extractors.load('mobileface', input_size=128)
  with pytest.raises(InputError, match='input_size: 8 is below 32'):
    extractors.load('faceres', input_size=8)


def test_bfloat16_computes_nearly_the_same(golden):
  images = _rgb(golden('mobileface')['images'])[:2]
  full = extractors.load('mobileface')
  half = extractors.load('mobileface', dtype=jnp.bfloat16)
  a, b = (jax.jit(e.embed_fn)(e.params, images) for e in (full, half))
  assert b.dtype == jnp.float32
  cosine = jnp.sum(a * b, 1) / jnp.linalg.norm(a, axis=1)
  assert (cosine / jnp.linalg.norm(b, axis=1)).min() > 0.99
  assert (a != b).any()


def test_pixels_is_the_picture_itself():
  images = np.random.default_rng(0).random((2, 3, 4, 3), np.float32)
  pixels = extractors.load('pixels')
  assert pixels.sha256 is None
  embeddings = pixels.embed_fn(pixels.params, images)
  np.testing.assert_array_equal(embeddings, images.reshape(2, -1))


def test_networks_are_loaded_mirrored():
  images = np.random.default_rng(0).random((2, 3, 4, 3), np.float32)
  pixels = extractors.load('pixels', mirrored=True)
  mean = (images + images[:, :, ::-1]) / 2
  found = pixels.embed_fn(pixels.params, images)
  np.testing.assert_array_equal(found, mean.reshape(2, -1))
  options = {'input_size': 64, 'dtype': jnp.bfloat16, 'remat': True}
  mirrored = extractors.load('faceres', **options, mirrored=True)
  plain = extractors.load('faceres', **options)
  assert mirrored.embed_fn is extractors.mirrored(plain).embed_fn


def test_unknown_network_is_named_with_the_known_ones():
  with pytest.raises(InputError, match="network: 'facenet2' .*mobileface"):
    extractors.load('facenet2')


def _copy(tmp_path):
  for name in ('manifest.json', 'mobileface.safetensors'):
    shutil.copy(weights.PRETRAINED / name, tmp_path / name)
  return tmp_path / 'mobileface.safetensors'


def test_altered_and_missing_weight_files_are_refused(tmp_path):
  path = _copy(tmp_path)
  data = bytearray(path.read_bytes())
  data[-1] ^= 1  # one bit
  path.write_bytes(data)
  with pytest.raises(InputError, match='mobileface.safetensors: .* altered'):
    weights.load('mobileface', {}, tmp_path)
  path.unlink()
  with pytest.raises(InputError, match='mobileface.safetensors: .* missing'):
    weights.load('mobileface', {}, tmp_path)
  (tmp_path / 'manifest.json').write_text('{')
  with pytest.raises(InputError, match='manifest.json: .* unreadable'):
    weights.load('mobileface', {}, tmp_path)


def test_weights_of_another_network_are_refused():
  expected = {'dense/kernel': (2048, 256), 'head/kernel': (1, 1)}
  message = r'missing: head/kernel \[1, 1\]; unexpected: bias \[256\]'
  with pytest.raises(InputError, match=message):
    weights.load('mobileface', expected)


def test_check_arrays_names_shape_and_nan():
  arrays = {'kernel': np.ones((2, 3))}
  weights.check_arrays(arrays, {'kernel': (2, 3)}, 'file')
  with pytest.raises(
    InputError, match=r'file: .*misshaped: kernel \[2, 3\], exp'
  ):
    weights.check_arrays(arrays, {'kernel': (3, 2)}, 'file')
  arrays['kernel'][0, 0] = np.nan
  with pytest.raises(InputError, match='file: .*NaN or infinite: kernel'):
    weights.check_arrays(arrays, {'kernel': (2, 3)}, 'file')


def test_manifest_says_where_every_file_comes_from():
  entries = weights.manifest()
  assert sorted(entries) == sorted((*NETWORKS, 'lpips_alexnet', 'vgg16'))
  for entry in entries.values():
    source = entry['source']
    fields = {'package', 'file', 'sha256', 'licence', 'upstream', 'credit'}
    assert fields == set(source)
