"""load(name or path) -> Extractor: networks with their weights."""

import functools
import os
import pathlib
from collections.abc import Callable, Mapping

import jax
import jax.numpy as jnp
import numpy as np

from fr_poison import weights
from fr_poison.extractors import cache, registry
from fr_poison.extractors.convert import reading, state_dict
from fr_poison.extractors.network import resize
from fr_poison.extractors.registry import PIXELS, PIXELS_SPEC, Extractor
from fr_poison.types import InputError, Params, Rng


def load(
  name: str | os.PathLike,
  *,
  input_size: int | None = None,
  dtype=jnp.float32,
  remat: bool = False,
  download: bool = False,
) -> Extractor:
  """Loads a network ready for use: shipped, published, or trained here.

  Args:
    name: one of `names()`, whose weights ship or are in the cache (see
      `cache.path_of`); or a path, of a converted weight file, or of a
      training's checkpoints (or of one of them), made on any machine.
    input_size: rows and columns the network works at; None is the published
      size. Only some networks (faceres) take another one.
    dtype: of the computation inside; embeddings come out as float32.
    remat: compute the blocks' insides again for the gradient instead of
      keeping them: less memory, more time, the same numbers.
    download: fetch weights that neither ship nor are in the cache. Without
      it nothing is ever asked of the network.

  Raises:
    InputError: unknown network, a size it cannot take, or weights that are
      missing (what to do is said), damaged, or of another network.
  """
  options = {'input_size': input_size, 'dtype': dtype, 'remat': remat}
  if name == PIXELS:
    return Extractor(_pixels, {}, PIXELS_SPEC, 0, None)
  if name not in registry.architectures() and _is_path(name):
    path = pathlib.Path(name)
    read = _load_checkpoint if path.is_dir() else _load_converted
    return read(path, options)
  entry = registry.spec(name)
  if not entry.pretrained:
    published = lambda file: from_state_dict(name, reading.read(file)).params
    path = cache.fill(entry, published if download else None)
    return _load_converted(path, options, name)
  size = registry.working_size(entry, input_size)
  shapes = weights.expected_shapes(entry.module(), size)
  params, digest = weights.load(name, shapes)
  params = jax.tree.map(jnp.asarray, params)
  return Extractor(
    _embed_fn(name, size, dtype, remat), params, entry, size, digest
  )


def _is_path(name):
  path = pathlib.Path(name)
  return os.sep in str(name) or path.suffix or path.exists()


def _load_converted(path, options, wanted=None):
  name, params = cache.read(path)
  if wanted not in (None, name):
    raise InputError(f'{path}: weights of {name}, expected those of {wanted}')
  try:
    return with_params(name, params, **options)
  except InputError as error:
    raise InputError(f'{path}: {error}') from error


def _load_checkpoint(path, options):
  """Loads the network of a `training.TrainState`, as its average where kept."""
  from fr_poison import checkpoints  # Orbax takes a second to import

  tree, description = checkpoints.read(path)
  try:
    network = description['network']
    # What is empty is not in a checkpoint.
    params = tree.get('ema', tree['params'])['extractor']
    stats = tree.get('batch_stats')
    name = network['name']
    size = options['input_size'] or network['input_size']
  except (KeyError, TypeError) as error:
    raise InputError(
      f'{path}: not the checkpoint of a network ({error} is missing)'
    ) from error
  variables = {'params': params} | ({'batch_stats': stats} if stats else {})
  return with_params(name, variables, **options | {'input_size': size})


def create(name: str, rng: Rng, *, input_size: int | None = None) -> Extractor:
  """Creates an untrained network with random weights.

  Raises:
    InputError: no such network, or a size it cannot take.
  """
  entry = registry.spec(name)
  size = registry.working_size(entry, input_size)
  images = jnp.zeros((1, size, size, 3))
  params = jax.jit(entry.module().init)(rng, images)
  return with_params(name, params, input_size=size)


def with_params(
  name: str,
  params: Params,
  *,
  input_size: int | None = None,
  dtype=jnp.float32,
  remat: bool = False,
) -> Extractor:
  """Gives the network of that name weights of one's own.

  Args:
    name: one of `architectures()`.
    params: {'params': ..., 'batch_stats': ...} of its module.
    input_size: see `load`, as `dtype` and `remat`.
    dtype: see there.
    remat: see there.

  Raises:
    InputError: the arrays are not those of that network.
  """
  entry = registry.spec(name)
  size = registry.working_size(entry, input_size)
  flat = weights.flatten(params)
  weights.check_arrays(flat, _shapes(name, size), name)
  embed_fn = _embed_fn(name, size, dtype, remat)
  params = jax.tree.map(jnp.asarray, params)
  return Extractor(embed_fn, params, entry, size, weights.digest(flat))


def from_state_dict(
  name: str,
  arrays: Mapping[str, np.ndarray],
  *,
  input_size: int | None = None,
  **options,
) -> Extractor:
  """Gives the network of that name the weights that its authors published.

  Args:
    name: one of `architectures()`.
    arrays: by the authors' own keys, of any floating-point format.
    input_size: see `load`.
    **options: `dtype` and `remat`, see `load`.

  Raises:
    InputError: no such network, no names known for it, or arrays that are
      missing, unexpected, misshaped or not finite.
  """
  entry = registry.spec(name)
  params = state_dict.to_flax(
    _table(entry),
    arrays,
    _shapes(name, registry.working_size(entry, input_size)),
    ignored=entry.ignored,
    prefixes=entry.prefixes,
    source=name,
  )
  return with_params(name, params, input_size=input_size, **options)


def to_state_dict(extractor: Extractor) -> dict[str, np.ndarray]:
  """Gives the weights under their authors' keys, for `from_state_dict`.

  Raises:
    InputError: no names are known for this network.
  """
  return state_dict.to_state_dict(_table(extractor.spec), extractor.params)


def _table(entry):
  if entry.table is None:
    raise InputError(f'network: {entry.name} has no published names')
  return entry.table


@functools.cache  # tracing a deep network takes seconds
def _shapes(name, size):
  return weights.expected_shapes(registry.spec(name).module(), size, None)


def train_fn(
  extractor: Extractor, *, dtype='float32', axis_name: str | None = None
) -> Callable:
  """Gives a train step's (variables, images) -> embeddings, batch_stats.

  Args:
    extractor: the network; its own params are not looked at.
    dtype: of the computation inside.
    axis_name: of the pmap over which batch norm takes its statistics.

  Raises:
    InputError: `extractor` has nothing to train (pixels).
  """
  entry, size = extractor.spec, extractor.input_size
  if entry.name == PIXELS:
    raise InputError(f'network: {entry.name} has no weights to train')
  if not entry.batch_norm:
    embed_fn = _embed_fn(entry.name, size, jnp.dtype(dtype), False)
    return lambda variables, images: (embed_fn(variables, images), {})
  module = entry.module(axis_name=axis_name)

  def apply(variables, images):
    inputs = jnp.asarray(255 * resize(images, size), dtype)
    embeddings, changed = module.apply(
      variables, inputs, train=True, mutable=['batch_stats']
    )
    return embeddings.astype(jnp.float32), changed['batch_stats']

  return apply


@functools.cache  # the same function each time, so that jit compiles it once
def _embed_fn(name, size, dtype, remat):
  module = registry.spec(name).module(remat=remat)

  def embed_fn(params, images):
    inputs = jnp.asarray(255 * resize(images, size), dtype)
    return module.apply(params, inputs).astype(jnp.float32)

  embed_fn.__name__ = f'embed_{name}'
  return embed_fn


def _pixels(params, images):
  del params
  return images.reshape(len(images), -1)
