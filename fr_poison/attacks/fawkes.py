"""Fawkes (Shan et al., USENIX Security 2020): versions 1.0, 0.3 and plain.

Fawkes optimises in tanh space under a budget of DSSIM. Version 1.0 (2021) runs
away from the picture's own embedding, version 0.3 (2020) towards a dissimilar
person's. Constants are those of the authors' differentiator.py and
protection.py; what they do not say was recorded from their program.
"""

from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Float, Int

from fr_poison import checks
from fr_poison.attacks import (
  base,
  constraints,
  gradient,
  networks,
  objectives,
  optimizers,
  perceptual,
)
from fr_poison.types import Array, EmbedFn

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
  """Makes Fawkes '1.0' (`fawkes_v1`), '0.3' (`fawkes_v03`) or 'plain'.

  Args:
    embed_fns: the networks.
    version: '1.0', '0.3' or 'plain'.
    **settings: of that version's function.
  """
  versions = {'1.0': fawkes_v1, '0.3': fawkes_v03, 'plain': fawkes_plain}
  checks.known('version', version, versions)
  return versions[version](embed_fns, **settings)


def _mode(version, mode, *overrides):
  """(budget, steps, learning rate) of the mode, where not overridden."""
  checks.known('mode', mode, MODES[version])
  pairs = zip(overrides, MODES[version][mode], strict=True)
  return [default if given is None else given for given, default in pairs]


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
  luminance_only: bool | None = None,
) -> base.Attack:
  """Leaves the own embedding, with a weight per picture that finds the budget.

  Of the iterates within 1.1 times the budget the one farthest in feature
  space comes back; if that leaves nothing, the original (the authors' program
  gives the start noise or a black picture). Their option to take the last
  iterate where little was found, over the budget, is left out.

  Args:
    embed_fns: the networks; their normalised distances are summed.
    mode: 'low', 'mid' or 'high', see `MODES`.
    num_steps: updates, instead of the mode's. The last one is never looked at.
    learning_rate: Adadelta's, instead of the mode's.
    dssim_budget: instead of the mode's.
    dssim_weight: price of the squared excess; the authors' default `--sd`.
    epsilon: no pixel moves by more, in [0, 1] units.
    luminance_only: see `gradient_attack`; False for the authors' behaviour on
      grey pictures.
  """
  budget, steps, rate = _mode(
    '1.0', mode, dssim_budget, num_steps, learning_rate
  )
  constraint = constraints.dssim_penalty(
    constraints.tanh_ball(epsilon), budget=budget, weight=dssim_weight
  )
  limit = 1.1 * budget
  within = lambda terms: jnp.where(
    terms['dssim'] <= limit, terms['feature_distance'], -jnp.inf
  )
  return gradient.gradient_attack(
    objectives.scaled(objectives.displacement(embed_fns), len(embed_fns)),
    _saved_within(_controlled(constraint, budget), limit),
    optimizers.kicked(optax.adadelta(rate, rho=0.95, eps=1e-7), 0.01),
    num_steps=steps,
    start_noise=1e-4,
    rank=within,
    keep=('best',),
    luminance_only=luminance_only,
  )


class _Controller(NamedTuple):
  """Fawkes's bookkeeping per picture."""

  weight: Float[Array, ' B']  # of the distance; the authors' `const_diff`
  # Of the budget last seen: 1 inside, -1 outside, 0 near.
  side: Int[Array, ' B']


def _controlled(priced, budget):
  """Weighs the distance per picture, by differentiator.py's `const_diff`.

  Well inside the budget the distance counts twice as much from step to step,
  well outside half as much; a change of sides, or being near, starts over.
  """

  def init(images):
    ones = base.zeros(images) + 1
    return _Controller(ones, ones.astype(jnp.int32))

  def measure(controller, adv_images, images):
    penalty, terms = priced.measure((), adv_images, images)
    return penalty, terms | {'penalty_weight': controller.weight}

  def update(controller, terms):
    (weight, side), dssim = controller, terms['dssim']
    inside = (dssim <= 0.9 * budget) & (weight <= 129)
    outside = ~inside & (dssim >= 1.1 * budget) & (weight >= 1 / 129)
    doubled = jnp.where(side == -1, 1.0, weight * 2)
    halved = jnp.where(side == 1, 1.0, weight / 2)
    weight = jnp.where(inside, doubled, jnp.where(outside, halved, 1.0))
    side = inside.astype(jnp.int32) - outside.astype(jnp.int32)
    return _Controller(weight, side)

  gain = lambda controller: controller.weight
  return priced._replace(init=init, measure=measure, gain=gain, update=update)


