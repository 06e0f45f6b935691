"""ONNX initialisers: as they are, and of an IResNet that was exported."""

import pathlib
import re

import jax
import numpy as np
import pytest

from fr_poison import weights
from fr_poison.extractors import iresnet
from fr_poison.extractors.convert import reading, state_dict
from fr_poison.types import InputError

onnx = pytest.importorskip('onnx', reason='onnx is not installed')
GOLDEN = pathlib.Path(__file__).parents[1] / 'golden' / 'weights'


def _write(tmp_path, *tensors):
  path = tmp_path / 'net.onnx'
  graph = onnx.helper.make_graph([], 'net', [], [], initializer=tensors)
  path.write_bytes(onnx.helper.make_model(graph).SerializeToString())
  return path


def test_initialisers_come_by_name_in_their_formats(tmp_path):
  types = onnx.TensorProto
  full = np.float32([[1.5, -2, 0], [3, 4, 5]])
  arrays = reading.read(
    _write(
      tmp_path,
      onnx.numpy_helper.from_array(full, 'conv.weight'),
      onnx.helper.make_tensor('typed', types.FLOAT, [2], [1.5, -2]),
      onnx.helper.make_tensor('half', types.FLOAT16, [2], [0.5, -2]),
      onnx.helper.make_tensor('brain', types.BFLOAT16, [2], [1.5, -3]),
      onnx.helper.make_tensor('count', types.INT64, [], [2**40]),
    )
  )
  formats = ['float32', 'float32', 'float16', 'bfloat16', 'int64']
  assert [str(a.dtype) for a in arrays.values()] == formats
  np.testing.assert_array_equal(arrays['conv.weight'], full)
  np.testing.assert_array_equal(arrays['typed'], [1.5, -2])
  np.testing.assert_array_equal(arrays['half'], [0.5, -2])
  np.testing.assert_array_equal(arrays['brain'].astype(float), [1.5, -3])
  assert arrays['count'] == 2**40


_NUMBERS = {
  'FLOAT': [1.5, -2],
  'DOUBLE': [1e300, -2],
  'FLOAT16': [0.5, -2],
  'BFLOAT16': [1.5, -3],
  'BOOL': [1, 0],
  'UINT8': [255, 0],
  'INT8': [-128, 127],
  'UINT16': [65535, 0],
  'INT16': [-1, 300],
  'INT32': [-1, 2**31 - 1],
  'UINT32': [2**32 - 1, 0],
  'INT64': [-1, -(2**63), 2**40],
  'UINT64': [2**64 - 1, 128],
}


@pytest.mark.parametrize('kind', _NUMBERS)
def test_numbers_are_those_of_the_package(kind, tmp_path):
  """Raw, or in the field that there is for their format."""
  kind, numbers = getattr(onnx.TensorProto, kind), _NUMBERS[kind]
  typed = onnx.helper.make_tensor('typed', kind, [len(numbers)], numbers)
  expected = onnx.numpy_helper.to_array(typed)
  raw = onnx.numpy_helper.from_array(expected, 'raw')
  arrays = reading.read(_write(tmp_path, typed, raw))
  for array in arrays.values():
    assert array.dtype == expected.dtype
    np.testing.assert_array_equal(array, expected)


def test_a_million_numbers_in_a_field_of_their_own(tmp_path):
  """Which is read in parts that end within numbers."""
  numbers = np.random.default_rng(0).integers(-9, 2**60, 400_000)
  tensor = onnx.TensorProto(name='a', data_type=7, dims=[len(numbers)])
  tensor.int64_data.extend(numbers.tolist())
  found = reading.read(_write(tmp_path, tensor))['a']
  np.testing.assert_array_equal(found, numbers)


def test_other_models_are_refused(tmp_path):
  numbers = onnx.numpy_helper.from_array(np.ones((2, 2), 'f4'), 'a')
  unnamed = onnx.numpy_helper.from_array(np.ones((2, 2), 'f4'), 'onnx::Conv_9')
  text = onnx.helper.make_tensor('b', onnx.TensorProto.STRING, [1], [b'x'])
  short = onnx.numpy_helper.from_array(np.ones(2, 'f4'), 'a')
  short.dims[0] = 3
  for tensors, message in (
    ([numbers, numbers], 'a appears twice'),
    ([text], 'b is text'),
    ([], 'no arrays'),
    ([unnamed], 'onnx::Conv_9 has lost its name: .* folded batch norms'),
    ([short], r'a: \[3\] of 2 numbers'),
  ):
    with pytest.raises(InputError, match=f'net.onnx: {message}'):
      reading.read(_write(tmp_path, *tensors))
  path = tmp_path / 'net.onnx'
  path.write_bytes(b'\x08\x07' + b'\xff' * 20)
  with pytest.raises(InputError, match='net.onnx: .* more than 64 bits'):
    reading.read(path)


def _outside(location, **where):
  tensor = onnx.TensorProto(name='a', data_type=1, dims=[2, 2])
  tensor.data_location = onnx.TensorProto.EXTERNAL
  for key, value in {'location': location, **where}.items():
    tensor.external_data.add(key=key, value=str(value))
  return tensor


