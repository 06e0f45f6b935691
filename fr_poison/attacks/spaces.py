"""What the optimiser moves: the pixels themselves, or Fawkes's tanh space."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax.numpy as jnp

from fr_poison import checks
from fr_poison.attacks.base import by_value

# The authors' factor: it keeps arctanh finite at black and white.
_SHRINK = 2 - 1e-6


class Space(NamedTuple):
  """How the variable [B, H, W, 3] and the picture belong together."""

  start: Callable[..., Any]  # (images, perturbation) -> variable
  pictures: Callable[..., Any]  # (variable, images) -> adv_images


PIXELS = Space(
  start=lambda images, perturbation: images + perturbation,
  pictures=lambda variable, images: variable,
)


@checks.checked
@by_value
def tanh_space(limit: checks.PositiveShare | None = None) -> Space:
  """Pictures as tanh(arctanh(x) + variable): they cannot leave [0, 1].

  Carlini and Wagner's change of variable, with Fawkes's constants.

  Args:
    limit: no pixel leaves the original by more, in [0, 1] units; None: any.
      Where it cuts, the gradient is zero, as in the authors' code.

  Raises:
    InputError: limit outside (0, 1].
  """

  def pictures(variable, images):
    base = jnp.arctanh((images - 0.5) * _SHRINK)
    to_pixels = lambda x: jnp.tanh(x) / _SHRINK + 0.5
    moved = to_pixels(base + variable)
    if limit is None:
      return moved
    original = to_pixels(base)
    return original + jnp.clip(moved - original, -limit, limit)

  return Space(lambda images, perturbation: perturbation, pictures)
