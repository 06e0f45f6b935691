"""Logistic regression on galleries of which one person differs.

The clean gallery is solved once. Where one person's pictures are replaced, the
solution is near: his column is solved alone, and then all of them from there.
"""

import functools

import jax
import jax.numpy as jnp

from fr_poison.recognizers import logistic
from fr_poison.types import Array, Embeddings, Params


@functools.partial(jax.jit, static_argnames='top_k')
def solve_from(
  base: logistic.Progress,
  base_logits: tuple[Array, Array],
  problems: logistic.Problem,
  probes: Embeddings,
  max_steps: int,
  tolerance: float,
  *,
  top_k: int,
) -> tuple[Params, Array, tuple[Array, Array]]:
  """Solves problems that differ little from a solved one; ranks people.

  Where the own column was enough, all other logits are still the base's.

  Args:
    base: of `logistic.minimize`, on the same shared pictures with mean 0 and
      scale 1.
    base_logits: its of the shared pictures, [N, C], and of the probes, [T, C].
    problems: P of them, stacked but for what they share.
    probes: [T, D].
    max_steps: of L-BFGS.
    tolerance: as in `logistic.minimize`.
    top_k: how many people to name.

  Returns:
    The parameters; steps [P] beyond the own column; where these are 0,
    probabilities and people [P, T, top_k], for others see `logistic.rank`.
  """

  def solve(problem):
    start = _start(base, base_logits[0], problem, max_steps, tolerance)
    column = jax.tree.map(lambda x: x[..., problem.own_target], start.params)
    kernel, offset = logistic.on_shared_scale(column, problem)
    known = (
      base_logits[1].at[:, problem.own_target].set(probes @ kernel + offset)
    )
    end = logistic.advance(
      logistic.total_loss, problem, start, max_steps, tolerance
    )
    return end.params, end.steps, logistic.top_people(known, top_k)

  return jax.vmap(solve, in_axes=(logistic.AXES,))(problems)


def _start(base, base_logits, problem, max_steps, tolerance):
  """The base, after the one column that changes most was solved alone."""
  # The very same function of pictures as the base's.
  weights, bias = base.params
  params = (weights * problem.scale[:, None], bias + problem.mean @ weights)
  column = _solve_column(base_logits, params, problem, max_steps, tolerance)
  params = jax.tree.map(
    lambda x, y: x.at[..., problem.own_target].set(y), params, column
  )
  kernel, offset = logistic.on_shared_scale(column, problem)
  shared_logits = base_logits.at[:, problem.own_target].set(
    problem.shared @ kernel + offset
  )
  value, grad = _value_and_grad_at(params, shared_logits, problem)
  # The memory goes on as if the base's last step had led here.
  move = lambda old, end, here: jax.tree.map(
    lambda a, b, c: c - (b - a), old, end, here
  )
  memory, *rest = base.state
  memory = memory._replace(
    params=move(memory.params, base.params, params),
    updates=move(memory.updates, base.grad, grad),
  )
  return logistic.Progress(params, value, grad, (memory, *rest), 0)


def _solve_column(base_logits, params, problem, max_steps, tolerance):
  """Weights [D] and bias of the cloaked person, all others' kept."""
  person = problem.own_target
  folded = logistic.on_shared_scale(params, problem)
  others = lambda x: jax.nn.logsumexp(
    jnp.where(jnp.arange(x.shape[1]) == person, -jnp.inf, x), 1
  )
  rest, own_rest = (
    others(base_logits),
    others(logistic.logits(folded, problem.own)),
  )

  def loss(column, problem):
    kernel, bias = logistic.on_shared_scale(column, problem)
    mine = problem.own @ kernel + bias
    # Shared pictures are others' (or weigh 0): the right one's logit is fixed.
    shared = jnp.logaddexp(rest, problem.shared @ kernel + bias)
    own = jnp.logaddexp(own_rest, mine) - mine
    return (
      problem.penalty / 2 * jnp.sum(column[0] ** 2)
      + jnp.sum(problem.weights * shared)
      + jnp.sum(problem.own_weights * own)
    )

  column = jax.tree.map(lambda x: x[..., person], params)
  start = logistic.begin(loss, problem, column)
  # Less than is asked for, as the others' columns make a little more of it.
  return logistic.advance(loss, problem, start, max_steps, tolerance / 2).params


def _value_and_grad_at(params, shared_logits, problem):
  """Saves the product with all pictures that led to their logits."""
  value, (grad, of_logits) = jax.value_and_grad(logistic.loss_at, (0, 1))(
    params, shared_logits, problem
  )
  _, pull_back = jax.vjp(lambda x: logistic.shared_logits(x, problem), params)
  return value, jax.tree.map(jnp.add, grad, pull_back(of_logits)[0])
