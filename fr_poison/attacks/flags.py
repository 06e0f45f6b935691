"""What may be wrong with a weak result: true of the bad, false of the good."""

import jax.numpy as jnp

from fr_poison.attacks.base import AttackState
from fr_poison.types import Array

_USED_UP = 0.9
_SECOND_HALF = 0.45
_STILL_RISING = 0.5


def saturated(used: Array, start: Array, half: Array, end: Array) -> Array:
  """The budget is used up, and a larger one would give more, [B] bool.

  Small changes move an embedding in proportion, so the second half of a small
  budget brings half of the way, by the roots of squared distances. On
  mobileface it is half at 2/255, .42 at 8/255 and .2 at 32/255.

  Args:
    used: [B], share of the budget.
    start: [B], what grows, at the original.
    half: [B], half the way to the result.
    end: [B], at the result.
  """
  start, half, end = (
    jnp.sign(x) * jnp.sqrt(jnp.abs(x)) for x in (start, half, end)
  )
  return (used >= _USED_UP) & (end - half >= _SECOND_HALF * (end - start))


def last_tenth(num_steps: int) -> int:
  """How many steps at the end are compared with all of them."""
  return max(1, round((num_steps - 1) / 10))


def not_converged(state: AttackState, num_steps: int) -> Array:
  """The last tenth of the steps still gained at half the mean rate or more.

  By the iterates that steps looked at: one or two do not tell.

  Args:
    state: after the last step.
    num_steps: of all starts.
  """
  last, count = last_tenth(num_steps), num_steps - 1
  gained = state.best_score - state.first_score
  late = state.best_score - state.early_score
  rising = late * count >= _STILL_RISING * gained * last
  return rising & (gained > 0) & (last < count)