def test_data_beside_the_model_are_read_and_elsewhere_refused(tmp_path):
  folder = tmp_path / 'model'
  folder.mkdir()
  data = np.arange(6, dtype='<f4').tobytes()
  for path in (folder / 'net.data', tmp_path / 'secret'):
    path.write_bytes(data)
  (folder / 'link').symlink_to(tmp_path / 'secret')
  arrays = reading.read(_write(folder, _outside('net.data', offset=8)))
  np.testing.assert_array_equal(arrays['a'], [[2, 3], [4, 5]])
  for tensor, message in (
    (_outside('../secret'), "a: ../secret is no file in the model's folder"),
    (_outside(str(tmp_path / 'secret')), 'secret is no file in the model'),
    (_outside('link'), 'a: link is no file'),
    (_outside('nowhere'), 'a: nowhere is no file'),
    (_outside('net.data', offset=12), 'a: net.data ends before it'),
  ):
    with pytest.raises(InputError, match=message):
      reading.read(_write(folder, tensor))


def test_an_exported_iresnet_gives_the_same_embeddings(golden):
  """PyTorch's old exporter, and its new one, which folds one norm more."""
  module = iresnet.IResNet((2, 1), width=2, embedding_size=3)
  expected = golden('weights/iresnet')
  images = expected['images']
  embed = jax.jit(module.apply)
  for name in ('iresnet.onnx', 'iresnet_dynamo.onnx'):
    variables = state_dict.to_flax(
      iresnet.TABLE,
      reading.read(GOLDEN / name),
      weights.expected_shapes(module, 8, None),
    )
    embeddings = embed(variables, images)
    atol = 1e-6 * expected['embeddings'].std()
    np.testing.assert_allclose(
      embeddings, expected['embeddings'], rtol=0, atol=5 * atol
    )


def _layer(number, kind, before, *constants):
  tensors = [
    onnx.numpy_helper.from_array(a, f'{9 * number + i}')
    for i, a in enumerate(constants)
  ]
  names = [tensor.name for tensor in tensors]
  output = f'out{number}'
  return onnx.helper.make_node(kind, [before, *names], [output]), tensors


def test_a_mobilefacenets_arrays_are_counted(tmp_path):
  """Its exporter folded all norms, and numbered what was left."""
  expected, nodes, tensors, counts = {}, [], [], {'Conv': 0, 'PRelu': 0}
  for number, letter in enumerate('CPCPCPCPCCPCPCACPCC'):
    kind = {'C': 'Conv', 'P': 'PRelu', 'A': 'Add'}[letter]
    constants = {
      'Conv': {
        'weight': np.full((2, 2, 1, 1), number, np.float32),
        'bias': np.full(2, -number, np.float32),
      },
      'PRelu': {'weight': np.full((2, 1, 1), number, np.float32)},
      'Add': {},
    }[kind]
    node, more = _layer(number, kind, 'x', *constants.values())
    nodes.append(node)
    tensors += more
    for part, array in constants.items():
      shape = array.shape if kind == 'Conv' else -1
      name = f'{kind.lower()}{counts[kind]}.{part}'
      expected[name] = array.reshape(shape)
    counts[kind] = counts.get(kind, 0) + 1
  graph = onnx.helper.make_graph(nodes, 'net', [], [], initializer=tensors)
  path = tmp_path / 'net.onnx'
  path.write_bytes(onnx.helper.make_model(graph).SerializeToString())
  arrays = reading.read(path)
  assert arrays.keys() == expected.keys()
  for name, array in expected.items():
    np.testing.assert_array_equal(arrays[name], array)


def test_norms_are_not_made_again_for_every_block(tmp_path):
  """All share one bias; three arrays of each would be 2 GB."""
  array = lambda shape, name: onnx.numpy_helper.from_array(
    np.ones(shape, np.float32), name
  )
  node = lambda kind, *names: onnx.helper.make_node(kind, ['x', *names], ['x'])
  norm = node('BatchNormalization', *'kbbb')
  conv, act, add = node('Conv', 'k', 'b'), node('PRelu', 'k'), node('Add')
  nodes = [conv, act]
  for _ in range(400):
    nodes += [norm, conv, act, conv, conv, add]
  nodes += [norm, node('Gemm', 'k', 'b')]
  constants = [array((1, 1, 1, 1), 'k'), array(300_000, 'b')]
  graph = onnx.helper.make_graph(nodes, 'net', [], [], constants)
  path = tmp_path / 'net.onnx'
  path.write_bytes(onnx.helper.make_model(graph).SerializeToString())
  arrays = reading.read(path)
  made = [a for name, a in arrays.items() if re.search('layer.*running', name)]
  assert len(made) > 1600
  variance = arrays['layer1.0.bn2.running_var']
  np.testing.assert_array_equal(variance[:2], np.float32(1) - np.float32(1e-5))
  owners = {a.base is None and a.nbytes for a in made}
  assert max(owners) <= 4
