"""The user's networks: what may be wrong with them, said where they are called.

`embed_fns` are functions `(params, images) -> [B, D]`, and `params` a list with
one entry for each of them.
"""

from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
from jaxtyping import Float32

from fr_poison.types import Array, EmbedFn, Images, InputError, calling


def check(embed_fns: Any) -> None:
  """Refuses what are no networks to be attacked.

  Raises:
    InputError: not a list of functions.
  """
  if not isinstance(embed_fns, list | tuple):
    raise InputError(
      f'embed_fns: {_kind(embed_fns)}; a list of functions expected, '
      'one per network'
    )
  for i, embed_fn in enumerate(embed_fns):
    if not callable(embed_fn):
      raise InputError(
        f'embed_fns[{i}]: {_kind(embed_fn)}; a function '
        '(params, images) -> [B, D] expected'
      )


def check_params(embed_fns: Sequence[EmbedFn], params: Any) -> None:
  """Refuses params that are not a list of one entry per network.

  Raises:
    InputError: they are not, or there is no network.
  """
  if not embed_fns:
    raise InputError('embed_fns: no network given, one or more expected')
  if not isinstance(params, list | tuple):
    raise InputError(
      f'params: {_kind(params)}; a list with one entry per embed_fn '
      'expected, in the same order'
    )
  if len(params) != len(embed_fns):
    raise InputError(
      f'params: {len(params)} given for {len(embed_fns)} networks; '
      'pass one entry per embed_fn, in the same order'
    )


def embed_all(
  embed_fns: Sequence[EmbedFn], params: Any, images: Images
) -> list[Float32[Array, 'B _']]:
  """Embeds pictures by every network, or raises an `InputError`."""
  check_params(embed_fns, params)
  pairs = enumerate(zip(embed_fns, params, strict=True))
  return [embed(embed_fn, own, images, i) for i, (embed_fn, own) in pairs]


def embed(
  embed_fn: EmbedFn, params: Any, images: Images, number: int = 0
) -> Float32[Array, 'B D']:
  """Embeds pictures by the network `embed_fns[number]`.

  Raises:
    InputError: it gives something else. What it raises itself passes through,
      with a note on whose it is.
  """
  name = f'embed_fns[{number}]'
  hint = f' with params[{number}]; params come in the order of embed_fns'
  with calling(name, hint=hint):
    embeddings = embed_fn(params, images)
  expected = f'one array [{len(images)}, D] of floating point expected'
  shape = getattr(embeddings, 'shape', None)
  if shape is None:
    raise InputError(f'{name}: gave {_kind(embeddings)}; {expected}')
  is_float = jnp.issubdtype(embeddings.dtype, jnp.floating)
  if len(shape) != 2 or shape[0] != len(images) or not is_float:
    raise InputError(
      f'{name}: gave {embeddings.dtype} {list(shape)}; {expected}'
    )
  return jnp.asarray(embeddings, jnp.float32)


def _kind(value):
  return 'an array' if hasattr(value, 'shape') else f'a {type(value).__name__}'
