"""The only loop over an attack's steps."""

import functools
import operator
from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from fr_poison.attacks import masks
from fr_poison.attacks.base import Attack, check_inputs, take_pictures
from fr_poison.types import Array, Images, InputError, Labels, Rng


def run(
  attack: Attack,
  params,
  rng: Rng,
  images: Images,
  *,
  targets=None,
  start=None,
  groups: Labels | None = None,
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
    groups: [B] labels, whose each picture is, for attacks whose `unit` is a
      group; others take none. A person's result depends on nothing but their
      own pictures, whatever their order.

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
    the mean rate or more; one or two steps do not show it; attacks on groups
    do not say).

  Raises:
    InputError: pictures that are not RGB float32 in [0, 1], no key, params,
      targets or groups that do not fit the networks or the attack. What a
      network raises passes through with a note.
    MemoryError: not even one picture, or not all of a person's, fits the
      accelerator's memory.
  """
  check_inputs(attack.is_targeted, rng, images, targets, start)
  if attack.unit == 'group':
    return _run_groups(attack, params, rng, images, start, groups)
  if groups is not None:
    raise InputError(
      'groups: given, but this attack works on each picture by itself and '
      'takes none'
    )
  extra = {'targets': targets, 'start': start}
  if not len(images):
    return _of_none(attack, params, rng, images, extra)
  if isinstance(images, jax.core.Tracer):
    state = attack.init(params, rng, images, **extra)
    return attack.finish(
      params, _advance(attack, params, state, attack.num_steps)
    )
  # Here and not by jit, so that a transfer guard sees that it is meant.
  params, images, extra = jax.device_put((params, images, extra))
  # jit caches by function, so these compile once per attack and shape.
  state = jax.jit(attack.init)(params, rng, images, **extra)
  return _finished(attack, params, state)


def make_masks(
  attack: Attack, params, rng: Rng, images: Images, groups: Labels
) -> dict[Any, Array]:
  """Makes every person's mask, [1, H, W, 3] by label: for `apply`.

  Args:
    attack: on groups, with a mask.
    params: see `run`, as for the rest.
    rng: a key.
    images: [B, H, W, 3], RGB float32 in [0, 1].
    groups: [B], whose each picture is.

  Raises:
    InputError: an attack that makes no masks; or as `run`.
  """
  check_inputs(attack.is_targeted, rng, images, None, None)
  if attack.mask is None:
    raise InputError(
      'attack: what it adds to a picture is for that picture alone, so there '
      'is no mask'
    )
  return {
    label: jax.jit(attack.mask)(params, state)
    for label, _, state in _advanced(attack, params, rng, images, groups)
  }


def _run_groups(attack, params, rng, images, start, groups):
  """One person after the other, put back in the order given."""
  if start is not None:
    raise InputError('start: given, but an attack on groups takes none')
  masks.check_groups(groups, images)
  if not len(images):
    return _of_none(attack, params, rng, images, {})
  parts, places = [], []
  for _, rows, state in _advanced(attack, params, rng, images, groups):
    found = jax.jit(attack.finish)(params, state)
    first = operator.itemgetter(slice(len(rows)))
    parts.append(jax.tree.map(first, found))
    places.append(rows)
  back = jax.device_put(np.argsort(np.concatenate(places)))
  return jax.tree.map(lambda *x: jnp.concatenate(x)[back], *parts)


def _advanced(
  attack, params, rng, images, groups
) -> Iterator[tuple[Any, np.ndarray, Any]]:
  """By person: the label, the places [M] of the pictures, the last state.

  Sizes that are near each other share a program: what fills up has no weight.
  """
  labels = np.asarray(masks.check_groups(groups, images))
  params = jax.device_put(params)
  for label in np.unique(labels).tolist():
    rows = np.flatnonzero(labels == label)
    size = padded_size(len(rows))
    filled = np.concatenate([rows, np.full(size - len(rows), rows[0])])
    weights = (np.arange(size) < len(rows)).astype(np.float32)
    filled, weights = jax.device_put((filled, weights))
    own = images[filled]
    try:
      state = jax.jit(attack.init)(params, rng, own, weights=weights)
      steps = attack.steps_for(len(rows))
      state = _advance(attack, params, state, steps)
      yield label, rows, jax.block_until_ready(state)
    except InputError as error:
      raise InputError(f'groups, {label}: {error}') from error
    except jax.errors.JaxRuntimeError as error:
      _check_memory(error)
      raise MemoryError(
        f'groups, {label}: the {len(rows)} pictures of one person do not fit '
        'the memory: load the network with remat=True or attack fewer networks '
        'at once'
      ) from error


def padded_size(count: int) -> int:
  """Rounds a number of pictures up: by a quarter at most, 4 in an octave."""
  unit = max(1, 2 ** (max(count - 1, 1).bit_length() - 3))
  return -(-count // unit) * unit


def _of_none(attack, params, rng, images, extra):
  """No pictures and empty info, as of few: not all networks take none."""
  number = 2 if attack.unit == 'group' else 1

  def whole(params, rng, images, extra):
    state = attack.init(params, rng, images, **extra)
    return attack.finish(params, attack.step(params, state))

  def few(x):
    is_empty = np.ndim(x) > 0 and not len(x)
    return jnp.zeros((number, *x.shape[1:]), x.dtype) if is_empty else x

  extra = jax.tree.map(few, extra)
  found = jax.eval_shape(whole, params, rng, few(images), extra)
  return jax.tree.map(lambda x: jnp.zeros((0, *x.shape[1:]), x.dtype), found)


def _finished(attack, params, state):
  """All steps and finish; the batch is halved when memory runs out."""
  count, start = len(state.images), state
  try:
    state = _advance(attack, params, state, attack.num_steps)
    return jax.block_until_ready(jax.jit(attack.finish)(params, state))
  except jax.errors.JaxRuntimeError as error:
    _check_memory(error)
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


def _check_memory(error):
  """Raises again what is about something else."""
  if 'RESOURCE_EXHAUSTED' not in str(error):
    raise error


def _advance(attack, params, state, num_steps):
  """All steps."""
  is_traced = isinstance(state.step, jax.core.Tracer)
  if jax.default_backend() != 'cpu' or is_traced:
    return _advance_compiled(attack, params, state, num_steps)
  step = jax.jit(attack.step)
  for _ in range(num_steps):
    state = step(params, state)
  return state


@functools.partial(jax.jit, static_argnums=(0, 3))
def _advance_compiled(attack, params, state, num_steps):
  body = lambda _, state: attack.step(params, state)
  return jax.lax.fori_loop(0, num_steps, body, state)
