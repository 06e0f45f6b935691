"""Cloaks of one person that are far from each other, in a ball.

DivTrackee's idea (2025) of a queue of the last ten cloaks, without its
generative network: a tracker that knows one cloaked picture should not find
the next one by it. Meant for probes.
"""

from collections.abc import Sequence

import jax
import jax.numpy as jnp

from fr_poison import checks
from fr_poison.attacks import base, constraints, groups, optimizers
from fr_poison.types import EmbedFn


@base.by_value
def diverse(
  embed_fns: Sequence[EmbedFn],
  *,
  epsilon: checks.Epsilon = 8 / 255,
  num_steps: checks.Count = 40,
  learning_rate: checks.Positive | None = None,
  weight: checks.NotNegative = 1.2,
  queue: checks.Count = 10,
) -> base.Attack:
  """Descends the cosine to the own embedding, and those to the last cloaks.

  mean over networks of cos(z(x'), z(x)) + weight * the mean cosine to the last
  `queue` cloaks, as they are saved. The pictures of a person come in the order
  of their content's hash, whatever order they are given in. The sign of the
  second term is the one that the paper means: in the authors' program it pulls
  pictures together. The paper has no steps in a ball; those are PGD's.

  Args:
    embed_fns: the networks.
    epsilon: L-infinity budget.
    num_steps: updates of a picture, after which one step more looks at it as
      saved.
    learning_rate: of a step by signs; None is 2.5 epsilon / num_steps.
    weight: of the cosines to other cloaks; 0 is PGD.
    queue: cloaks that a picture is kept away from.
  """
  rate = optimizers.default_rate(learning_rate, epsilon, num_steps)
  ball = constraints.linf_ball(epsilon)

  def start(state):
    size = epsilon / 4
    draw = lambda rng: jax.random.uniform(
      rng, state.images.shape[1:], jnp.float32, -size, size
    )
    noise = base.mono(jax.vmap(draw)(state.rngs), state.one_channel)
    begun = ball.project(state.images + noise, state.images)
    cloaks = [jnp.zeros_like(own) for own in state.own]
    return state.replace(variable=begun, adv_images=begun, extra=cloaks)

  def update(params, state):
    number = state.step // (num_steps + 1)
    is_last = state.step % (num_steps + 1) == num_steps
    take = lambda x: jax.lax.dynamic_slice_in_dim(x, number, 1)
    put = lambda x, new: jax.lax.dynamic_update_slice_in_dim(x, new, number, 0)
    own, image = jax.tree.map(take, state.own), take(state.images)
    x = take(state.variable)
    x = jnp.where(is_last, ball.project_codes(255 * x, image) / 255, x)
    age = number - jnp.arange(len(state.images), dtype=jnp.int32)
    shares = ((age > 0) & (age <= queue)).astype(jnp.float32)
    shares = weight * shares / jnp.maximum(jnp.sum(shares), 1)

    def loss(x):
      found, total = groups.embed(embed_fns, params, x), 0.0
      for z, to, cloaks in zip(found, own, state.extra, strict=True):
        total += jnp.sum(z * (to + (shares @ cloaks)[None]))
      return total / len(embed_fns), found

    grads, found = jax.grad(loss, has_aux=True)(x)
    grads = base.mono(grads, take(state.one_channel))
    moved = ball.project(x - rate * jnp.sign(grads), image)
    variable = put(state.variable, jnp.where(is_last, x, moved))
    return state.replace(
      variable=variable,
      adv_images=variable,
      extra=[put(*pair) for pair in zip(state.extra, found, strict=True)],
      moved=state.moved | jnp.any(grads != 0),
    )

  rule = groups.Rule(start, update, epsilon, has_mask=False)
  return groups.group_attack(
    embed_fns, rule, num_steps=num_steps + 1, batch_size=1
  )
