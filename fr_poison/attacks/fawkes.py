"""Fawkes (Shan et al., USENIX Security 2020): versions 1.0, 0.3 and plain.

Fawkes optimises in tanh space under a budget of DSSIM. Version 1.0 (2021) runs
away from the picture's own embedding, version 0.3 (2020) towards a dissimilar
person's. Constants are those of the authors' differentiator.py and
protection.py; what they do not say was recorded from their program.
"""

import functools
from collections.abc import Sequence

import jax.numpy as jnp
import optax

from fr_poison import checks
from fr_poison.attacks import (
  base,
  constraints,
  gradient,
  objectives,
  optimizers,
  penalties,
  spaces,
)
from fr_poison.types import EmbedFn, InputError

# (DSSIM budget, steps, learning rate in tanh space)
MODES = {
  '1.0': {  # release 1.0.2; 'low' ran on one network, the others on two
    'low': (0.004, 40, 25.0),
    'mid': (0.012, 75, 20.0),
    'high': (0.017, 150, 15.0),
  },
  '0.3': {
    'min': (0.002, 20, 40.0),
    'low': (0.003, 50, 35.0),
    'mid': (0.005, 200, 20.0),
    'high': (0.008, 500, 10.0),
    'ultra': (0.01, 1000, 8.0),
  },
}


def fawkes(
  embed_fns: Sequence[EmbedFn], *, version: str = '1.0', **settings
) -> base.Attack:
  """Fawkes by version: '1.0' (`fawkes_v1`), '0.3' (`fawkes_v03`) or 'plain'.

  Args:
    embed_fns: the networks attacked together, `(params, images) -> [B, D]`.
    version: '1.0', '0.3' or 'plain'.
    **settings: of that version's function.

  Raises:
    InputError: unknown version or mode, a setting out of range.
  """
  known = {'1.0': fawkes_v1, '0.3': fawkes_v03, 'plain': fawkes_plain}
  if version not in known:
    raise InputError(
      f'version: {version!r} is unknown; known: {", ".join(known)}'
    )
  return known[version](embed_fns, **settings)


def _mode(version, mode, *overrides):
  """(budget, steps, learning rate) of the mode, where not overridden."""
  modes = MODES[version]
  if mode not in modes:
    raise InputError(
      f'mode: {mode!r} is unknown; version {version} has {", ".join(modes)}'
    )
  pairs = zip(overrides, modes[mode], strict=True)
  return [default if given is None else given for given, default in pairs]


@checks.checked
@base.by_value
def fawkes_v1(
  embed_fns: Sequence[EmbedFn],
  *,
  mode: str = 'high',
  num_steps: checks.Count | None = None,
  learning_rate: checks.Positive | None = None,
  dssim_budget: checks.PositiveShare | None = None,
  dssim_weight: checks.NotNegative = 1e6,
  epsilon: checks.Epsilon = 15 / 255,
  save_last_on_failed: bool = False,
  luminance_only: bool | None = None,
) -> base.Attack:
  """Version 1.0: untargeted, with a weight per picture that finds the budget.

  Of the iterates within 1.1 times the budget the one farthest in feature
  space comes back; if that leaves nothing, the original (the authors' program
  gives the start noise or a black picture).

  Args:
    embed_fns: the networks; their normalised distances are summed.
    mode: 'low', 'mid' or 'high', see `MODES`.
    num_steps: updates, instead of the mode's. The last one is never looked at.
    learning_rate: Adadelta's, instead of the mode's.
    dssim_budget: instead of the mode's.
    dssim_weight: price of the squared excess; the authors' default `--sd`.
    epsilon: no pixel moves by more, in [0, 1] units.
    save_last_on_failed: the authors' rule on top of that: where the result
      has moved by less than .3, take the last iterate if it is farther and its
      DSSIM below .015. It overrides the budget, so it is off.
    luminance_only: see `gradient_attack`; False for the authors' behaviour on
      grey pictures.

  Raises:
    InputError: unknown mode, a setting out of range.
  """
  budget, steps, rate = _mode(
    '1.0', mode, dssim_budget, num_steps, learning_rate
  )
  limit = max(1.1 * budget, 0.015 if save_last_on_failed else 0)
  adadelta = optax.adadelta(rate, rho=0.95, eps=1e-7)
  constraint = penalties.dssim_budget(
    constraints.linf_ball(epsilon),
    budget=budget,
    limit=limit,
    weight=dssim_weight,
  )
  return gradient.gradient_attack(
    objectives.scaled(objectives.displacement(embed_fns), len(embed_fns)),
    # The space keeps the ball; what the optimiser moves is not in pixels.
    constraint._replace(project=lambda variable, images: variable),
    optimizers.kicked(adadelta, 0.01),
    num_steps=steps,
    space=spaces.tanh_space(epsilon),
    start_noise=1e-4,
    rank=functools.partial(_farthest_within, 1.1 * budget, save_last_on_failed),
    keep=('best',),
    luminance_only=luminance_only,
  )


