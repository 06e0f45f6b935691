"""Steps that optax has no name for: they look at each picture by itself."""

import jax
import jax.numpy as jnp
import optax

from fr_poison import checks
from fr_poison.attacks.base import by_value


def default_rate(
  learning_rate: float | None, epsilon: float | None, num_steps: int
) -> float:
  """Gives the learning rate, or if it is None 2.5 epsilon / num_steps."""
  return 2.5 * epsilon / num_steps if learning_rate is None else learning_rate


_SIZES = {
  'l1': lambda u: jnp.sum(jnp.abs(u), (1, 2, 3), keepdims=True),
  'l2': lambda u: jnp.sqrt(jnp.sum(u**2, (1, 2, 3), keepdims=True)),
  'linf': lambda u: jnp.max(jnp.abs(u), (1, 2, 3), keepdims=True),
}


@by_value
def normalized(norm: str) -> optax.GradientTransformation:
  """Divides each picture's update by its norm: 'l1', 'l2' or 'linf'."""
  divide = lambda u: u / jnp.maximum(_SIZES[norm](u), 1e-30)
  return optax.stateless(lambda updates, params: jax.tree.map(divide, updates))


@by_value
def make(
  name: str, norm: str, learning_rate: checks.Positive
) -> optax.GradientTransformation:
  """Makes an optimiser of pixels by its name.

  Args:
    name: 'sign' steps along the sign of the gradient, or in 'l2' along the
      gradient made a unit vector (plain PGD); 'momentum' does so along the sum
      of all gradients so far, each divided by its L1 norm (MI-FGSM, Dong et
      al., 2018); 'adam' is optax's.
    norm: 'linf' or 'l2'.
    learning_rate: in [0, 1] pixel units.

  Raises:
    InputError: another name or norm, learning_rate not above 0.
  """
  checks.known('norm', norm, ('linf', 'l2'))
  checks.known('optimizer', name, ('sign', 'momentum', 'adam'))
  if name == 'adam':
    return optax.adam(learning_rate)
  step = optax.sign_sgd(learning_rate)
  if norm == 'l2':
    step = optax.chain(normalized('l2'), optax.scale(-learning_rate))
  if name == 'momentum':
    return optax.chain(normalized('l1'), optax.trace(decay=1.0), step)
  return step


@by_value
def kicked(
  inner: optax.GradientTransformation, size: checks.Positive
) -> optax.GradientTransformation:
  """Adds a sign step of `size` to the first update, then starts `inner` anew.

  Fawkes 1.0 begins at noise so small that the first gradient is nearly
  nothing; differentiator.py kicks the modifier by hand and puts it into a new
  variable, whose optimiser slots are empty.
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
