"""The only loop over an attack's steps."""

import functools

import jax

from fr_poison.attacks.base import Attack
from fr_poison.types import Array, Images, Rng, check_images


def run(
  attack: Attack, params, rng: Rng, images: Images, *, targets=None, start=None
) -> tuple[Images, dict[str, Array]]:
  """Runs a whole attack: init, `attack.num_steps` steps, finish.

  On CPU a Python loop over the compiled step: XLA:CPU runs the gradient of an
  ordinary convolution 10-40 times slower inside a compiled loop
  (jax-ml/jax#12868), and any `embed_fn` may contain one. Elsewhere, and when
  called on traced arrays, one compiled loop.

  Args:
    attack: for instance `attacks.lowkey([embed_fn], epsilon=8/255)`.
    params: list of the networks' parameters, in the order of its embed_fns.
    rng: a key; each picture's own is folded from it and the pixels.
    images: [B, H, W, 3] RGB float32 in [0, 1].
    targets: for targeted attacks, one [B, D] or [D] per network.
    start: [B, H, W, 3] first perturbation, instead of a random one.

  Returns:
    adv_images [B, H, W, 3], on the 8-bit grid k / 255 and inside the budget
    there (a picture that the attack could not improve comes back unchanged),
    and info: [B] `score`, `start_score`, `improved`, `linf`.

  Raises:
    InputError: pictures that are not RGB float32 in [0, 1].
  """
  check_images(images)
  extra = {'targets': targets, 'start': start}
  traced = isinstance(images, jax.core.Tracer)
  if traced or jax.default_backend() != 'cpu':
    return _run_compiled(attack, params, rng, images, extra)
  # jit caches by function, so these compile once per attack and shape.
  state = jax.jit(attack.init)(params, rng, images, **extra)
  step = jax.jit(attack.step)
  for _ in range(attack.num_steps):
    state = step(params, state)
  return jax.jit(attack.finish)(params, state)


@functools.partial(jax.jit, static_argnums=0)
def _run_compiled(attack, params, rng, images, extra):
  state = attack.init(params, rng, images, **extra)
  body = lambda _, state: attack.step(params, state)
  state = jax.lax.fori_loop(0, attack.num_steps, body, state)
  return attack.finish(params, state)