def _farthest_within(limit, save_last, terms, best_score, is_last):
  distance, dssim = terms['feature_distance'], terms['dssim']
  allowed = dssim <= limit
  if save_last:
    allowed |= is_last & (best_score < 0.3) & (dssim < 0.015)
  return jnp.where(allowed, distance, -jnp.inf)


@checks.checked
@base.by_value
def fawkes_v03(
  embed_fns: Sequence[EmbedFn],
  *,
  mode: str = 'high',
  num_steps: checks.Count | None = None,
  learning_rate: checks.Positive | None = None,
  dssim_budget: checks.PositiveShare | None = None,
  dssim_weight: checks.NotNegative = 1e6,
  luminance_only: bool | None = None,
) -> base.Attack:
  """Version 0.3: towards `targets`, see `targets.shifted`.

  The iterate nearest to the target comes back, whatever its DSSIM: the budget
  is a price here, and the authors' program does not look at it when it
  chooses. No pixel limit.

  Args:
    embed_fns: the networks; distances are not normalised but divided by the
      target's length, and summed.
    mode: 'min', 'low', 'mid', 'high' or 'ultra', see `MODES`.
    num_steps: updates, instead of the mode's.
    learning_rate: Adadelta's, instead of the mode's; times .8 after each third
      of the steps.
    dssim_budget: instead of the mode's.
    dssim_weight: price of the squared excess; the authors' default `--sd`.
    luminance_only: see `gradient_attack`.

  Raises:
    InputError: unknown mode, a setting out of range.
  """
  budget, steps, rate = _mode(
    '0.3', mode, dssim_budget, num_steps, learning_rate
  )
  third = max(steps // 3, 1)
  # The authors change the rate at the end of steps third, 2 third, ..., the
  # first one being step 0.
  decayed = lambda count: rate * 0.8 ** (jnp.maximum(count - 1, 0) // third)
  return gradient.gradient_attack(
    objectives.relative_distance(embed_fns),
    penalties.dssim_penalty(
      constraints.unbounded(), budget=budget, weight=dssim_weight
    ),
    optax.adadelta(decayed, rho=0.95, eps=1e-8),
    num_steps=steps,
    space=spaces.tanh_space(),
    start_value=1e-6,
    rank=lambda terms, best_score, is_last: -terms['feature_distance'],
    luminance_only=luminance_only,
  )


@checks.checked
@base.by_value
def fawkes_plain(
  embed_fns: Sequence[EmbedFn],
  *,
  epsilon: checks.Epsilon = 8 / 255,
  num_steps: checks.Count = 40,
  learning_rate: checks.Positive | None = None,
  dssim_budget: checks.PositiveShare = 0.05,
  dssim_weight: checks.NotNegative = 1e3,
  targeted: bool = True,
  luminance_only: bool | None = None,
) -> base.Attack:
  """The idea alone: Adam in an L-infinity ball, a price on DSSIM.

  Args:
    embed_fns: the networks attacked together, `(params, images) -> [B, D]`.
    epsilon: L-infinity budget in [0, 1] pixel units.
    num_steps: updates.
    learning_rate: Adam's, in pixel units; None is 2.5 epsilon / num_steps.
    dssim_budget: DSSIM up to which change is free.
    dssim_weight: price of the squared excess.
    targeted: needs `targets`, see `targets.farthest`; False runs away from the
      own embedding instead.
    luminance_only: see `gradient_attack`.

  Raises:
    InputError: a number out of range.
  """
  make = objectives.approach if targeted else objectives.displacement
  return gradient.gradient_attack(
    make(embed_fns),
    penalties.dssim_penalty(
      constraints.linf_ball(epsilon), budget=dssim_budget, weight=dssim_weight
    ),
    optax.adam(optimizers.default_rate(learning_rate, epsilon, num_steps)),
    num_steps=num_steps,
    start_noise=0.0 if targeted else min(0.005, epsilon),
    luminance_only=luminance_only,
  )
