"""The solver of `linear`: L-BFGS on a gallery of which one person differs.

Losses are sums over pictures, not means: then the first step, of length 1 at
most, is neither tiny nor too long, as in scikit-learn's solver.
"""

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from fr_poison.types import Array, Embeddings, Params

MEMORY = 10  # pairs of L-BFGS, as in scikit-learn


class Problem(NamedTuple):
  """A gallery: pictures shared with other problems, and one person's own."""

  shared: Embeddings  # [N, D]
  targets: Array  # [N], whose
  weights: Array  # [N], 0 where the own ones replace them, else 1
  own: Embeddings  # [M, D]
  own_target: Array  # [], whose
  own_weights: Array  # [M], 0 for padding, else 1
  mean: Array  # [D], of this gallery's columns
  scale: Array  # [D], their standard deviation
  penalty: Array  # [], of half the squared weights


# Of a Problem under vmap: what several people share, and what they do not.
_AXES = Problem(None, None, 0, 0, 0, 0, 0, 0, None)


class Progress(NamedTuple):
  """Where the solver is."""

  params: Params  # weights [D, C] and bias [C]
  value: Array  # [], the loss at params
  grad: Params  # its gradient
  state: Any  # of _OPTIMIZER
  steps: Array  # []


# Every step tries length 1 and halves it until the loss falls: enough for a
# convex loss, and cheaper under vmap than a search for the curvature condition
# with its branches, of which all are taken. rtol: float32 cannot see less.
_OPTIMIZER = optax.chain(
  optax.scale_by_lbfgs(memory_size=MEMORY),
  optax.scale(-1.0),
  optax.scale_by_backtracking_linesearch(
    max_backtracking_steps=20,
    decrease_factor=0.5,
    increase_factor=np.inf,
    max_learning_rate=1.0,
    rtol=1e-6,
    store_grad=True,
  ),
)


def minimize(
  problem: Problem, num_people: int, max_steps: int, tolerance: float
) -> Progress:
  """Solves `problem` from zero.

  Args:
    problem: with any number of own pictures.
    num_people: C.
    max_steps: of L-BFGS.
    tolerance: for the largest derivative of the loss over N.
  """
  columns = problem.shared.shape[1]
  params = (
    jnp.zeros((columns, num_people), jnp.float32),
    jnp.zeros(num_people, jnp.float32),
  )
  return _from_zero(problem, params, max_steps, tolerance)


@jax.jit
def _from_zero(problem, params, max_steps, tolerance):
  start = _begin(_loss, problem, params)
  return _continue(_loss, problem, start, max_steps, tolerance)


def _begin(loss, problem, params):
  value, grad = jax.value_and_grad(loss)(params, problem)
  return Progress(params, value, grad, _OPTIMIZER.init(params), 0)


@functools.partial(jax.jit, static_argnames='top_k')
def solve_from(
  base: Progress,
  base_logits: tuple[Array, Array],
  problems: Problem,
  probes: Embeddings,
  max_steps: int,
  tolerance: float,
  *,
  top_k: int,
) -> tuple[Params, Array, tuple[Array, Array]]:
  """Solves problems that differ little from a solved one; ranks people.

  Where the own column was enough, all other logits are still the base's.

  Args:
    base: of `minimize`, on the same shared pictures with mean 0 and scale 1.
    base_logits: its of the shared pictures, [N, C], and of the probes, [T, C].
    problems: P of them, stacked but for what they share.
    probes: [T, D].
    max_steps: as in `minimize`.
    tolerance: as in `minimize`.
    top_k: how many people to name.

  Returns:
    The parameters; steps [P] beyond the own column; where these are 0,
    probabilities and people [P, T, top_k], for other problems see `rank`.
  """

  def solve(problem):
    start = _start(base, base_logits[0], problem, max_steps, tolerance)
    column = jax.tree.map(lambda x: x[..., problem.own_target], start.params)
    kernel, offset = _on_shared_scale(column, problem)
    known = (
      base_logits[1].at[:, problem.own_target].set(probes @ kernel + offset)
    )
    end = _continue(_loss, problem, start, max_steps, tolerance)
    return end.params, end.steps, _best(known, top_k)

  return jax.vmap(solve, in_axes=(_AXES,))(problems)


