"""The only loop over an attack's steps."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from fr_poison import parallel
from fr_poison.attacks import by_person, masks, steps
from fr_poison.attacks.base import Attack, Info, check_inputs
from fr_poison.types import Array, Images, InputError, Params, Rng

Targets = Sequence[Float[Array, ' _'] | Float[Array, '_ _']]  # one a network

# A device's program is of so many on CPU, where another number would add in
# another order. One would waste a matrix product; more save little.
CPU_PICTURES = 2


def run(
  attack: Attack,
  params: Sequence[Params],
  rng: Rng,
  images: Images,
  *,
  targets: Targets | None = None,
  start: Float[Array, 'B H W 3'] | None = None,
  groups: masks.Groups | None = None,
  devices: parallel.Devices = None,
) -> tuple[Images, Info]:
  """Runs a whole attack: init, `attack.num_steps` steps, finish.

  Each device has its part of the pictures, or of the people, and runs the
  program of one: what comes out does not depend on how many there are, nor on
  CPU on how many pictures. Traced arrays stay where they are.

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
    images: RGB float32 in [0, 1]; of none, none come back.
    targets: for targeted attacks, one array of embeddings per network, [D] or
      [B, D], or [T, D] candidates; others take none.
    start: first perturbation in the attack's own space (pixels in [0, 1] units,
      or Fawkes's tanh space), instead of a random one.
    groups: labels, whose each picture is, for attacks whose `unit` is a group;
      others take none. A person's result depends on nothing but their own
      pictures, whatever their order.

  Returns:
    adv_images, on the 8-bit grid k / 255 and inside the budget there. A picture
    that the attack could not improve comes back unchanged. And info, one entry
    a picture. `score` and `start_score`: by which the result was chosen. Then
    `improved`, `linf`, `budget_used` (1: all of it; 0 also where the attack has
    none), the terms of the result (`feature_distance`, `dssim`,
    `lpips`), and what may be wrong with a weak one. `zero_gradient`: in every
    step. `saturated`: the budget is used up, and the second half of the change
    moved the embedding nearly as far as the first, so a larger one would give
    more. `not_converged`: the last tenth of the steps still gained at half the
    mean rate or more. One or two steps do not show it, and attacks on groups
    do not say.

  Raises:
    InputError: pictures that are not RGB float32 in [0, 1], no key, params,
      targets or groups that do not fit the networks or the attack, devices that
      are not there. What a network raises passes through with a note.
    MemoryError: not even one picture, or not all of a person's, fits the
      accelerator's memory.
  """
  check_inputs(attack.is_targeted, rng, images, targets, start)
  devices = parallel.chosen(devices, images)
  if attack.unit == 'group':
    if start is not None:
      raise InputError('start: given, but an attack on groups takes none')
    masks.check_groups(groups, images)
  elif groups is not None:
    raise InputError(
      'groups: given, but this attack works on each picture by itself and '
      'takes none'
    )
  extra = {'targets': targets, 'start': start}
  if not len(images):
    extra = extra if attack.unit == 'picture' else {}
    return _of_none(attack, params, rng, images, extra)
  if attack.unit == 'group':
    return by_person.run(attack, params, rng, images, groups, devices)
  if isinstance(images, jax.core.Tracer):
    state = attack.init(params, rng, images, **extra)
    state = steps.all_steps((attack, attack.num_steps), params, state)
    return attack.finish(params, state)
  return _run_pictures(attack, params, rng, images, extra, devices)


def _run_pictures(attack, params, rng, images, extra, devices):
  """As many pictures at a time as the devices take."""
  count = len(images)
  size = -(-count // len(devices))
  if devices[0].platform == 'cpu':
    size = CPU_PICTURES
  mesh = parallel.mesh(devices[: -(-count // size)])
  own, others = _per_picture(attack, images, extra)
  # Here and not by jit, so that a transfer guard sees that it is meant.
  whole = parallel.put(mesh, (params, rng, others), parallel.WHOLE)
  results = []
  for first in range(0, count, mesh.size * size):
    # What fills up are copies, whose results are dropped.
    rows = first + np.arange(mesh.size * size).reshape(mesh.size, size)
    rows = jax.device_put(np.minimum(rows, count - 1))
    parts = jax.tree.map(lambda x, rows=rows: x[rows], (images, own))
    parts = parallel.put(mesh, parts, parallel.SPLIT)
    found = _finished(attack, mesh, whole, parts)
    results.append(parallel.join(mesh, found))
  return jax.tree.map(lambda *x: jnp.concatenate(x)[:count], *results)


def _per_picture(attack, images, extra):
  """What a device gets its part of, and what all of them get."""
  own, whole = {}, {}
  if extra['start'] is not None:
    own['start'] = extra['start']
  if (targets := extra['targets']) is not None:
    shapes = [np.shape(target) for target in jax.tree.leaves(targets)]
    is_own = all(s[:-1] == (len(images),) for s in shapes)
    (own if is_own and not attack.from_set else whole)['targets'] = targets
  return own, whole


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


def _finished(attack, mesh, whole, parts):
  """All steps and finish; each part is halved when memory runs out."""
  count = parts[0].shape[1]
  try:
    states = steps.init(attack, mesh, whole, parts)
    states = steps.advance(attack, mesh, whole[0], states, attack.num_steps)
    found = steps.finish(attack, mesh, whole[0], states)
    return jax.block_until_ready(found)
  except jax.errors.JaxRuntimeError as error:
    steps.check_memory(error)
    if count == 1:
      raise MemoryError(
        'one picture does not fit the memory: load the network with remat=True '
        'or attack fewer networks at once'
      ) from error
  # Outside the handler, which would keep the failed call's arrays alive.
  results = []
  for half in (slice(count // 2), slice(count // 2, None)):
    own = jax.tree.map(lambda x, half=half: x[:, half], parts)
    own = parallel.put(mesh, own, parallel.SPLIT)
    results.append(_finished(attack, mesh, whole, own))
  return jax.tree.map(lambda *x: jnp.concatenate(x, 1), *results)
