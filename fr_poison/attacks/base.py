"""An attack is a value: pure init, step and finish over one state pytree::

    state = attack.init(params, rng, images)
    for _ in range(attack.num_steps):
      state = attack.step(params, state)      # in your own jit, scan or pmap
    adv_images, info = attack.finish(params, state)

One picture's result depends on nothing but its pixels, the seed and the
weights: its random numbers come from `rng` and a hash of its pixels, and
nothing is averaged over the batch. Where the unit is a group, all pictures of
one person, it depends on nothing but the group's.
"""

import contextlib
import functools
import inspect
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import flax.struct
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Bool, Float, Float32, Int, Key, Shaped, UInt32

from fr_poison import checks
from fr_poison.types import (
  Array,
  Images,
  InputError,
  Params,
  Rng,
  Rngs,
  check_finite,
  check_images,
)

_KEPT = 32  # values of each constructor that are given out again


def by_value(make: Callable) -> Callable:
  """Makes a constructor give the same object for equal arguments.

  Numbers outside the ranges that its annotations declare are refused first, by
  an `InputError` that names the argument.

  JAX compiles once per function, and two closures are two functions, however
  equal what they close over. It also forgets a program with its function, so
  being equal is not enough: what was made last is kept and given out again.
  Arguments that have no hash, such as weights, make a new value each time, and
  so do functions of a caller's traced arrays, which must not outlive the trace.
  """
  signature = inspect.signature(make)
  kept = functools.lru_cache(_KEPT)(make)
  frozen = lambda value: tuple(value) if isinstance(value, list) else value

  @checks.checked
  @functools.wraps(make)
  def call(*args, **kwargs):
    try:
      bound = signature.bind(*args, **kwargs)
      bound.apply_defaults()
      values = [frozen(value) for value in bound.args]
      named = {name: frozen(value) for name, value in bound.kwargs.items()}
      hash((*values, *named.values()))
    except TypeError:
      return make(*args, **kwargs)
    if _holds_traced([*values, *named.values()]):
      return make(*args, **kwargs)
    return kept(*values, **named)

  return call


def _holds_traced(values):
  """Whether a caller's traced array is among them, or closed over by them."""
  rest, seen = list(values), set()
  while rest:
    value = rest.pop()
    if isinstance(value, jax.core.Tracer):
      return True
    if id(value) in seen:
      continue
    seen.add(id(value))
    if isinstance(value, tuple | list):
      rest += value
    elif isinstance(value, dict):
      rest += value.values()
    elif isinstance(value, functools.partial):
      rest += [value.func, value.args, value.keywords]
    rest.append(getattr(value, '__wrapped__', None))  # as of jax.jit
    rest.append(getattr(value, '__self__', None))
    for cell in getattr(value, '__closure__', None) or ():
      with contextlib.suppress(ValueError):  # nothing is in it yet
        rest.append(cell.cell_contents)
  return False


Terms = dict[str, Float[Array, ' B']]  # what a step computed, one a picture


class AttackState(flax.struct.PyTreeNode):
  """Everything an attack carries from one step to the next.

  All arrays but scalars and the weights of LPIPS have one entry per picture.
  `terms` are what the last step computed, at the iterate before its update:
  `objective` (what is ascended), `feature_distance`, and where the attack has
  them `dssim`, `lpips` and `penalty_weight`, Fawkes's weight per picture.
  """

  images: Images  # the originals
  variable: Float[Array, 'B H W 3']  # what the optimiser moves
  adv_images: Images  # before rounding to uint8
  one_channel: Bool[Array, ' B']  # the perturbation is grey
  rngs: Rngs
  reference: Any  # the objective's, computed once
  constraint: Any  # the constraint's
  optimizer: optax.OptState
  best_images: Images  # the best iterate so far
  best_score: Float[Array, ' B']  # its rank
  best_step: Int[Array, ' B']  # when it was found
  first_score: Float[Array, ' B']  # the rank of the first iterate
  early_score: Float[Array, ' B']  # the best before the last tenth of the steps
  moved: Bool[Array, ' B']  # some gradient was not zero
  terms: Terms
  step: Int[Array, '']  # updates made


# One entry a picture: numbers, and answers to yes or no.
Info = dict[str, Float[Array, ' B'] | Bool[Array, ' B']]


