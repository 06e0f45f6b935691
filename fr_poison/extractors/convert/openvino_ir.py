"""Reads the constants of OpenVINO models (`.xml`, and `.bin` beside it).

Their names say nothing, so arrays are called by what uses them, counted in the
order of the graph: conv0.weight, conv0.bias, prelu0.weight, ... A document
type, and with it every entity, is refused.
"""

import collections
import pathlib
from xml.parsers import expat

import numpy as np

from fr_poison import files
from fr_poison.extractors.convert import limits

HEAD = rb'<\?xml[^>]*\?>\s*<net\s'
_DTYPES = {'f16': np.dtype('<f2'), 'f32': np.dtype('<f4')}
_MAX_DEPTH = 32
_KINDS = {'Convolution': 'conv', 'GroupConvolution': 'conv'}


class _Graph:
  """The layers {id: attributes}, and {id: those that give it its inputs}.

  The attributes include those of the layer's `data`.
  """

  def __init__(self, text):
    self.layers, self.inputs, self.layer = {}, {}, None
    self.left, self.depth = limits.MOST, 0
    parser = expat.ParserCreate()
    parser.StartElementHandler = self._start
    parser.EndElementHandler = self._end
    parser.StartDoctypeDeclHandler = self._refuse
    try:
      parser.Parse(text, True)
    except expat.ExpatError as error:
      raise ValueError(f'damaged XML ({error})') from error

  def _refuse(self, *doctype):
    raise ValueError('a document type, which no OpenVINO model has')

  def _end(self, tag):
    self.depth -= 1

  def _start(self, tag, attributes):
    self.depth += 1
    if self.depth > _MAX_DEPTH:  # Each open one is kept.
      raise ValueError(f'more than {_MAX_DEPTH} levels')
    self.left -= tag in ('layer', 'edge')
    if self.left < 0:
      raise ValueError(f'more than {limits.MOST} layers and edges')
    if tag == 'layer':
      self.layer = self.layers[attributes['id']] = attributes
    elif tag == 'data':
      self.layer |= attributes
    elif tag == 'edge':
      self.inputs.setdefault(attributes['to-layer'], []).append(
        attributes['from-layer']
      )

  def constant(self, layer):
    """Gives the attributes of the constant behind a layer's output, or None."""
    if self.layers[layer]['type'] == 'Convert':  # from float16
      (layer,) = self.inputs[layer]
    about = self.layers[layer]
    return about if about['type'] == 'Const' else None


def read(path: pathlib.Path) -> dict[str, np.ndarray]:
  """Reads the constants that are an input of a layer, one of each layer.

  Kernels are [out, in, h, w], other arrays flat; all are views of the `.bin`.

  Raises:
    ValueError: damaged XML, or a constant that the `.bin` does not hold.
  """
  graph = _Graph(files.read(path, max_bytes=limits.MAX_TEXT))
  data = files.read(path.with_suffix('.bin'), max_bytes=files.LARGE)
  arrays, counts, named = {}, collections.Counter(), {}
  names = limits.Names()
  for layer, about in graph.layers.items():
    if about['type'] == 'Convert':
      continue
    inputs = graph.inputs.get(layer, [])
    constant = next(filter(None, map(graph.constant, inputs)), None)
    if constant is None:
      continue
    kind = _KINDS.get(about['type'], about['type'].lower())
    before = [named[other] for other in inputs if other in named]
    if kind == 'add' and before:
      name = f'{before[0]}.bias'
    else:
      named[layer] = f'{kind}{counts[kind]}'
      name = f'{named[layer]}.weight'
      counts[kind] += 1
    names.add(name)
    arrays[name] = _array(name, constant, data, is_kernel=kind == 'conv')
  return arrays


def _array(name, constant, data, *, is_kernel):
  dtype = _DTYPES.get(constant['element_type'])
  shape = [int(size) for size in constant['shape'].split(',')]
  start, size = int(constant['offset']), int(constant['size'])
  if dtype is None or min(start, size) < 0:
    raise ValueError(f'{name}: a format or place that no weights have')
  count = limits.count(name, shape)
  if count * dtype.itemsize != size or start + size > len(data):
    raise ValueError(f'{name}: {shape} is more than the .bin holds, or less')
  array = np.frombuffer(data, dtype, count, start)
  # In groups, kernels are [groups, out / groups, in / groups, h, w].
  return array.reshape(-1, *shape[-3:]) if is_kernel else array
