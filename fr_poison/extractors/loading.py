"""Networks by name or path, with their weights, and pictures through them."""

import functools
import os
import pathlib
from collections.abc import Callable, Mapping, Sequence

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from jaxtyping import Float

from fr_poison import checks, parallel, weights
from fr_poison.data.batches import (
  Progress,
  map_batches,
  pictures_a_call,
  silent,
)
from fr_poison.extractors import (
  cache,
  clip_vit,
  dlib_resnet,
  faceres,
  framing,
  frbench,
  inception_resnet,
  iresnet,
  lowkey,
  mobileface,
  mobilefacenet,
  mobilefacenets,
  resnet,
  trained,
)
from fr_poison.extractors.convert import reading, state_dict
from fr_poison.extractors.network import MIRRORED, Extractor, NetworkSpec
from fr_poison.types import (
  Array,
  Embeddings,
  Images,
  InputError,
  Params,
  Rng,
  UInt8Images,
  calling,
)

_FILES = (
  *(dlib_resnet, faceres, mobileface, mobilefacenets),  # some of which ship
  *(iresnet, mobilefacenet, inception_resnet, resnet, lowkey, clip_vit),
  frbench,
)
_SPECS = {spec.name: spec for file in _FILES for spec in file.SPECS}
PIXELS = 'pixels'  # the control: no network, the picture is the embedding
UNKNOWN = 'unknown'  # the network that a given cloak was made for
_PIXELS_SPEC = NetworkSpec(PIXELS, nn.Module, 0, 0)
# With 20, mobileface and dlib_resnet would embed many a fifth faster (faceres
# would not), and all of them one picture as slowly as 20.
_CPU_BATCH = 8


def names() -> tuple[str, ...]:
  """Lists the networks `load` knows by name; see `spec(name).pretrained`."""
  return (*_SPECS, PIXELS)


def architectures() -> tuple[str, ...]:
  """Lists the networks that `create` can make, to be trained."""
  return tuple(_SPECS)


def spec(name: str) -> NetworkSpec:
  """Gives the network's entry.

  Raises:
    InputError: no such network; lists those there are.
  """
  checks.known('network', name, _SPECS)
  return _SPECS[name]


def relation(networks: Sequence[str], surrogate: Sequence[str]) -> str | None:
  """Says how near a trainer's networks are to those that cloaks were made on.

  Args:
    networks: names; of several the nearest one counts. One that was trained
      here has two, with and without `Extractor.trained_by`.
    surrogate: names.

  Returns:
    'white-box': one of them; 'same family': another network with a graph of
    their family, or other weights; 'another family'. None where there is no
    surrogate, or one that is not known.
  """
  if not surrogate:
    return None
  surrogate = [name.removesuffix(MIRRORED) for name in surrogate]
  if set(networks) & set(surrogate):
    return 'white-box'
  networks, surrogate = (
    {name.partition(' ')[0] for name in group}
    for group in (networks, surrogate)
  )
  if not networks | surrogate <= {*names()} - {PIXELS}:
    return None
  families = [
    {spec(name).family for name in group} for group in (networks, surrogate)
  ]
  return 'same family' if families[0] & families[1] else 'another family'


