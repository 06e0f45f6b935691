"""MobileFaceNets that others trained: their names, and their numbers."""

import hashlib
import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import weight_files
from extractors import recipe

from fr_poison import extractors, weights
from fr_poison.extractors import mobilefacenet
from fr_poison.extractors.convert import reading
from fr_poison.types import InputError

# Of the published files: arrays, and a hash of all names and shapes.
PUBLISHED = {
  'faceplugin': (133, '8aaf6be7baa029a8'),
  'mobilefacenet_tf': (137, 'a5916b5f89dbcd39'),
  'arcface_y1': (284, 'd4498807132c3352'),
  'arcface_casia': (283, '2b92c477a36fe64a'),
  'reid_0095': (207, 'bf25d08425652e2f'),
}


def _state(name):
  """Random weights under their authors' names, and our digest of them."""
  spec = extractors.spec(name)
  size = spec.input_size
  images = jax.ShapeDtypeStruct((1, size, size, 3), jnp.float32)
  variables = recipe.random_variables(spec.module(), images)
  extractor = extractors.with_params(name, variables)
  return extractors.to_state_dict(extractor), extractor.sha256


@pytest.mark.parametrize('name', PUBLISHED)
def test_names_and_shapes_are_those_of_the_published_file(name):
  state, _ = _state(name)
  lines = sorted(f'{key} {list(array.shape)}' for key, array in state.items())
  digest = hashlib.sha256('\n'.join(lines).encode()).hexdigest()
  assert (len(lines), digest[:16]) == PUBLISHED[name], lines


def _params(path, state):
  kind = lambda key: 'aux' if '_moving_' in key else 'arg'
  path.write_bytes(
    weight_files.mxnet({f'{kind(key)}:{key}': a for key, a in state.items()})
  )


def _in_order(state):
  """Counted, each bias behind its kernel: conv0.weight, conv0.bias, ..."""

  def order(key):
    kind, number, part = re.fullmatch(r'(\w+?)(\d+)\.(\w+)', key).groups()
    return kind, int(number), part == 'bias'

  return {key: state[key] for key in sorted(state, key=order)}


def _tflite(path, state):
  path.write_bytes(weight_files.tflite(_in_order(state)))


def _openvino(path, state):
  scaling = dict.fromkeys(
    ('multiply0.weight', 'multiply0.bias'), np.ones(3, np.float32)
  )
  text, data = weight_files.openvino(scaling | _in_order(state), 'f32')
  path.write_bytes(text)
  path.with_suffix('.bin').write_bytes(data)


@pytest.mark.parametrize(
  'name, write',
  [
    ('arcface_y1', _params),
    ('reid_0095', _openvino),
    ('mobilefacenet_tf', _tflite),
  ],
)
def test_a_file_in_its_authors_format_gives_its_weights(name, write, tmp_path):
  state, sha256 = _state(name)
  write(tmp_path / 'net', state)
  arrays = reading.read(tmp_path / 'net')
  assert extractors.from_state_dict(name, arrays).sha256 == sha256


# Three outputs of each as a tiny network: recorded when the whole one's were
# within 2e-6 of its runtime's on six pictures, with its published weights.
TINY = {
  'faceplugin': (0.386959, -0.332462, 0.0130659),
  'mobilefacenet_tf': (-0.464013, -0.339215, 0.133779),
  'arcface_y1': (0.0702376, -0.0470358, 0.210036),
  'arcface_casia': (-0.107578, -0.0903464, 0.615704),
  'reid_0095': (-0.0807734, -0.32558, 0.190293),
}


def _tiny(name):
  return extractors.spec(name).module(
    units=(1, 0, 0), width=16, embedding_size=3
  )


@pytest.mark.parametrize('name', TINY)
def test_embeddings_are_as_when_they_were_those_of_the_original(name):
  rng = np.random.default_rng(0)
  images = rng.standard_normal((1, 32, 32, 3)).astype(np.float32)
  variables = recipe.random_variables(_tiny(name), images)
  ours = jax.jit(_tiny(name).apply)(variables, images)
  np.testing.assert_allclose(ours[0], TINY[name], rtol=1e-4)


def test_casias_network_sees_the_middle_columns_only():
  rng = np.random.default_rng(0)
  images = rng.standard_normal((1, 32, 32, 3)).astype(np.float32)
  module = _tiny('arcface_casia')
  variables = recipe.random_variables(module, images)
  embed = jax.jit(module.apply)
  other = np.array(images)
  other[:, :, :8] = other[:, :, 24:] = 0
  np.testing.assert_array_equal(
    embed(variables, images), embed(variables, other)
  )
  other[:, :, 8] += 1
  assert (embed(variables, images) != embed(variables, other)).any()
  shapes = weights.expected_shapes(
    extractors.spec('arcface_casia').module(), 112
  )
  assert shapes['pool'] == (7, 6, 512)  # as in its file


def test_squeeze_and_excitation_scales_channels_by_their_means():
  x = np.zeros((1, 2, 2, 8), np.float32)
  x[..., 0] = [[1, 2], [3, 6]]  # whose mean is 3
  kernel = np.zeros((8, 1), np.float32)
  kernel[0] = -1
  params = {
    'squeeze': {'kernel': kernel, 'bias': np.float32([1])},  # 1 - 3
    'squeeze_prelu': {'slope': np.float32([0.5])},  # half of it
    'excite': {'kernel': np.ones((1, 8), np.float32), 'bias': np.ones(8)},
  }
  y = mobilefacenet.SqueezeExcite().apply({'params': params}, x)
  np.testing.assert_allclose(y, x / 2, rtol=1e-6)  # sigmoid(-1 + 1)


@pytest.mark.parametrize(
  'name, way',
  [
    ('arcface_y1', '--download fetches https://raw.*/model-0000.params, or'),
    ('arcface_casia', '--download fetches https://raw.*/068.ckpt, or give'),
    ('reid_0095', 'get FILE from https://github.com/.*, then: python'),
  ],
)
def test_what_does_not_ship_says_how_to_get_it(
  name, way, tmp_path, monkeypatch
):
  monkeypatch.setenv('FR_POISON_CACHE', str(tmp_path))
  with pytest.raises(InputError, match=f'no weights of {name} in .*; {way}'):
    extractors.load(name)