# Shares of a perturbation that are tried until the saved pixels fit.
_SHARES = (0.1, 0.3, 0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.93, 0.96, 0.98, 1.0)


def _saved_within(ball, limit):
  """Scales what is saved until its DSSIM fits: rounding adds some more."""

  def project_codes(levels, images):
    start = images * 255

    def try_share(i, result):
      share = jnp.asarray(_SHARES, jnp.float32)[i]
      codes = ball.project_codes(start + share * (levels - start), images)
      # A hair below: measured again elsewhere, it must not be above.
      fits = perceptual.dssim(codes / 255, images) <= 0.9999 * limit
      return jnp.where(base.per_picture(fits), codes, result)

    # From none of the change to all of it: the largest share that fits stays.
    unchanged = ball.project_codes(start, images)
    return jax.lax.fori_loop(0, len(_SHARES), try_share, unchanged)

  def used(adv_images, images):
    dssim = perceptual.dssim(adv_images, images) / limit
    return jnp.maximum(dssim, ball.used(adv_images, images))

  return ball._replace(project_codes=project_codes, used=used)


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
  """Moves towards `targets`, see `targets.shifted`.

  The iterate nearest to the target comes back, whatever its DSSIM: the budget
  is a price here, and the authors' program does not look at it when it
  chooses. No pixel limit.

  Args:
    embed_fns: the networks; distances are not normalised but divided by the
      target's length, and summed.
    mode: 'min', 'low', 'mid', 'high' or 'ultra', see `MODES`.
    num_steps: see `fawkes_v1`, as for the rest.
    learning_rate: Adadelta's, times .8 after each third of the steps.
    dssim_budget: of which more is paid for.
    dssim_weight: price of the squared excess.
    luminance_only: see `gradient_attack`.
  """
  budget, steps, rate = _mode(
    '0.3', mode, dssim_budget, num_steps, learning_rate
  )
  third = max(steps // 3, 1)
  # The authors change the rate at the end of steps third, 2 third, ..., the
  # first one being step 0.
  decayed = lambda count: rate * 0.8 ** (jnp.maximum(count - 1, 0) // third)
  return gradient.gradient_attack(
    _relative_distance(embed_fns),
    constraints.dssim_penalty(
      constraints.tanh_ball(), budget=budget, weight=dssim_weight
    ),
    optax.adadelta(decayed, rho=0.95, eps=1e-8),
    num_steps=steps,
    start_value=1e-6,
    rank=lambda terms: -terms['feature_distance'],
    luminance_only=luminance_only,
  )


def _relative_distance(embed_fns):
  """Sum over networks of |t - f(x')| / |t|, not normalised."""
  networks.check(embed_fns)

  def reference(params, images, targets):
    own = networks.embed_all(embed_fns, params, images)
    pairs = zip(own, objectives.check_targets(own, targets), strict=True)
    return [jnp.broadcast_to(t, e.shape) for e, t in pairs]

  def distance(params, reference, adv_images, rngs):
    embeddings = networks.embed_all(embed_fns, params, adv_images)
    return sum(
      jnp.linalg.norm(t - e, axis=-1) / jnp.linalg.norm(t, axis=-1)
      for e, t in zip(embeddings, reference, strict=True)
    )

  return objectives.Objective(reference, distance, sign=-1.0)


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
) -> base.Attack:
  """Runs the idea alone: Adam in an L-infinity ball, a price on DSSIM.

  Args:
    embed_fns: the networks.
    epsilon: L-infinity budget.
    num_steps: updates.
    learning_rate: Adam's; None is 2.5 epsilon / num_steps.
    dssim_budget: DSSIM up to which change is free.
    dssim_weight: price of the squared excess.
    targeted: needs `targets`, see `targets.farthest`; False runs away from the
      own embedding instead.
  """
  make = objectives.approach if targeted else objectives.displacement
  return gradient.gradient_attack(
    make(embed_fns),
    constraints.dssim_penalty(
      constraints.linf_ball(epsilon), budget=dssim_budget, weight=dssim_weight
    ),
    optax.adam(optimizers.default_rate(learning_rate, epsilon, num_steps)),
    num_steps=num_steps,
    start_noise=0.0 if targeted else min(0.005, epsilon),
  )