def load(
  name: str | os.PathLike,
  *,
  input_size: int | None = None,
  dtype=jnp.float32,
  remat: bool = False,
  download: bool = False,
  mirrored: bool = False,
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
    mirrored: see `framing.mirrored`.

  Raises:
    InputError: unknown network, a size it cannot take, or weights that are
      missing (what to do is said), damaged, or of another network.
  """
  if mirrored:
    options = {'input_size': input_size, 'dtype': dtype, 'remat': remat}
    return framing.mirrored(load(name, **options, download=download))
  if name == PIXELS:
    return Extractor(_pixels, {}, _PIXELS_SPEC, 0, None)
  path = pathlib.Path(name)
  if name in _SPECS or not (
    os.sep in str(name) or path.suffix or path.exists()
  ):
    entry = spec(name)
    if entry.pretrained:
      size = _working_size(entry, input_size)
      shapes = _shapes(name, size, 'params')
      params, digest = weights.load(name, shapes)
      return _extractor(entry, params, size, digest, dtype, remat)
    published = lambda file: from_state_dict(name, reading.read(file)).params
    path = cache.fill(entry, published if download else None)
  if path.is_dir():
    found, params, size = trained.read(path, _shapes_at)
  else:
    (found, params), size = cache.read(path), None
  if name in _SPECS and name != found:
    raise InputError(f'{path}: weights of {found}, expected those of {name}')
  options = {'input_size': input_size or size, 'dtype': dtype, 'remat': remat}
  try:
    return with_params(found, params, **options)
  except InputError as error:
    raise InputError(f'{path}: {error}') from error


def _working_size(entry, input_size):
  size = input_size or entry.input_size
  if size != entry.input_size and not entry.any_size:
    raise InputError(
      f'input_size: {entry.name} only takes {entry.input_size}, {size} given'
    )
  if size < entry.min_size:
    raise InputError(f'input_size: {size} is below {entry.min_size}')
  return size


def create(name: str, rng: Rng, *, input_size: int | None = None) -> Extractor:
  """Creates an untrained network with random weights.

  Raises:
    InputError: no such network, or a size it cannot take.
  """
  entry = spec(name)
  size = _working_size(entry, input_size)
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
  entry = spec(name)
  size, flat = _working_size(entry, input_size), weights.flatten(params)
  weights.check_arrays(flat, _shapes(name, size), name)
  digest = weights.digest(flat)
  return _extractor(entry, params, size, digest, dtype, remat)


def _extractor(entry, params, size, digest, dtype, remat):
  embed_fn = _embed_fn(entry.name, size, dtype, remat)
  params = jax.tree.map(jnp.asarray, params)
  return Extractor(embed_fn, params, entry, size, digest)


@functools.cache  # tracing a deep network takes seconds
def _shapes(name, size, collection=None):
  return weights.expected_shapes(spec(name).module(), size, collection)


def _shapes_at(name, size):
  return _shapes(name, _working_size(spec(name), size))


def from_state_dict(
  name: str,
  arrays: Mapping[str, Float[np.ndarray, '...']],
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
    InputError: no such network, or arrays that are missing, unexpected,
      misshaped or not finite.
  """
  entry = spec(name)
  params = state_dict.to_flax(
    entry.table,
    arrays,
    _shapes(name, _working_size(entry, input_size)),
    ignored=entry.ignored,
    prefixes=entry.prefixes,
    source=name,
  )
  return with_params(name, params, input_size=input_size, **options)


def to_state_dict(
  extractor: Extractor,
) -> dict[str, Float[np.ndarray, '...']]:
  """Gives the weights under their authors' keys, for `from_state_dict`."""
  return state_dict.to_state_dict(extractor.spec.table, extractor.params)


def train_fn(
  extractor: Extractor, *, dtype='float32', axis_name: str | None = None
) -> Callable[[Params, Images], tuple[Float[Array, 'B D'], Params]]:
  """Gives a train step's (variables, images) -> embeddings, batch_stats.

  Args:
    extractor: the network; its own params are not looked at.
    dtype: of the computation inside.
    axis_name: of the pmap over which batch norm takes its statistics.

  Raises:
    InputError: `extractor` has nothing to train (pixels).
  """
  entry, size = extractor.spec, extractor.input_size
  shown = lambda images: framing.part(images, extractor)
  if entry.name == PIXELS:
    raise InputError(f'network: {entry.name} has no weights to train')
  if not entry.batch_norm:
    embed_fn = _embed_fn(entry.name, size, jnp.dtype(dtype), False)
    return lambda variables, images: (embed_fn(variables, shown(images)), {})
  module = entry.module(axis_name=axis_name)

  def apply(variables, images):
    inputs = entry.prepare(shown(images), size, dtype)
    embeddings, changed = module.apply(
      variables, inputs, train=True, mutable=['batch_stats']
    )
    return embeddings.astype(jnp.float32), changed['batch_stats']

  return apply


@functools.cache  # the same function each time, so that jit compiles it once
def _embed_fn(name, size, dtype, remat):
  entry = spec(name)
  module = entry.module(remat=remat)

  def embed_fn(params, images):
    inputs = entry.prepare(images, size, dtype)
    return module.apply(params, inputs).astype(jnp.float32)

  embed_fn.__name__ = f'embed_{name}'
  # Traced once for all programs that it is a part of.
  return jax.jit(embed_fn)


def _pixels(params, images):
  del params
  return images.reshape(len(images), -1)


def embed(
  extractor: Extractor,
  images: UInt8Images,
  batch_size: int = 20,
  progress: Progress = silent,
  *,
  devices: parallel.Devices = None,
) -> Embeddings:
  """Embeds pictures, one or more.

  Each device has its part, and runs the program of one: nothing depends on how
  many there are.

  Args:
    extractor: the network; of one graph, any weights share a program.
    images: the pictures.
    batch_size: pictures on a device at a time, if that is an accelerator; on
      CPU it changes nothing.
    progress: is given the loop over batches; see `data.batches.silent`.
    devices: see `parallel.chosen`.

  Raises:
    InputError: the network gives something else than [B, D], or devices that
      are not there. What it raises itself passes through, with a note.
  """
  devices = parallel.chosen(devices)
  size = pictures_a_call(batch_size, _CPU_BATCH, devices[0])
  is_enough = len(images) >= size * len(devices)
  mesh = parallel.mesh(devices if is_enough else devices[:1])
  params = parallel.put(mesh, extractor.params, parallel.WHOLE)

  def run(batch):
    parts = batch.reshape(mesh.size, size, *batch.shape[1:])
    parts = parallel.put(mesh, parts, parallel.SPLIT)
    found = parallel.each(_embed, extractor.embed_fn, mesh, params, parts)
    return parallel.join(mesh, found)

  return map_batches(run, images, size * mesh.size, progress)


def _embed(embed_fn, params, images):
  with calling('extractor.embed_fn'):
    embeddings = embed_fn(params, images)
  shape = getattr(embeddings, 'shape', ())
  if len(shape) != 2 or shape[0] != len(images):
    raise InputError(
      f'extractor.embed_fn: gave {type(embeddings).__name__} {list(shape)}; '
      f'one array [{len(images)}, D] expected'
    )
  return embeddings
