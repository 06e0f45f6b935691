"""What an attack changes: distances between embeddings, one per picture.

An objective works on functions, never on networks (see `networks`).
L2-normalisation and blurred or mirrored views belong here, to the recipe, not
to the network. Values are summed over the batch only where a gradient is
taken, so that no picture's result depends on its neighbours. Distances are in
float32, whatever the network answers in.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax.numpy as jnp
from jaxtyping import Float, Float32

from fr_poison import checks
from fr_poison.attacks import networks
from fr_poison.attacks.base import by_value, fold_in
from fr_poison.types import Array, EmbedFn, Images, InputError, Params, Rngs

View = Callable[[Images], Images]


class Objective(NamedTuple):
  """A distance [B] that grows (sign 1) or shrinks (sign -1) as it is met.

  `reference` is computed once per attack and handed to every `distance`. All
  its arrays have one entry per picture. `rngs` are keys [B], new each step.
  """

  # (params, images, targets) -> pytree
  reference: Callable[[Sequence[Params], Images, Any], Any]
  # (params, reference, adv_images, rngs) -> distances
  distance: Callable[[Sequence[Params], Any, Images, Rngs], Float[Array, ' B']]
  sign: float = 1.0
  is_targeted: bool = True  # `reference` looks at targets
  from_set: bool = False  # these are candidates, the same for all pictures


def normalize(embeddings: Float[Array, '... D']) -> Float32[Array, '... D']:
  """Scales embeddings to length 1, in float32; zero stays zero."""
  embeddings = jnp.asarray(embeddings, jnp.float32)
  square = jnp.sum(embeddings**2, -1, keepdims=True)
  return embeddings / jnp.sqrt(jnp.maximum(square, 1e-20))


def mirror(images: Images) -> Images:
  """Exchanges left and right."""
  return images[:, :, ::-1]


def _itself(images):
  return images


@by_value
def displacement(
  embed_fns: Sequence[EmbedFn],
  views: Sequence[View] = (_itself,),
  *,
  mirrored: bool = False,
) -> Objective:
  """Measures the squared distance from the picture's own embedding.

  The mean over networks and views of `|f(view(x')) - f(x)|^2` for normalised
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
    embeddings = networks.embed_all(embed_fns, params, images)
    if mirrored:
      other = networks.embed_all(embed_fns, params, mirror(images))
      embeddings = [a + b for a, b in zip(embeddings, other, strict=True)]
    return [normalize(e) for e in embeddings]

  def distance(params, reference, adv_images, rngs):
    del rngs
    # All views go through a network as one batch.
    seen = jnp.concatenate([view(adv_images) for view in views])
    both = jnp.concatenate([seen, mirror(seen)]) if mirrored else seen
    embeddings = networks.embed_all(embed_fns, params, both)
    total = 0.0
    for e, own in zip(embeddings, reference, strict=True):
      if mirrored:
        e = e[: len(seen)] + e[len(seen) :]
      e = normalize(e).reshape(len(views), *own.shape)
      total += jnp.mean(jnp.sum((e - own[None]) ** 2, -1), 0)
    return total / len(embed_fns)

  return Objective(reference, distance, is_targeted=False)


def check_targets(
  own: Sequence[Float[Array, 'B _']], targets: Any, *, from_set: bool = False
) -> list[Float32[Array, ' _'] | Float32[Array, '_ _']]:
  """Gives one float32 array of targets per network.

  Args:
    own: per network, embeddings of the pictures.
    targets: per network, [D] or [B, D].
    from_set: instead, [T, D] for any T.

  Raises:
    InputError: they do not fit.
  """
  expected = 'a list with one array of embeddings per network expected'
  if not isinstance(targets, list | tuple):
    raise InputError(f'targets: {type(targets).__name__}; {expected}')
  if len(targets) != len(own):
    raise InputError(f'targets: {len(targets)} for {len(own)}; {expected}')
  found = [jnp.asarray(t, jnp.float32) for t in targets]
  for i, (embeddings, target) in enumerate(zip(own, found, strict=True)):
    count, size = embeddings.shape
    fits = target.shape in ((count, size), (size,))
    shapes = f'[{size}] or [{count}, {size}]'
    if from_set:
      fits = target.ndim == 2 and len(target) and target.shape[1] == size
      shapes = f'[T, {size}]'
    if not fits:
      raise InputError(
        f'targets[{i}]: {list(target.shape)}; {shapes} expected, as '
        f'embed_fns[{i}] gives {size} numbers a picture'
      )
  return found


@by_value
def approach(
  embed_fns: Sequence[EmbedFn], *, from_set: bool = False
) -> Objective:
  """Measures the squared distance to a target, to be lowered (Fawkes eq. 2).

  The mean over networks of `|f(x') - t|^2` for normalised embeddings, in
  [0, 4].

  Args:
    embed_fns: the networks.
    from_set: `targets` are [T, D] candidates per network, of which each
      picture takes the most similar by cosine; otherwise t itself, [B, D] or
      [D], of any length.

  Raises:
    InputError: embed_fns is no list of functions.
  """
  networks.check(embed_fns)

  def choose(own, targets):
    unit = normalize(targets)
    if from_set:
      return unit[jnp.argmax(normalize(own) @ unit.T, 1)]
    return jnp.broadcast_to(unit, own.shape)

  def reference(params, images, targets):
    own = networks.embed_all(embed_fns, params, images)
    targets = check_targets(own, targets, from_set=from_set)
    return [choose(e, t) for e, t in zip(own, targets, strict=True)]

  def distance(params, reference, adv_images, rngs):
    del rngs
    embeddings = networks.embed_all(embed_fns, params, adv_images)
    pairs = zip(embeddings, reference, strict=True)
    total = sum(jnp.sum((normalize(e) - t) ** 2, -1) for e, t in pairs)
    return total / len(embed_fns)

  return Objective(reference, distance, sign=-1.0, from_set=from_set)


@by_value
def scaled(objective: Objective, factor: checks.Number) -> Objective:
  """Multiplies the objective's distance."""
  return objective._replace(
    distance=lambda *args: factor * objective.distance(*args)
  )


@by_value
def expectation(
  objective: Objective,
  transforms: Sequence[Callable[[Rngs, Images], Images]],
  *,
  num_samples: checks.Count = 1,
) -> Objective:
  """Averages `objective` over transformed pictures (Athalye et al., 2018).

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
    for i, transform in enumerate(num_samples * tuple(transforms)):
      drawn = fold_in(rngs, i)
      images = transform(drawn, adv_images)
      total += objective.distance(params, reference, images, drawn)
    return total / (num_samples * len(transforms))

  return objective._replace(distance=distance)
