"""TIP-IM (Yang et al., ICCV 2021): towards the one of ten targets that helps.

A picture moves towards all targets for one step, and the step is taken that
does most for hiding whose it is. Meant for probes: a recognizer is to take the
picture for one of the targets, whether they are in its gallery or not.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax

from fr_poison import checks
from fr_poison.attacks import (
  base,
  constraints,
  gradient,
  networks,
  objectives,
  optimizers,
  transforms,
)
from fr_poison.types import EmbedFn

# It only holds the sum of gradients.
_SUM = optax.GradientTransformation(jnp.zeros_like, None)
_VIEW = transforms.affine()


@base.by_value
def tip_im(
  embed_fns: Sequence[EmbedFn],
  *,
  epsilon: checks.Epsilon = 12 / 255,
  num_steps: checks.Count = 100,
  learning_rate: checks.Positive | None = None,
  norm: str = 'l2',
) -> base.Attack:
  """Steps towards the target whose step gains most, with momentum.

  What is descended towards a target t is `|f(v(x')) - t|^2 - |f(v(x')) -
  f(x)|^2` over the network's dimensions, v being a random affine view; what a
  step gains is the largest `|f(x') - f(x)| - |f(x') - t|` over the targets.
  The authors' price of unnatural pictures, by default 0, is left out.

  Args:
    embed_fns: the networks, whose losses and gains are summed. `targets` are
      [T, D] per network, T people's in the same order; the authors have 10.
    epsilon: L-infinity budget.
    num_steps: updates.
    learning_rate: of a step, root mean square over the picture in 'l2', in
      [0, 1] pixel units; None is 1.5 epsilon / num_steps.
    norm: 'l2', or 'linf' for steps by signs.
  """
  checks.known('norm', norm, ('l2', 'linf'))
  rate = 1.5 * epsilon / num_steps if learning_rate is None else learning_rate
  objective = _gain(embed_fns)
  ascent = gradient.Ascent(
    objective, constraints.linf_ball(epsilon), _SUM, num_steps
  )
  greedy = _Greedy(tuple(embed_fns), ascent, rate, norm)
  return base.Attack(
    ascent.init, greedy.step, ascent.finish, num_steps, from_set=True
  )


def _gain(embed_fns):
  """How much nearer the nearest target is than the own embedding, [B]."""
  networks.check(embed_fns)

  def reference(params, images, targets):
    own = networks.embed_all(embed_fns, params, images)
    targets = objectives.check_targets(own, targets, from_set=True)
    spread = lambda t, e: jnp.broadcast_to(t, (len(e), *t.shape))
    return [(e, spread(t, e)) for e, t in zip(own, targets, strict=True)]

  def distance(params, reference, adv_images, rngs):
    del rngs
    found = networks.embed_all(embed_fns, params, adv_images)
    gains = 0.0
    for y, (own, targets) in zip(found, reference, strict=True):
      away = jnp.linalg.norm(y - own, axis=-1)
      gains += away[:, None] - jnp.linalg.norm(y[:, None] - targets, axis=-1)
    return jnp.max(gains, 1)

  return objectives.Objective(reference, distance, from_set=True)


class _Greedy(NamedTuple):
  """The step that `gradient.Ascent` does not have."""

  embed_fns: tuple
  ascent: gradient.Ascent
  learning_rate: float
  norm: str

  def step(self, params, state):
    """Makes a candidate for each target, and takes the one that gains most."""
    rngs = base.fold_in(state.rngs, state.step)
    gain = lambda pictures: self.ascent.evaluate(params, state, pictures, rngs)
    _, terms = gain(state.adv_images)
    grads = self.gradients(params, state, rngs)  # [T, B, H, W, 3]
    sums = state.optimizer[None] + grads
    moved = jax.vmap(self.moved, (None, 0))(state, sums)
    gains, _ = jax.vmap(gain)(moved)
    best, rows = jnp.argmax(gains, 0), jnp.arange(len(state.images))
    chosen = (x[best, rows] for x in (grads, moved, sums))
    return self.ascent.advance(state, terms, *chosen)

  def gradients(self, params, state, rngs):
    """Towards each target, of mean absolute value 1 per picture."""
    view = lambda x: _VIEW(rngs, x)
    embed = lambda x: networks.embed_all(self.embed_fns, params, x)
    seen, pull_view = jax.vjp(view, state.adv_images)
    _, pull_network = jax.vjp(embed, seen)

    def toward(number):
      # Of |y - t|^2 - |y - f(x)|^2: the squares of y itself cancel.
      slopes = [
        2 * (own - targets[:, number]) / own.shape[1]
        for own, targets in state.reference
      ]
      return pull_network(slopes)[0]

    def normalized(slope):
      grads = base.mono(pull_view(slope)[0], state.one_channel)
      size = jnp.mean(jnp.abs(grads), (1, 2, 3), keepdims=True)
      return grads / jnp.maximum(size, 1e-30)

    _, targets = state.reference[0]
    slopes = jax.vmap(toward)(jnp.arange(targets.shape[1]))
    # One after the other: scattering pixels is slow for several at once.
    return jax.lax.map(normalized, slopes)

  def moved(self, state, summed):
    """A step along the sum of a target's gradients, inside the ball."""
    size = self.learning_rate
    if self.norm == 'l2':
      (unit, _) = optimizers.normalized('l2').update(summed, ())
      change = size * math.prod(summed.shape[1:]) ** 0.5 * unit
    else:
      change = size * jnp.sign(summed)
    ball = self.ascent.constraint
    return ball.project(state.variable - change, state.images)
