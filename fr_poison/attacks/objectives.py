"""What an attack increases: distances between embeddings, one per picture.

An objective works on functions, never on networks: `embed_fns` are
`(params, images) -> [B, D]`, their params come in a list of the same order.
L2-normalisation and blurred or mirrored views belong here, to the recipe, not
to the network. Values are summed over the batch only where a gradient is
taken, so that no picture's result depends on its neighbours.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax.numpy as jnp

from fr_poison.types import EmbedFn, InputError

View = Callable[[Any], Any]  # images -> images


class Objective(NamedTuple):
  """`reference` is computed once per attack and handed to every `value`."""

  reference: Callable[..., Any]  # (params, images, targets) -> pytree
  value: Callable[..., Any]  # (params, reference, adv_images) -> [B]


def normalize(embeddings):
  """Embeddings [..., D] on the unit sphere; zero stays zero."""
  square = jnp.sum(embeddings**2, -1, keepdims=True)
  return embeddings / jnp.sqrt(jnp.maximum(square, 1e-20))


def _embed_views(embed_fn, params, images, views):
  """[V, B, D], normalised; all views go through the network as one batch."""
  stacked = jnp.concatenate([view(images) for view in views])
  embeddings = normalize(embed_fn(params, stacked))
  return embeddings.reshape(len(views), len(images), -1)


def _check_params(embed_fns, params):
  if len(params) != len(embed_fns):
    raise InputError(
      f'params: {len(params)} given for {len(embed_fns)} networks; '
      'pass one entry per embed_fn, in the same order'
    )


def displacement(
  embed_fns: Sequence[EmbedFn], views: Sequence[View] = (lambda x: x,)
) -> Objective:
  """Squared distance from the picture's own embedding (untargeted).

  The mean over networks and views of |f(view(x')) - f(x)|^2, normalised
  embeddings, so in [0, 4]. With a blurred view: LowKey eq. 2 without LPIPS.
  """

  def reference(params, images, targets):
    del targets
    _check_params(embed_fns, params)
    return [
      normalize(f(p, images)) for f, p in zip(embed_fns, params, strict=True)
    ]

  def value(params, reference, adv_images):
    total = 0.0
    for f, p, own in zip(embed_fns, params, reference, strict=True):
      embeddings = _embed_views(f, p, adv_images, views)
      total += jnp.mean(jnp.sum((embeddings - own) ** 2, -1), 0)
    return total / len(embed_fns)

  return Objective(reference, value)


def approach(embed_fns: Sequence[EmbedFn]) -> Objective:
  """Closeness to a target in feature space (targeted, Fawkes eq. 2).

  Minus the mean over networks of |f(x') - t|^2 for normalised embeddings, so
  in [-4, 0]. `targets` holds t per network, [B, D] or [D], any length.
  """

  def reference(params, images, targets):
    _check_params(embed_fns, params)
    if targets is None or len(targets) != len(embed_fns):
      raise InputError('targets: one array of embeddings per network expected')
    return [
      jnp.broadcast_to(normalize(jnp.asarray(t)), (len(images), t.shape[-1]))
      for t in targets
    ]

  def value(params, reference, adv_images):
    total = 0.0
    for f, p, target in zip(embed_fns, params, reference, strict=True):
      distance = jnp.sum((normalize(f(p, adv_images)) - target) ** 2, -1)
      total += distance
    return -total / len(embed_fns)

  return Objective(reference, value)
