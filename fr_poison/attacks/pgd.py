"""Projected gradient descent in feature space (Madry et al., 2018)."""

from collections.abc import Sequence

import optax

from fr_poison.attacks import base, constraints, objectives
from fr_poison.types import EmbedFn


def pgd(
  embed_fns: Sequence[EmbedFn],
  *,
  epsilon: float = 8 / 255,
  num_steps: int = 40,
  learning_rate: float | None = None,
  targeted: bool = False,
  luminance_only: bool | None = None,
) -> base.Attack:
  """Sign steps away from the own embedding, or towards `targets`.

  Args:
    embed_fns: the networks attacked together, `(params, images) -> [B, D]`.
    epsilon: L-infinity budget in [0, 1] pixel units.
    num_steps: updates.
    learning_rate: in pixel units; None is 2.5 epsilon / num_steps.
    targeted: approach `targets`, which `init` and `run` then require.
    luminance_only: see `base.gradient_attack`.

  Raises:
    InputError: epsilon outside (0, 1], num_steps below 1.
  """
  make = objectives.approach if targeted else objectives.displacement
  return base.gradient_attack(
    make(embed_fns),
    constraints.linf_ball(epsilon),
    optax.sign_sgd(learning_rate or 2.5 * epsilon / max(num_steps, 1)),
    num_steps=num_steps,
    start_noise=epsilon / 4,
    luminance_only=luminance_only,
  )
