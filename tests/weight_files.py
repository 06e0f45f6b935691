"""Small files of weights in formats that nothing installed here can write."""

import io
import struct
import zipfile

import numpy as np

_PRELU = 19, 101, 41, 18, 0  # relu, abs, subtract, multiply, add
_CODES = 3, 4, *_PRELU


def mxnet(arrays):
  """A `.params` file of {'arg:a': array}, float32."""
  parts = [struct.pack('<QQQ', 0x112, 0, len(arrays))]
  for array in arrays.values():
    head = struct.pack('<IiI', 0xF993FAC9, 0, array.ndim)
    shape = struct.pack(f'<{array.ndim}q', *array.shape)
    device_and_dtype = struct.pack('<iii', 1, 0, 0)
    parts += [head, shape, device_and_dtype, array.astype('<f4').tobytes()]
  parts.append(struct.pack('<Q', len(arrays)))
  parts += [struct.pack('<Q', len(n)) + n.encode() for n in arrays]
  return b''.join(parts)


def torch(arrays):
  """A `.pth` file of {name: array}, float32, as `torch.save` writes it."""
  text = lambda text: b'X' + struct.pack('<I', len(text)) + text.encode()
  number = lambda n: b'J' + struct.pack('<i', n)
  numbers = lambda ns: b'(' + b''.join(map(number, ns)) + b't'
  tree, buffer = b'\x80\x02}(', io.BytesIO()
  with zipfile.ZipFile(buffer, 'w') as archive:
    for i, (name, array) in enumerate(arrays.items()):
      array = np.ascontiguousarray(array, '<f4')
      strides = [stride // 4 for stride in array.strides]
      about = text(str(i)) + text('cpu') + number(array.size)
      tree += text(name) + b'ctorch._utils\n_rebuild_tensor_v2\n('
      tree += b'(' + text('storage') + b'ctorch\nFloatStorage\n' + about
      tree += b'tQ' + number(0) + numbers(array.shape) + numbers(strides)
      tree += b'\x89}tR'
      archive.writestr(f'net/data/{i}', array.tobytes())
    archive.writestr('net/data.pkl', tree + b'u.')
  return buffer.getvalue()


def openvino(arrays, element_type='f16'):
  """An `.xml` and its `.bin` of {'conv0.weight', 'conv0.bias': array, ...}.

  Kernels of one input channel are depthwise; 'multiply0.weight' and its bias
  are a product and the sum behind it.
  """
  layers, edges, data = [], [], b''

  def layer(kind, about, *inputs):
    number = str(len(layers))
    layers.append(
      f'<layer id="{number}" name="a{number}" type="{kind}">{about}</layer>'
    )
    edges.extend(
      f'<edge from-layer="{other}" from-port="0" to-layer="{number}" '
      f'to-port="{port}"/>'
      for port, other in enumerate(inputs)
    )
    return number

  before = layer('Parameter', '<data shape="1,3,8,8" element_type="f32"/>')
  for name, array in arrays.items():
    kind, part = name.split('.')
    kind = kind.rstrip('0123456789')
    shape = array.shape
    if kind == 'conv' and part == 'weight' and shape[1] == 1:
      kind, shape = 'group', (shape[0], 1, *shape[1:])
    raw = array.astype({'f16': '<f2', 'f32': '<f4'}[element_type]).tobytes()
    constant = layer(
      'Const',
      f'<data element_type="{element_type}" offset="{len(data)}" '
      f'shape="{", ".join(map(str, shape))}" size="{len(raw)}"/>',
    )
    data += raw
    constant = layer('Convert', '<data destination_type="f32"/>', constant)
    kinds = {'conv': 'Convolution', 'group': 'GroupConvolution'}
    kinds |= {'prelu': 'PReLU', 'multiply': 'Multiply'}
    before = layer(
      'Add' if part == 'bias' else kinds[kind], '', before, constant
    )
  body = f'<layers>{"".join(layers)}</layers><edges>{"".join(edges)}</edges>'
  text = f'<?xml version="1.0"?>\n<net name="net" version="11">{body}</net>'
  return text.encode(), data


def tflite(arrays):
  """A model of {'conv0.weight', 'conv0.bias', 'prelu0.weight': array, ...}.

  Kernels are [out, h, w, in]; [1, h, w, C] are depthwise.
  """
  buffers, tensors, operators = [()], [([1, 8, 8, 3], 0, 0)], []

  def tensor(array=None):
    if array is None:
      tensors.append(([1], 0, 0))
    else:
      buffer = (array.astype('<f4').tobytes(),)
      if buffer not in buffers:  # as TensorFlow has it
        buffers.append(buffer)
      tensors.append((list(array.shape), 0, buffers.index(buffer)))
    return len(tensors) - 1

  def operator(code, *inputs):
    operators.append((_CODES.index(code), list(inputs), [tensor()]))
    return len(tensors) - 1

  x = 0
  for name, array in arrays.items():
    if name.startswith('prelu'):
      positive, size = operator(19, x), operator(101, x)
      negative = operator(18, tensor(array / 2), operator(41, x, size))
      x = operator(0, positive, negative)
    elif name.endswith('weight'):
      code = 4 if array.shape[0] == 1 else 3
      bias = arrays[name.replace('weight', 'bias')]
      x = operator(code, x, tensor(array), tensor(bias))
  codes = [(code, None, None, code) for code in _CODES]
  model = 3, codes, [(tensors, None, None, operators)], None, buffers
  data = bytearray(b'\0\0\0\0TFL3')
  struct.pack_into('<I', data, 0, _flat(data, model))
  return bytes(data)


def _flat(data, value):
  """Writes a table (a tuple), or a vector, and says where it is."""
  data += bytes(-len(data) % 4)
  if isinstance(value, bytes):
    at = len(data)
    data += struct.pack('<I', len(value)) + value
    return at
  if isinstance(value, tuple):
    offsets = [0 if x is None else 4 + 4 * i for i, x in enumerate(value)]
    sizes = 4 + 2 * len(value), 4 + 4 * len(value)
    fields = struct.pack(f'<{2 + len(value)}H', *sizes, *offsets)
    data += fields + bytes(-len(fields) % 4)
    at = len(data)
    data += struct.pack('<i', len(fields) + -len(fields) % 4)
  else:
    at = len(data)
    data += struct.pack('<I', len(value))
  start = len(data)
  data += bytes(4 * len(value))
  for i, part in enumerate(value):
    where = start + 4 * i
    if isinstance(part, int):
      struct.pack_into('<i', data, where, part)
    elif part is not None:
      struct.pack_into('<I', data, where, _flat(data, part) - where)
  return at


def counted(*convs):
  """{'conv0.weight': array, ...} of kernels of these shapes, all different."""
  arrays = {}
  for i, shape in enumerate(convs):
    channels = shape[-1] if shape[0] == 1 else shape[0]
    values = np.arange(np.prod(shape)) / 8 + i
    arrays[f'conv{i}.weight'] = values.reshape(shape).astype(np.float32)
    arrays[f'conv{i}.bias'] = np.arange(channels, dtype=np.float32) - i
    arrays[f'prelu{i}.weight'] = np.full(channels, i / 4, np.float32)
  return arrays
