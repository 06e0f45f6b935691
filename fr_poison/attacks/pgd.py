"""Projected gradient descent in feature space (Madry et al., 2018).

Alone, through transforms of the picture, and past a detector.
"""

from collections.abc import Sequence

import jax

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
from fr_poison.types import EmbedFn, InputError


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
    embed_fns: the networks.
    epsilon: radius; for 'l2' over the whole picture, which may be more than 1.
    norm: 'linf' or 'l2'.
    num_steps: updates per start.
    learning_rate: None is 2.5 epsilon / num_steps.
    optimizer: 'sign', 'momentum' or 'adam', see `optimizers.make`.
    restarts: random starts in the ball; the best one counts.
    targeted: approach `targets`, which `init` and `run` then require.
    luminance_only: see `gradient_attack`.
  """
  make = objectives.approach if targeted else objectives.displacement
  rate = optimizers.default_rate(learning_rate, epsilon, num_steps)
  step = optimizers.make(optimizer, norm, rate)  # refuses an unknown norm
  ball = constraints.linf_ball if norm == 'linf' else constraints.l2_ball
  return gradient.gradient_attack(
    make(embed_fns),
    ball(epsilon),
    step,
    num_steps=num_steps,
    start_noise=epsilon / 4,
    restarts=restarts,
    luminance_only=luminance_only,
  )


@base.by_value
def signed_ascent(
  objective: objectives.Objective,
  *,
  epsilon: checks.Epsilon = 8 / 255,
  num_steps: checks.Count = 40,
  learning_rate: checks.Positive | None = None,
  start_noise: checks.NotNegative | None = None,
) -> base.Attack:
  """Makes PGD of any objective: signs in an L-infinity ball.

  Args:
    objective: what grows.
    epsilon: radius.
    num_steps: updates.
    learning_rate: None is 2.5 epsilon / num_steps.
    start_noise: half-width of the start; None is epsilon / 4.
  """
  rate = optimizers.default_rate(learning_rate, epsilon, num_steps)
  return gradient.gradient_attack(
    objective,
    constraints.linf_ball(epsilon),
    optimizers.make('sign', 'linf', rate),
    num_steps=num_steps,
    start_noise=epsilon / 4 if start_noise is None else start_noise,
  )


def eot_pgd(
  embed_fns: Sequence[EmbedFn],
  *,
  scale: checks.PositiveShare | None = None,
  **ball,
) -> base.Attack:
  """Steps away from the own embedding as blurred, compressed and mirrored.

  PGD that expects the pictures to be transformed (Athalye et al., 2018).

  Args:
    embed_fns: the networks.
    scale: also as made so much smaller, in (0, 1]; None: not.
    **ball: `epsilon`, `num_steps` and `learning_rate` of `signed_ascent`.
  """
  views = [transforms.blur(), transforms.jpeg(75, '4:2:0'), transforms.flip()]
  views += [] if scale is None else [transforms.resize(scale)]
  displacement = objectives.displacement(embed_fns)
  return signed_ascent(objectives.expectation(displacement, views), **ball)


@base.by_value
def evading_pgd(
  embed_fns: Sequence[EmbedFn], *, weight: checks.Positive = 0.1, **ball
) -> base.Attack:
  """Steps away from the own embedding and down a detector's score.

  What grows is the displacement, in [0, 4], minus weight * log(1 + odds) of
  the picture being cloaked, as the detector has them.

  Args:
    embed_fns: the networks; the last one is the detector, `(params, images)
      -> [B, 1]`, its natural log-odds. params come in the same order.
    weight: of the detector, above 0.
    **ball: `epsilon`, `num_steps` and `learning_rate` of `signed_ascent`.
  """
  networks.check(embed_fns)
  *others, detector = embed_fns or [None]
  displacement = objectives.displacement(others)

  def reference(params, images, targets):
    networks.check_params(embed_fns, params)
    return displacement.reference(params[:-1], images, targets)

  def distance(params, reference, adv_images, rngs):
    odds = networks.embed(detector, params[-1], adv_images, len(others))
    if odds.shape[1] != 1:
      raise InputError(
        f'embed_fns[{len(others)}]: gave {list(odds.shape)}; it is the '
        f"detector's, so its log-odds [{len(adv_images)}, 1] are expected"
      )
    moved = displacement.distance(params[:-1], reference, adv_images, rngs)
    return moved - weight * jax.nn.softplus(odds[:, 0])

  objective = objectives.Objective(reference, distance, is_targeted=False)
  return signed_ascent(objective, **ball)