@functools.partial(jax.jit, static_argnames='top_k')
def rank(
  params: Params, problems: Problem, probes: Embeddings, *, top_k: int
) -> tuple[Array, Array]:
  """Probabilities and people [P, T, top_k] of solved problems."""
  one = lambda params, problem: best(
    _on_shared_scale(params, problem), probes, top_k=top_k
  )
  return jax.vmap(one, in_axes=(0, _AXES))(params, problems)


def _start(base, base_logits, problem, max_steps, tolerance):
  """The base, after the one column that changes most was solved alone."""
  # The very same function of pictures as the base's.
  weights, bias = base.params
  params = (weights * problem.scale[:, None], bias + problem.mean @ weights)
  column = _solve_column(base_logits, params, problem, max_steps, tolerance)
  params = jax.tree.map(
    lambda x, y: x.at[..., problem.own_target].set(y), params, column
  )
  kernel, offset = _on_shared_scale(column, problem)
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
  return Progress(params, value, grad, (memory, *rest), 0)


def _solve_column(base_logits, params, problem, max_steps, tolerance):
  """Weights [D] and bias of the cloaked person, all others' kept."""
  person = problem.own_target
  folded = _on_shared_scale(params, problem)
  others = lambda x: jax.nn.logsumexp(
    jnp.where(jnp.arange(x.shape[1]) == person, -jnp.inf, x), 1
  )
  rest, own_rest = others(base_logits), others(logits(folded, problem.own))

  def loss(column, problem):
    kernel, bias = _on_shared_scale(column, problem)
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
  start = _begin(loss, problem, column)
  # Less than is asked for, as the others' columns make a little more of it.
  return _continue(loss, problem, start, max_steps, tolerance / 2).params


@functools.partial(jax.jit, static_argnames='top_k')
def best(
  params: Params, probes: Embeddings, *, top_k: int
) -> tuple[Array, Array]:
  """Probabilities and people [T, top_k] of [T, D], likeliest first."""
  return _best(logits(params, probes), top_k)


def _best(scores, top_k):
  return jax.lax.top_k(jax.nn.softmax(scores), top_k)


@jax.jit
def logits(params: Params, embeddings: Embeddings) -> Array:
  """[N, C] of [N, D]."""
  weights, bias = params
  return jnp.matmul(embeddings, weights, precision='highest') + bias


def _on_shared_scale(params, problem):
  """`params` for embeddings that are not yet standardised by the problem."""
  weights, bias = params
  weights = (weights.T / problem.scale).T
  return weights, bias - problem.mean @ weights


def _loss(params, problem):
  return _loss_at(params, _shared_logits(params, problem), problem)


def _shared_logits(params, problem):
  return logits(_on_shared_scale(params, problem), problem.shared)


def _loss_at(params, shared_logits, problem):
  """`_loss` with the logits of the shared pictures given."""
  own_logits = logits(_on_shared_scale(params, problem), problem.own)
  own_targets = jnp.full(len(problem.own), problem.own_target)
  losses = optax.softmax_cross_entropy_with_integer_labels
  return (
    problem.penalty / 2 * jnp.sum(params[0] ** 2)
    + jnp.sum(problem.weights * losses(shared_logits, problem.targets))
    + jnp.sum(problem.own_weights * losses(own_logits, own_targets))
  )


def _value_and_grad_at(params, shared_logits, problem):
  """Saves the product with all pictures that led to their logits."""
  value, (grad, of_logits) = jax.value_and_grad(_loss_at, (0, 1))(
    params, shared_logits, problem
  )
  _, pull_back = jax.vjp(lambda x: _shared_logits(x, problem), params)
  return value, jax.tree.map(jnp.add, grad, pull_back(of_logits)[0])


def _continue(loss, problem, start, max_steps, tolerance):
  limit = tolerance * len(problem.targets)
  value_fn = lambda params: loss(params, problem)

  def unfinished(now):
    return (now.steps < max_steps) & (_largest(now.grad) > limit)

  def step(now):
    updates, state = _OPTIMIZER.update(
      now.grad,
      now.state,
      now.params,
      value=now.value,
      grad=now.grad,
      value_fn=value_fn,
    )
    params = optax.apply_updates(now.params, updates)
    search = state[-1]
    return Progress(params, search.value, search.grad, state, now.steps + 1)

  return jax.lax.while_loop(unfinished, step, start)


def _largest(tree):
  return jnp.max(
    jnp.stack([jnp.max(jnp.abs(x)) for x in jax.tree.leaves(tree)])
  )
