"""The only loop over an attack's steps."""

import functools

import jax
import jax.numpy as jnp
import numpy as np

from fr_poison.attacks.base import Attack, check_inputs, take_pictures
from fr_poison.types import Array, Images, Rng


def run(
  attack: Attack,
  params,
  rng: Rng,
  images: Images,
  *,
  targets=None,
  start=None,
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

  Returns:
    adv_images [B, H, W, 3], on the 8-bit grid k / 255 and inside the budget
    there (a picture that the attack could not improve comes back unchanged),
    and info, [B] each: `score` and `start_score` by which the result was
    chosen, `improved`, `linf`, `budget_used` (1: all of it; 0 also where the
    attack has none), the terms of the result (`feature_distance`, `dssim`,
    `lpips`), and what may be wrong with a weak one: `zero_gradient` in every
    step, `saturated` (the budget is used up, and the second half of the change
    moved the embedding nearly as far as the first: a larger one would give
    more), `not_converged` (the last tenth of the steps still gained at half
    the mean rate or more; one or two steps do not show it).

  Raises:
    InputError: pictures that are not RGB float32 in [0, 1], no key, params or
      targets that do not fit the networks. What a network raises passes
      through with a note.
    MemoryError: not even one picture fits the accelerator's memory.
  """
  check_inputs(attack.is_targeted, rng, images, targets, start)
  extra = {'targets': targets, 'start': start}
  if not len(images):
    return _of_none(attack, params, rng, images, extra)
  if isinstance(images, jax.core.Tracer):
    state = attack.init(params, rng, images, **extra)
    return attack.finish(params, _advance_compiled(attack, params, state))
  # Here and not by jit, so that a transfer guard sees that it is meant.
  params, images, extra = jax.device_put((params, images, extra))
  # jit caches by function, so these compile once per attack and shape.
  state = jax.jit(attack.init)(params, rng, images, **extra)
  return _finished(attack, params, state)


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


def _finished(attack, params, state):
  """All steps and finish; the batch is halved when memory runs out."""
  count, start = len(state.images), state
  try:
    if jax.default_backend() == 'cpu':
      step = jax.jit(attack.step)
      for _ in range(attack.num_steps):
        state = step(params, state)
    else:
      state = _advance_compiled(attack, params, state)
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
  halves = jax.device_put(np.array_split(np.arange(count), 2))
  results = [
    _finished(attack, params, take_pictures(start, half)) for half in halves
  ]
  return jax.tree.map(lambda *parts: jnp.concatenate(parts), *results)


@functools.partial(jax.jit, static_argnums=0)
def _advance_compiled(attack, params, state):
  body = lambda _, state: attack.step(params, state)
  return jax.lax.fori_loop(0, attack.num_steps, body, state)
