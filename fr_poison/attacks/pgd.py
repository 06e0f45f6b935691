"""Projected gradient descent in feature space (Madry et al., 2018)."""

from collections.abc import Sequence

from fr_poison import checks
from fr_poison.attacks import base, constraints, gradient, objectives
from fr_poison.attacks import optimizers as steps
from fr_poison.types import EmbedFn

_BALLS = {'linf': constraints.linf_ball, 'l2': constraints.l2_ball}


@checks.checked
@base.by_value
def signed_ascent(
  objective: objectives.Objective,
  *,
  epsilon: checks.Epsilon,
  num_steps: checks.Count,
  learning_rate: checks.Positive | None = None,
  start_noise: checks.NotNegative | None = None,
) -> base.Attack:
  """PGD as Madry et al. have it, for any objective: signs in an L-inf ball.

  Args:
    objective: what grows.
    epsilon: radius in [0, 1] pixel units.
    num_steps: updates.
    learning_rate: in the same units; None is 2.5 epsilon / num_steps.
    start_noise: half-width of the start; None is epsilon / 4.

  Raises:
    InputError: a number out of range.
  """
  rate = steps.default_rate(learning_rate, epsilon, num_steps)
  return gradient.gradient_attack(
    objective,
    constraints.linf_ball(epsilon),
    steps.make('sign', 'linf', rate),
    num_steps=num_steps,
    start_noise=epsilon / 4 if start_noise is None else start_noise,
  )


@checks.checked
@base.by_value
def pgd(
  embed_fns: Sequence[EmbedFn],
  *,
  epsilon: checks.Positive = 8 / 255,
  norm: str = 'linf',
  num_steps: checks.Count = 40,
  learning_rate: checks.Positive | None = None,
  optimizer: str = 'sign',
  restarts: checks.Count = 1,
  targeted: bool = False,
  luminance_only: bool | None = None,
) -> base.Attack:
  """Steps away from the own embedding, or towards `targets`, inside a ball.

  Args:
    embed_fns: the networks attacked together, `(params, images) -> [B, D]`.
    epsilon: radius in [0, 1] pixel units; for 'l2' over the whole picture,
      which may be more than 1.
    norm: 'linf' or 'l2'.
    num_steps: updates per start.
    learning_rate: in the same units; None is 2.5 epsilon / num_steps.
    optimizer: 'sign', 'momentum' or 'adam', see `optimizers.make`.
    restarts: random starts in the ball; the best one counts.
    targeted: approach `targets`, which `init` and `run` then require.
    luminance_only: see `gradient_attack`.

  Raises:
    InputError: a number out of range, an unknown norm or optimizer.
  """
  make = objectives.approach if targeted else objectives.displacement
  rate = steps.default_rate(learning_rate, epsilon, num_steps)
  step = steps.make(optimizer, norm, rate)  # refuses an unknown norm
  return gradient.gradient_attack(
    make(embed_fns),
    _BALLS[norm](epsilon),
    step,
    num_steps=num_steps,
    start_noise=epsilon / 4,
    restarts=restarts,
    luminance_only=luminance_only,
  )
