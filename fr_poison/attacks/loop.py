"""The only loop over an attack's steps."""

import functools

import jax
import jax.numpy as jnp
import numpy as np

from fr_poison import checks
from fr_poison.attacks.base import (
  Attack,
  check_rng,
  put_pictures,
  take_pictures,
)
from fr_poison.types import (
  Array,
  Images,
  InputError,
  Rng,
  check_finite,
  check_images,
)


@checks.checked
def run(
  attack: Attack,
  params,
  rng: Rng,
  images: Images,
  *,
  targets=None,
  start=None,
  patience: checks.Count | None = None,
) -> tuple[Images, dict[str, Array]]:
  """Runs a whole attack: init, `attack.num_steps` steps, finish.

  On CPU a Python loop over the compiled step: XLA:CPU runs the gradient of an
  ordinary convolution 10-40 times slower inside a compiled loop
  (jax-ml/jax#12868), and any `embed_fn` may contain one. Elsewhere, and when
  called on traced arrays, one compiled loop. Where the accelerator's memory
  does not hold a step of the batch, it is halved until it does; the result is
  the same.

  Args:
    attack: for instance `attacks.lowkey([embed_fn], epsilon=8/255)`.
    params: list of the networks' parameters, in the order of its embed_fns.
    rng: a key; each picture's own is folded from it and the pixels.
    images: [B, H, W, 3] RGB float32 in [0, 1]; of none, none come back.
    targets: for targeted attacks, one array of embeddings per network;
      others take none.
    start: [B, H, W, 3] first perturbation in the attack's own space (pixels
      in [0, 1] units, or Fawkes's tanh space), instead of a random one.
    patience: pictures without a better iterate for so many steps are left as
      they are, and the others go on without them. None: all take all steps,
      as the authors' programs do. Not for traced arrays.

  Returns:
    adv_images [B, H, W, 3], on the 8-bit grid k / 255 and inside the budget
    there (a picture that the attack could not improve comes back unchanged),
    and info, [B] each: `score` and `start_score` by which the result was
    chosen, `improved`, `linf`, `budget_used` (1: all of it; 0 also where the
    attack has none), the terms of the result (`feature_distance`, `dssim`,
    `lpips`), and what may be wrong with a weak one: `zero_gradient` in every
    step, `saturated` (the budget is used up, and the second half of the change
    moved the embedding nearly as far as the first: a larger one would give
    more),
    `not_converged` (the last tenth of the steps still gained at half the mean
    rate or more; one or two steps do not tell).

  Raises:
    InputError: pictures that are not RGB float32 in [0, 1], no key, params or
      targets that do not fit the networks, patience below 1 or with traced
      pictures. What a network raises passes through with a note.
    MemoryError: not even one picture fits the accelerator's memory.
  """
  check_images(images)
  check_rng(rng)
  check_finite('targets', targets)
  check_finite('start', start)
  traced = isinstance(images, jax.core.Tracer)
  if patience is not None and traced:
    raise InputError(f'patience: {patience} given, but pictures are traced')
  extra = {'targets': targets, 'start': start}
  if not len(images):
    return _of_none(attack, params, rng, images, extra)
  if traced:
    state = attack.init(params, rng, images, **extra)
    state = _advance_compiled(attack, params, state, attack.num_steps)
    return attack.finish(params, state)
  # Here and not by jit, so that a transfer guard sees that it is meant.
  params, images, extra = jax.device_put((params, images, extra))
  # jit caches by function, so these compile once per attack and shape.
  state = jax.jit(attack.init)(params, rng, images, **extra)
  return _finished(attack, params, state, patience)


def _of_none(attack, params, rng, images, extra):
  """No pictures and empty info, as of one: few networks take a batch of 0."""

  def whole(params, rng, images, extra):
    state = attack.init(params, rng, images, **extra)
    return attack.finish(params, attack.step(params, state))

  def one(x):
    is_empty = np.ndim(x) > 0 and not len(x)
    return jnp.zeros((1, *x.shape[1:]), x.dtype) if is_empty else x

  extra = jax.tree.map(one, extra)
  found = jax.eval_shape(whole, params, rng, one(images), extra)
  return jax.tree.map(lambda x: jnp.zeros((0, *x.shape[1:]), x.dtype), found)


def _finished(attack, params, state, patience):
  """All steps and finish; the batch is halved when memory runs out."""
  count = len(state.images)
  try:
    if patience is None:
      state = _advance(attack, params, state, attack.num_steps)
    else:
      state = _advance_patiently(attack, params, state, patience)
    return jax.block_until_ready(jax.jit(attack.finish)(params, state))
  except jax.errors.JaxRuntimeError as error:
    if 'RESOURCE_EXHAUSTED' not in str(error):
      raise
    if count == 1:
      raise MemoryError(
        'one picture does not fit the memory: load the network with remat=True '
        'or attack fewer networks at once'
      ) from error
  # Outside the handler, which would keep the failed call's arrays alive.
  halves = np.array_split(np.arange(count), 2)
  results = [
    _finished(attack, params, take_pictures(state, half), patience)
    for half in jax.device_put(halves)
  ]
  return jax.tree.map(lambda *parts: jnp.concatenate(parts), *results)


def _advance(attack, params, state, num_steps):
  if jax.default_backend() != 'cpu':
    return _advance_compiled(attack, params, state, num_steps)
  step = jax.jit(attack.step)
  for _ in range(num_steps):
    state = step(params, state)
  return state


@functools.partial(jax.jit, static_argnums=(0, 3))
def _advance_compiled(attack, params, state, num_steps):
  body = lambda _, state: attack.step(params, state)
  return jax.lax.fori_loop(0, num_steps, body, state)


def _advance_patiently(attack, params, state, patience):
  """Steps in rounds; after each, pictures that stand still drop out.

  Batch sizes halve, so that few programs are compiled: while more than half
  of the pictures go on, the others are carried along.
  """
  left = attack.num_steps
  index = np.arange(len(state.images))
  part = state
  while left:
    num_steps = min(patience, left)
    part = _advance(attack, params, part, num_steps)
    left -= num_steps
    waited = jax.device_get(part.step - part.best_step)
    active = np.flatnonzero(waited <= patience)
    if not active.size:
      break
    if left and 2 * active.size <= len(index):
      state = put_pictures(state, jax.device_put(index), part)
      half = np.resize(active, (len(index) + 1) // 2)  # repeats some to fill up
      index = index[half]
      part = take_pictures(part, jax.device_put(half))
  return put_pictures(state, jax.device_put(index), part)
