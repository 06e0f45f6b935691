"""Where a network's time goes: each convolution against its own operations.

Each shape is timed alone, forward and with the gradient by the picture that an
attack takes, and stands beside the rate of a large matrix product on the same
machine, which no convolution by products can beat.
"""

import collections
from collections.abc import Iterator

import jax
import jax.numpy as jnp
from flax import linen as nn

from benchmarks import convolutions, timing
from benchmarks.convolutions import Shape
from fr_poison import extractors
from fr_poison.layers import Conv

_PRODUCT = 2048  # rows and columns of the matrices that show the rate


def shapes(extractor: extractors.Extractor) -> collections.Counter[Shape]:
  """Counts the convolutions of each shape, in the order of the network."""
  found = collections.Counter()

  def note(call, args, kwargs, context):
    layer = context.module
    if isinstance(layer, Conv) and context.method_name == '__call__':
      size, channels = args[0].shape[1], args[0].shape[3]
      how = layer.features, layer.kernel_size, layer.stride, layer.padding or 0
      found[Shape(size, channels, *how)] += 1
    return call(*args, **kwargs)

  size = extractor.input_size
  picture = jax.ShapeDtypeStruct((1, size, size, 3), jnp.float32)
  with nn.intercept_methods(note):
    jax.eval_shape(extractor.embed_fn, extractor.params, picture)
  return found


def _rate(repeats):
  """Operations a second of a product of two matrices."""
  x = jnp.ones((_PRODUCT, _PRODUCT), jnp.float32)
  product = jax.jit(lambda x: jnp.matmul(x, x, precision='highest'))
  t, _ = timing.medians({'product': lambda: product(x)}, repeats, calls=3)
  return 2.0 * _PRODUCT**3 / t['product']


def lines(name: str, batch_size: int, repeats: int) -> Iterator[str]:
  """Times each shape of a network's convolutions, a line each.

  Args:
    name: of a network whose convolutions are `fr_poison.layers.Conv`.
    batch_size: pictures.
    repeats: turns of each.
  """
  extractor, rate = extractors.load(name), _rate(repeats)
  yield f'{name}, {batch_size} pictures, float32; milliseconds of all so many'
  yield f'a product of matrices: {rate / 1e9:.0f} GFLOP/s'
  yield (
    'size    in   out  kernel  stride  how many  GFLOP  forward  of the rate  '
    'gradient  of the rate'
  )
  times = collections.Counter()
  for shape, count in shapes(extractor).items():
    every = convolutions.calls(shape, batch_size, 'float32')
    ours = {name: every[name] for name in ('ours', 'ours x')}
    t, _ = timing.medians(ours, repeats, calls=5)
    work = count * batch_size * shape.operations()
    forward, back = (count * t[name] for name in ours)
    times += collections.Counter(forward=forward, gradient=back, work=work)
    yield (
      f'{shape.size:4} {shape.channels:5} {shape.features:5} {shape.kernel:7} '
      f'{shape.stride:7} {count:9} {work / 1e9:6.2f} {1e3 * forward:8.1f} '
      f'{work / forward / rate:12.0%} {1e3 * back:9.1f} '
      f'{work / back / rate:12.0%}'
    )
  size = extractor.input_size
  images = jnp.ones((batch_size, size, size, 3), jnp.float32) / 2
  loss = lambda x, params: jnp.sum(extractor.embed_fn(params, x) ** 2)
  step = jax.jit(jax.grad(loss))
  whole = {'step': lambda: step(images, extractor.params)}
  t, _ = timing.medians(whole, repeats, calls=5)
  alone = times['forward'] + times['gradient']
  yield (
    f'all convolutions {1e3 * alone:.1f}, the whole step '
    f'{1e3 * t["step"]:.1f}, at the rate of the product '
    f'{2e3 * times["work"] / rate:.1f}'
  )
