"""Steps that optax has no name for: they look at each picture by itself."""

import jax
import jax.numpy as jnp
import optax

from fr_poison import checks
from fr_poison.attacks.base import by_value
from fr_poison.types import InputError


def default_rate(
  learning_rate: float | None, epsilon: float, num_steps: int
) -> float:
  """The learning rate, or if it is None 2.5 epsilon / num_steps."""
  return 2.5 * epsilon / num_steps if learning_rate is None else learning_rate


def _per_picture(measure):
  """Divides each picture's update by a measure [B, 1, 1, 1] of it."""

  def update(updates, state, params=None):
    del params
    divide = lambda u: u / jnp.maximum(measure(u), 1e-30)
    return jax.tree.map(divide, updates), state

  return optax.GradientTransformation(lambda params: optax.EmptyState(), update)


def _over_picture(reduce):
  return lambda u: reduce(u, axis=(1, 2, 3), keepdims=True)


def by_l1_norm() -> optax.GradientTransformation:
  """Each picture's update divided by the sum of its absolute values."""
  return _per_picture(lambda u: _over_picture(jnp.sum)(jnp.abs(u)))


def by_l2_norm() -> optax.GradientTransformation:
  """Each picture's update divided by its Euclidean norm."""
  return _per_picture(lambda u: jnp.sqrt(_over_picture(jnp.sum)(u**2)))


def by_largest() -> optax.GradientTransformation:
  """Each picture's update divided by its largest absolute value."""
  return _per_picture(lambda u: _over_picture(jnp.max)(jnp.abs(u)))


@checks.checked
@by_value
def steepest(
  norm: str, learning_rate: checks.Positive
) -> optax.GradientTransformation:
  """The step of length `learning_rate` in that norm that descends fastest.

  The sign of the gradient for 'linf', the unit gradient for 'l2'.

  Raises:
    InputError: learning_rate not above 0.
  """
  if norm == 'linf':
    return optax.sign_sgd(learning_rate)
  return optax.chain(by_l2_norm(), optax.scale(-learning_rate))


@checks.checked
@by_value
def make(
  name: str, norm: str, learning_rate: checks.Positive
) -> optax.GradientTransformation:
  """An optimiser of pixels by its name.

  Args:
    name: 'sign' steps steepest in the norm (plain PGD); 'momentum' does so
      along the sum of all gradients so far, each divided by its L1 norm
      (MI-FGSM, Dong et al., 2018); 'adam' is optax's.
    norm: 'linf' or 'l2'.
    learning_rate: in [0, 1] pixel units.

  Raises:
    InputError: another name or norm, learning_rate not above 0.
  """
  if norm not in ('linf', 'l2'):
    raise InputError(f'norm: {norm!r} is unknown; known: linf, l2')
  known = {
    'sign': lambda: steepest(norm, learning_rate),
    'momentum': lambda: optax.chain(
      by_l1_norm(), optax.trace(decay=1.0), steepest(norm, learning_rate)
    ),
    'adam': lambda: optax.adam(learning_rate),
  }
  if name not in known:
    raise InputError(
      f'optimizer: {name!r} is unknown; known: {", ".join(known)}'
    )
  return known[name]()


@checks.checked
@by_value
def kicked(
  inner: optax.GradientTransformation, size: checks.Positive
) -> optax.GradientTransformation:
  """Adds a sign step of `size` to the first update, then starts `inner` anew.

  Fawkes 1.0 begins at noise so small that the first gradient is nearly
  nothing; differentiator.py kicks the modifier by hand and puts it into a new
  variable, whose optimiser slots are empty.

  Raises:
    InputError: size not above 0.
  """

  def init(params):
    return jnp.zeros((), jnp.int32), inner.init(params)

  def update(grads, state, params=None):
    count, inner_state = state
    updates, inner_state = inner.update(grads, inner_state, params)
    first = count == 0
    kick = lambda u, g: jnp.where(first, u - size * jnp.sign(g), u)
    restart = lambda new, old: jnp.where(first, new, old)
    updates = jax.tree.map(kick, updates, grads)
    fresh = inner.init(grads)
    return updates, (count + 1, jax.tree.map(restart, fresh, inner_state))

  return optax.GradientTransformation(init, update)
