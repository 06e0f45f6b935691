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


@checks.checked
@base.by_value
def feature_shift(
  embed_fns: Sequence[EmbedFn],
  *,
  alpha: checks.PositiveShare = 0.05,
  luminance_only: bool | None = None,
) -> base.Attack:
  """x + alpha * (target - user), 'Fawkes' as one step.

  The formula adds a difference of embeddings to pixels. Pulled back through
  the network it is a gradient: one step towards the most similar of the
  `targets` in feature space, whose largest pixel change is alpha.

  Args:
    embed_fns: the networks, `(params, images) -> [B, D]`. `targets` are
      candidates, [T, D] per network.
    alpha: the step, in [0, 1] pixel units.
    luminance_only: see `gradient_attack`.

  Raises:
    InputError: alpha outside (0, 1].
  """
  return gradient.gradient_attack(
    objectives.approach(embed_fns, from_set=True),
    constraints.linf_ball(alpha),
    optax.chain(optimizers.by_largest(), optax.scale(-alpha)),
    num_steps=1,
    luminance_only=luminance_only,
  )


def _cosine_from_most_similar(embed_fns):
  """1 - cos(f(x'), p), mean over networks; p most similar to f(x) at first."""
  similar = objectives.approach(embed_fns, from_set=True)
  # For unit vectors |a - b|^2 = 2 - 2 cos: half of it, to be increased.
  half = objectives.scaled(similar, 0.5)
  return half._replace(sign=1.0)


@checks.checked
@base.by_value
def protected_set(
  embed_fns: Sequence[EmbedFn],
  *,
  epsilon: checks.Positive = 10 / 255,
  num_steps: checks.Count = 40,
  learning_rate: checks.Positive | None = None,
  luminance_only: bool | None = None,
) -> base.Attack:
  """'LowKey' as the small pixel change that leaves a protected identity.

  Lowers the cosine to the most similar of the identities in `targets` with
  |x' - x|_2 <= epsilon. In so small a ball the network is nearly linear, so
  steepest descent in L2 gives the smallest change for the cosine it reaches.
  (On saved pixels 10 grey levels are a hundred values that move by one level.)

  Args:
    embed_fns: the networks, `(params, images) -> [B, D]`. `targets` are the
      protected identities' embeddings, [T, D] per network.
    epsilon: L2 budget over the whole picture, in [0, 1] pixel units.
    num_steps: updates.
    learning_rate: in the same units; None is 2.5 epsilon / num_steps.
    luminance_only: see `gradient_attack`.

  Raises:
    InputError: a number out of range.
  """
  constraint = constraints.l2_ball(epsilon)
  rate = optimizers.default_rate(learning_rate, epsilon, num_steps)
  return gradient.gradient_attack(
    _cosine_from_most_similar(embed_fns),
    constraint,
    optimizers.steepest('l2', rate),
    num_steps=num_steps,
    luminance_only=luminance_only,
  )
