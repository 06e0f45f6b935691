"""Fawkes and LowKey as summaries of the paper put them, in two formulas.

They are not the systems (see `fawkes` and `lowkey`), but they are quoted as
such; here they can be run beside the real ones.
"""

from collections.abc import Sequence

import optax

from fr_poison import checks
from fr_poison.attacks import (
  base,
  constraints,
  gradient,
  objectives,
  optimizers,
)
from fr_poison.types import EmbedFn


@base.by_value
def feature_shift(
  embed_fns: Sequence[EmbedFn], *, alpha: checks.PositiveShare = 0.05
) -> base.Attack:
  """Computes x + alpha * (target - user), 'Fawkes' as one step.

  The formula adds a difference of embeddings to pixels. Pulled back through
  the network it is a gradient: one step towards the most similar of the
  `targets` in feature space, whose largest pixel change is alpha.

  Args:
    embed_fns: the networks. `targets` are candidates, [T, D] per network.
    alpha: the step.
  """
  return gradient.gradient_attack(
    objectives.approach(embed_fns, from_set=True),
    constraints.linf_ball(alpha),
    optax.chain(optimizers.normalized('linf'), optax.scale(-alpha)),
    num_steps=1,
  )


@base.by_value
def protected_set(
  embed_fns: Sequence[EmbedFn],
  *,
  epsilon: checks.Positive = 10 / 255,
  num_steps: checks.Count = 40,
  learning_rate: checks.Positive | None = None,
) -> base.Attack:
  """Leaves a protected identity by a small pixel change, 'LowKey' so called.

  Lowers the cosine to the most similar of the identities in `targets` with
  `|x' - x|_2 <= epsilon`. In so small a ball the network is nearly linear, so
  steepest descent in L2 gives the smallest change for the cosine it reaches.
  (On saved pixels 10 grey levels are a hundred values that move by one level.)

  Args:
    embed_fns: the networks. `targets` are the protected identities'
      embeddings, [T, D] per network.
    epsilon: L2 budget over the whole picture.
    num_steps: updates.
    learning_rate: None is 2.5 epsilon / num_steps.
  """
  similar = objectives.approach(embed_fns, from_set=True)
  # For unit vectors |a - b|^2 = 2 - 2 cos: half of it, to be increased.
  distance = objectives.scaled(similar, 0.5)._replace(sign=1.0)
  rate = optimizers.default_rate(learning_rate, epsilon, num_steps)
  return gradient.gradient_attack(
    distance,
    constraints.l2_ball(epsilon),
    optimizers.make('sign', 'l2', rate),
    num_steps=num_steps,
  )
