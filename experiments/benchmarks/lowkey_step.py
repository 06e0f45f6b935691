"""A step of plain LowKey on an accelerator: how fast, and in how much memory.

The steps run in one compiled loop, as `attacks.run` has it there. Weights are
random where none ship: a step takes as long with any.
"""

import functools
import time
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import traverse_util

from benchmarks import loop, peaks, timing
from fr_poison import attacks, extractors, weights

# Of the memory, left for what the allocator cannot use.
_USABLE = 0.9
# Of the largest batch by that; the first one that runs counts.
_TRIED = (1, 0.5, 0.25)


class Measured(NamedTuple):
  """A step that was timed, and what it began with."""

  extractor: extractors.Extractor
  state: attacks.AttackState  # before the first step
  distances: np.ndarray  # [B], of the first step
  row: dict[str, Any]  # what was found


def network(
  name: str, dtype: str, *, remat: bool = False
) -> extractors.Extractor:
  """Gives a network with shipped weights, or random ones."""
  options = {'dtype': jnp.dtype(dtype), 'remat': remat}
  if extractors.spec(name).pretrained:
    return extractors.load(name, **options)
  return extractors.with_params(name, _random_params(name), **options)


@functools.cache
def _random_params(name):
  """Weights by which nothing grows; an accelerator compiles none of it."""
  entry, rng = extractors.spec(name), np.random.default_rng(0)

  def draw(key, shape):
    kind = key.rpartition('/')[2]
    if kind == 'kernel':
      scale = 0.5 / np.sqrt(np.prod(shape[:-1]))
      return scale * rng.standard_normal(shape, np.float32)
    value = {'scale': 1.0, 'var': 1.0, 'slope': 0.25}.get(kind, 0.0)
    return np.full(shape, value, np.float32)

  shapes = weights.expected_shapes(entry.module(), entry.input_size, None)
  flat = {key: draw(key, shape) for key, shape in shapes.items()}
  return traverse_util.unflatten_dict(flat, sep='/')


def images(extractor: extractors.Extractor, count: int) -> np.ndarray:
  """Draws uint8 pictures [count, H, W, 3] of the network's size."""
  shape = count, extractor.input_size, extractor.input_size, 3
  return np.random.default_rng(0).integers(0, 256, shape, np.uint8)


@functools.cache
def _init(size):
  """Of LowKey on a network that compiles at once: its embeddings are pixels."""
  pixels = lambda params, images: images.reshape(len(images), -1)[:, :size]
  return jax.jit(loop.plain_lowkey(pixels, 1).init)


def _start(extractor, batch_size):
  """The state before the first step, whose reference is of another network.

  A step takes as long with any.
  """
  pictures = images(extractor, batch_size).astype(np.float32) / 255
  init = _init(extractor.spec.embedding_size)
  return init([{}], jax.random.key(0), pictures)


@functools.cache
def _flops(name):
  """Of a step, for one picture."""
  extractor = network(name, 'float32')
  step = loop.plain_lowkey(extractor.embed_fn, 1).step
  state = jax.eval_shape(lambda: _start(extractor, 1))
  return peaks.flops(step, [extractor.params], state)


def _compiled(extractor, state):
  """(params, state, number of steps) -> state."""
  step = loop.plain_lowkey(extractor.embed_fn, 1).step

  @jax.jit
  def advance(params, state, number):
    body = lambda _, state: step(params, state)
    return jax.lax.fori_loop(0, number, body, state)

  return advance.lower([extractor.params], state, np.int32(1)).compile()


def measure(
  name: str,
  dtype: str,
  batch_size: int,
  num_steps: int,
  repeats: int,
  *,
  remat: bool = False,
) -> Measured:
  """Compiles and times the step.

  Args:
    name: of the network.
    dtype: 'float32' or 'bfloat16'.
    batch_size: pictures, each of which the network sees plain and blurred.
    num_steps: in the compiled loop.
    repeats: of the loop; the median counts.
    remat: see `extractors.load`.

  Raises:
    JaxRuntimeError: it does not fit the memory.
  """
  extractor = network(name, dtype, remat=remat)
  state, params = _start(extractor, batch_size), [extractor.params]
  start = time.perf_counter()
  compiled = _compiled(extractor, state)
  compile_seconds = time.perf_counter() - start
  first = compiled(params, state, np.int32(1)).terms['feature_distance']
  run = lambda: compiled(params, state, np.int32(num_steps))
  seconds = timing.medians({'run': run}, repeats)[0]['run'] / num_steps
  rate, flops = batch_size / seconds, _flops(name)
  peak = peaks.of(jax.local_devices()[0].device_kind, dtype)
  row = {
    'batch': batch_size,
    'remat': remat,
    'images_per_second': rate,
    'tflops_per_second': flops and 1e-12 * flops * rate,
    'share_of_peak': flops and peak and flops * rate / peak,
    'temporary_mb': compiled.memory_analysis().temp_size_in_bytes / 1e6,
    'compile_s': compile_seconds,
  }
  return Measured(extractor, state, np.asarray(first), row)


def largest(name: str, dtype: str, known: dict, *args, remat: bool) -> Measured:
  """Finds about the largest batch that runs, and times it.

  Args:
    name: of the network.
    dtype: see `measure`.
    known: the row of a smaller batch, for what a picture takes.
    *args: num_steps and repeats, see there.
    remat: see there.

  Raises:
    JaxRuntimeError: not even a quarter of what should fit does.
  """
  needed = 1e6 * known['temporary_mb'] / known['batch']
  # A CPU does not say.
  limit = (jax.local_devices()[0].memory_stats() or {}).get('bytes_limit')
  most = _USABLE * limit / needed if limit else known['batch']
  for share in _TRIED:
    batch_size = max(1, int(share * most))
    try:
      return measure(name, dtype, batch_size, *args, remat=remat)
    except jax.errors.JaxRuntimeError:
      # As RESOURCE_EXHAUSTED, or a library that has no such large arrays.
      if share == _TRIED[-1]:
        raise
  raise AssertionError  # the last share returns or raises
