"""What an attack changes: distances between embeddings, one per picture.

An objective works on functions, never on networks: `embed_fns` are
`(params, images) -> [B, D]`, their params come in a list of the same order.
L2-normalisation and blurred or mirrored views belong here, to the recipe, not
to the network. Values are summed over the batch only where a gradient is
taken, so that no picture's result depends on its neighbours. Distances are in
float32, whatever the network answers in.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax.numpy as jnp

from fr_poison import checks
from fr_poison.attacks import networks
from fr_poison.attacks.base import by_value, fold_in
from fr_poison.types import EmbedFn, InputError

View = Callable[[Any], Any]  # images -> images


class Objective(NamedTuple):
  """A distance [B] that grows (sign 1) or shrinks (sign -1) as it is met.

  `reference` is computed once per attack and handed to every `distance`. All
  its arrays have one entry per picture. `rngs` are keys [B], new each step.
  """

  reference: Callable[..., Any]  # (params, images, targets) -> pytree
  distance: Callable[..., Any]  # (params, reference, adv_images, rngs) -> [B]
  sign: float = 1.0
  is_targeted: bool = True  # `reference` looks at targets


def normalize(embeddings):
  """Embeddings [..., D] on the unit sphere, float32; zero stays zero."""
  embeddings = jnp.asarray(embeddings, jnp.float32)
  square = jnp.sum(embeddings**2, -1, keepdims=True)
  return embeddings / jnp.sqrt(jnp.maximum(square, 1e-20))


def mirror(images):
  """Left and right exchanged."""
  return images[:, :, ::-1]


def _embed_all(embed_fns, params, images):
  """Of each network, [B, D]."""
  networks.check_params(embed_fns, params)
  return [
    networks.embed(f, p, images, i)
    for i, (f, p) in enumerate(zip(embed_fns, params, strict=True))
  ]


def _embed_views(i, embed_fn, params, images, views, mirrored):
  """[V, B, D], normalised; all views go through the network as one batch."""
  stacked = jnp.concatenate([view(images) for view in views])
  if not mirrored:
    embeddings = networks.embed(embed_fn, params, stacked, i)
  else:
    both = jnp.concatenate([stacked, mirror(stacked)])
    both = networks.embed(embed_fn, params, both, i)
    embeddings = both[: len(stacked)] + both[len(stacked) :]
  shape = len(views), len(images), embeddings.shape[1]
  return normalize(embeddings).reshape(shape)


def _itself(images):
  return images


@by_value
def displacement(
  embed_fns: Sequence[EmbedFn],
  views: Sequence[View] = (_itself,),
  *,
  mirrored: bool = False,
) -> Objective:
  """Squared distance from the picture's own embedding (untargeted).

  The mean over networks and views of |f(view(x')) - f(x)|^2 for normalised
  embeddings, so in [0, 4]. With a blurred view: LowKey's eq. 2, without LPIPS.

  Args:
    embed_fns: the networks.
    views: of the cloaked picture; the reference is always the plain original.
    mirrored: f is the sum for the picture and its mirror image, as in LowKey.

  Raises:
    InputError: embed_fns is no list of functions.
  """
  networks.check(embed_fns)

  def reference(params, images, targets):
    del targets
    embeddings = _embed_all(embed_fns, params, images)
    if mirrored:
      other = _embed_all(embed_fns, params, mirror(images))
      embeddings = [a + b for a, b in zip(embeddings, other, strict=True)]
    return [normalize(e) for e in embeddings]

  def distance(params, reference, adv_images, rngs):
    del rngs
    total = 0.0
    together = zip(embed_fns, params, reference, strict=True)
    for i, (f, p, own) in enumerate(together):
      embeddings = _embed_views(i, f, p, adv_images, views, mirrored)
      total += jnp.mean(jnp.sum((embeddings - own) ** 2, -1), 0)
    return total / len(embed_fns)

  return Objective(reference, distance, is_targeted=False)


def _check_targets(own, targets, *, from_set=False):
  """One float32 array per network, of a shape that goes with its embeddings."""
  expected = 'a list with one array of embeddings per network expected'
  if not isinstance(targets, list | tuple):
    raise InputError(f'targets: {type(targets).__name__}; {expected}')
  if len(targets) != len(own):
    raise InputError(f'targets: {len(targets)} for {len(own)}; {expected}')
  found = [jnp.asarray(t, jnp.float32) for t in targets]
  for i, (embeddings, target) in enumerate(zip(own, found, strict=True)):
    count, size = embeddings.shape
    known = [(count, size), (size,)]
    if from_set:
      known = [(max(len(target), 1) if target.ndim else 1, size)]
    if target.shape not in known:
      shapes = f'[T, {size}]' if from_set else f'[{size}] or [{count}, {size}]'
      raise InputError(
        f'targets[{i}]: {list(target.shape)}; {shapes} expected, as '
        f'embed_fns[{i}] gives {size} numbers a picture'
      )
  return found


def most_similar(embeddings, candidates):
  """The row [B, D] of `candidates` [T, D] with the largest cosine to each."""
  unit = normalize(candidates)
  return unit[jnp.argmax(normalize(embeddings) @ unit.T, 1)]


@by_value
def approach(
  embed_fns: Sequence[EmbedFn], *, from_set: bool = False
) -> Objective:
  """Squared distance to a target in feature space (targeted, Fawkes eq. 2).

  The mean over networks of |f(x') - t|^2 for normalised embeddings, in [0, 4].

  Args:
    embed_fns: the networks.
    from_set: `targets` are [T, D] candidates per network, of which each
      picture takes the most similar; otherwise t itself, [B, D] or [D], of any
      length.

  Raises:
    InputError: embed_fns is no list of functions.
  """
  networks.check(embed_fns)

  def reference(params, images, targets):
    own = _embed_all(embed_fns, params, images)
    targets = _check_targets(own, targets, from_set=from_set)
    if from_set:
      return [most_similar(e, t) for e, t in zip(own, targets, strict=True)]
    return [
      jnp.broadcast_to(normalize(t), e.shape)
      for e, t in zip(own, targets, strict=True)
    ]

  def distance(params, reference, adv_images, rngs):
    del rngs
    embeddings = _embed_all(embed_fns, params, adv_images)
    total = 0.0
    for e, target in zip(embeddings, reference, strict=True):
      total += jnp.sum((normalize(e) - target) ** 2, -1)
    return total / len(embed_fns)

  return Objective(reference, distance, sign=-1.0)


@by_value
def relative_distance(embed_fns: Sequence[EmbedFn]) -> Objective:
  """Sum over networks of |t - f(x')| / |t|, not normalised (Fawkes 0.3).

  Raises:
    InputError: embed_fns is no list of functions.
  """
  networks.check(embed_fns)

  def reference(params, images, targets):
    own = _embed_all(embed_fns, params, images)
    targets = _check_targets(own, targets)
    return [
      jnp.broadcast_to(t, e.shape) for e, t in zip(own, targets, strict=True)
    ]

  def distance(params, reference, adv_images, rngs):
    del rngs
    embeddings = _embed_all(embed_fns, params, adv_images)
    return sum(
      jnp.linalg.norm(t - e, axis=-1) / jnp.linalg.norm(t, axis=-1)
      for e, t in zip(embeddings, reference, strict=True)
    )

  return Objective(reference, distance, sign=-1.0)


@checks.checked
@by_value
def scaled(objective: Objective, factor: checks.Number) -> Objective:
  """`factor` times the objective's distance."""
  return objective._replace(
    distance=lambda *args: factor * objective.distance(*args)
  )


@checks.checked
@by_value
def expectation(
  objective: Objective,
  transforms: Sequence[Callable],
  *,
  num_samples: checks.Count = 1,
) -> Objective:
  """The mean of `objective` over transformed pictures (Athalye et al., 2018).

  Gradients go through the transforms, so what survives them is what grows.

  Args:
    objective: any.
    transforms: `(rngs, images) -> images`, see `transforms`.
    num_samples: draws of each transform per step; random ones differ.

  Raises:
    InputError: no transforms, num_samples below 1.
  """
  if not transforms:
    raise InputError('transforms: none given, one or more expected')

  def distance(params, reference, adv_images, rngs):
    total = 0.0
    for i in range(num_samples):
      for j, transform in enumerate(transforms):
        number = i * len(transforms) + j
        drawn = fold_in(rngs, number)
        images = transform(drawn, adv_images)
        total += objective.distance(params, reference, images, drawn)
    return total / (num_samples * len(transforms))

  return objective._replace(distance=distance)