class Attack(NamedTuple):
  """Three pure functions, and how often `step` is meant to run.

  Equal arguments of a recipe make the same attack, so its steps are
  compiled once.
  """

  # (params, rng, images, ...) -> state, which is an `AttackState` or, where the
  # unit is a group, a `groups.GroupState`.
  init: Callable[..., Any]
  step: Callable[[Params, Any], Any]  # (params, state) -> state
  finish: Callable[[Params, Any], tuple[Images, Info]]  # (params, state)
  num_steps: int
  is_targeted: bool = True  # `init` takes targets; where not, it refuses them
  from_set: bool = False  # targets are candidates, the same for all pictures
  # 'picture', or 'group': `init` takes all pictures of one person, see groups.
  unit: str = 'picture'
  # Of a group, how many pictures a step looks at, of which `num_steps` is how
  # often it looks at each; None: at all of them.
  batch_size: int | None = None
  # (params, state) -> the mask, for other pictures of the person, too.
  mask: Callable[[Params, Any], Float[Array, '1 H W 3']] | None = None

  def steps_for(self, count: int) -> int:
    """How often `step` is meant to run for so many pictures."""
    return self.num_steps * num_batches(count, self.batch_size)


def num_batches(count: int, batch_size: int | None) -> int:
  """Of pictures, none of which is left out; 1 without a `batch_size`."""
  return 1 if batch_size is None else -(-count // batch_size)


def check_rng(rng: Any) -> None:
  """Refuses what is not one key, with an InputError."""
  dtype, shape = getattr(rng, 'dtype', None), np.shape(rng)
  typed = dtype is not None and jnp.issubdtype(dtype, jax.dtypes.prng_key)
  if not (typed and shape == () or dtype == jnp.uint32 and len(shape) == 1):
    what = repr(rng) if dtype is None else f'{dtype} {list(shape)}'
    raise InputError(
      f'rng: {what}; one key expected, such as jax.random.key(0)'
    )


def check_inputs(
  is_targeted: bool, rng: Any, images: Any, targets: Any, start: Any
) -> None:
  """Refuses what an attack cannot begin with; of traced arrays, shapes only.

  Raises:
    InputError: pictures that are not RGB float32 in [0, 1], what is no key,
      targets for an attack that takes none, a start of another shape, or
      numbers that are not finite.
  """
  check_images(images)
  check_rng(rng)
  if targets is not None and not is_targeted:
    raise InputError(
      'targets: given, but this attack runs from the own embedding and takes '
      'none'
    )
  if start is not None and np.shape(start) != np.shape(images):
    raise InputError(
      f'start: {list(np.shape(start))}; {list(images.shape)} expected, as the '
      'images'
    )
  check_finite('targets', targets)
  check_finite('start', start)


def is_grey(images: Images) -> Bool[Array, ' B']:
  """Finds pictures whose three channels are equal everywhere."""
  return jnp.all(images == images[..., :1], (1, 2, 3))


def mono(
  x: Float[Array, 'B H W 3'], one_channel: Bool[Array, ' B']
) -> Float[Array, 'B H W 3']:
  """Makes the channels of pictures equal where `one_channel` says so."""
  mean = jnp.mean(x, -1, keepdims=True)
  return jnp.where(per_picture(one_channel), mean, x)


def per_picture(flags: Shaped[Array, ' B']) -> Shaped[Array, 'B 1 1 1']:
  """Shapes one entry a picture so that it broadcasts over pictures."""
  return flags[:, None, None, None]


def picture_rngs(rng: Rng, images: Images) -> Rngs:
  """Folds each picture's 8-bit content into `rng`: one key a picture."""
  return jax.vmap(jax.random.fold_in, (None, 0))(threefry(rng), digests(images))


def threefry(rng: Rng) -> Key[jax.Array, '']:
  """Makes a key of the one generator whose numbers depend on the key alone.

  Those of 'rbg', drawn side by side, depend on how many are drawn.
  """
  data = jax.random.key_data(rng)[:2]
  return jax.random.wrap_key_data(data, impl='threefry2x32')


def digests(images: Images) -> UInt32[Array, ' B']:
  """Hashes each picture's 8-bit content."""
  codes = jnp.round(images * 255).astype(jnp.int32).astype(jnp.uint32)
  codes = codes.reshape(len(images), math.prod(images.shape[1:]))
  # Odd multipliers, all different: permuted pixels hash differently, too.
  factors = jnp.arange(codes.shape[1], dtype=jnp.uint32) * 0x3C6EF372 + 1
  return jnp.sum(codes * factors[None], 1, dtype=jnp.uint32)


def fold_in(rngs: Rngs, number: int | Int[Array, '']) -> Rngs:
  """Makes other keys, for step or use `number`."""
  return jax.vmap(jax.random.fold_in, (0, None))(rngs, number)


def zeros(images: Images) -> Float32[Array, ' B']:
  """Makes one zero a picture, on the device that has the picture."""
  return jnp.zeros_like(images[:, 0, 0, 0], jnp.float32)


def own(leaf: Any) -> Any:
  """Gives a leaf that is no other one and not the caller's: to be donated.

  Within jit the results are that already.
  """
  return leaf if isinstance(leaf, jax.core.Tracer) else jnp.copy(leaf)
