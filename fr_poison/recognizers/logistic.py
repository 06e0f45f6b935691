"""The solver of `linear`: L-BFGS from zero, and near a solution.

A gallery of which one person's pictures are replaced has nearly the solution
of the clean one. That person's column is solved alone, and mostly that is all.
A bound on what it does to the other columns' derivatives says so, without
another gradient over all pictures. Where it does not, all of them are solved
from there.

Losses are sums over pictures, not means: then the first step, of length 1 at
most, is neither tiny nor too long, as in scikit-learn's solver.
"""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Bool, Float, Int

from fr_poison.types import Array, Embeddings, Params

Scalar = Float[Array, '']
Whole = int | Int[Array, '']  # a number, or as jit hands it on
Number = float | Scalar

MEMORY = 10  # pairs of L-BFGS, as in scikit-learn

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


class Problem(NamedTuple):
  """A gallery: pictures shared with other problems, and one person's own."""

  shared: Embeddings
  targets: Int[Array, ' N']  # whose
  weights: Float[Array, ' N']  # 0 where the own ones replace them, else 1
  rows: Int[Array, ' M']  # of `shared`, which the own ones replace, or padding
  own: Float[Array, 'M D']
  own_target: Int[Array, '']  # whose
  own_weights: Float[Array, ' M']  # 0 for padding, else 1
  mean: Float[Array, ' D']  # of this gallery's columns
  scale: Float[Array, ' D']  # their standard deviation
  penalty: Scalar  # of half the squared weights


# Of a Problem under vmap: what several people share, and what they do not.
_AXES = Problem(None, None, 0, 0, 0, 0, 0, 0, 0, None)


class Progress(NamedTuple):
  """Where the solver is."""

  params: Params  # weights [D, C] and bias [C], of standardised columns
  value: Scalar  # the loss at params
  grad: Params  # its gradient
  state: Any  # of _OPTIMIZER
  steps: Int[Array, '']


@functools.partial(jax.jit, static_argnames='num_people')
def solve(
  problem: Problem, num_people: int, max_steps: Whole, tolerance: Number
) -> Progress:
  """Minimises the loss of one problem, from zero.

  Until no derivative of it over N is larger than the tolerance.
  """
  loss = functools.partial(_total_loss, problem=problem)
  params = (
    jnp.zeros((problem.shared.shape[1], num_people), jnp.float32),
    jnp.zeros(num_people, jnp.float32),
  )
  limit = tolerance * len(problem.targets)
  return _minimize(loss, params, max_steps, limit)


class Base(NamedTuple):
  """A solved clean gallery, which others differ little from."""

  solution: Progress  # of `solve`, of columns with mean 0 and scale 1
  logits: Float[Array, 'N C']  # of the shared pictures
  probabilities: Float[Array, 'N C']  # likewise
  reach: Float[Array, ' D']  # the largest size of each column of them
  probe_logits: Float[Array, 'T C']


@jax.jit
def base(
  solution: Progress, shared: Embeddings, probes: Float[Array, 'T D']
) -> Base:
  """Computes what all problems near a solved one share."""
  known = logits(solution.params, shared)
  return Base(
    solution,
    known,
    jax.nn.softmax(known),
    jnp.max(jnp.abs(shared), 0),
    logits(solution.params, probes),
  )


@functools.partial(jax.jit, static_argnames='top_k')
def solve_column(
  base: Base,
  problems: Problem,
  probes: Float[Array, 'T D'],
  max_steps: Whole,
  tolerance: Number,
  *,
  top_k: int,
) -> tuple[
  Params,
  Bool[Array, ' P'],
  tuple[Float[Array, 'P T top_k'], Int[Array, 'P T top_k']],
]:
  """Solves the own columns of problems near a solved one; ranks people.

  Args:
    base: of the same shared pictures.
    problems: P of them, stacked but for what they share.
    probes: embeddings of other pictures.
    max_steps: as in `solve`, and `tolerance`.
    tolerance: see there.
    top_k: how many people to name.

  Returns:
    The columns, weights [P, D] and biases [P]; whether the other columns are
    solved with them for sure; probabilities and people.
  """

  def one(problem):
    limit, params = tolerance * len(problem.targets), _carried(base, problem)
    rest = _log_others(base.logits, problem.own_target)
    # Less than is asked for, as the others' columns make a little more of it.
    column = _solve_column(params, rest, problem, max_steps, limit / 2)
    largest = _largest_of_others(base, rest, params, column, problem)
    known = logits(_on_shared_scale(column, problem), probes)
    known = base.probe_logits.at[:, problem.own_target].set(known)
    return column, largest <= limit, _top_people(known, top_k)

  return jax.vmap(one, in_axes=(_AXES,))(problems)


@jax.jit
def solve_near(
  base: Base,
  columns: Params,
  problems: Problem,
  max_steps: Whole,
  tolerance: Number,
) -> tuple[Params, Int[Array, ' P']]:
  """Solves all columns of problems whose own ones `solve_column` solved.

  Returns:
    The parameters, and steps: where these are 0, the own column was enough.
  """

  def one(problem, column):
    limit = tolerance * len(problem.targets)
    start = _start(base, _carried(base, problem), column, problem)
    loss = functools.partial(_total_loss, problem=problem)
    end = _advance(loss, start, max_steps, limit)
    return end.params, end.steps

  return jax.vmap(one, in_axes=(_AXES, 0))(problems, columns)


@functools.partial(jax.jit, static_argnames='top_k')
def rank(
  params: Params, problems: Problem, probes: Float[Array, 'T D'], *, top_k: int
) -> tuple[Float[Array, 'P T top_k'], Int[Array, 'P T top_k']]:
  """Computes probabilities and people of solved problems."""
  one = lambda params, problem: best(
    _on_shared_scale(params, problem), probes, top_k=top_k
  )
  return jax.vmap(one, in_axes=(0, _AXES))(params, problems)


@functools.partial(jax.jit, static_argnames='top_k')
def best(
  params: Params, probes: Float[Array, 'T D'], *, top_k: int
) -> tuple[Float[Array, 'T top_k'], Int[Array, 'T top_k']]:
  """Computes probabilities and people, likeliest first."""
  return _top_people(logits(params, probes), top_k)


@jax.jit
def logits(params: Params, embeddings: Embeddings) -> Float[Array, 'N ...']:
  """Computes logits; of one column of the parameters, one a picture."""
  weights, bias = params
  return jnp.matmul(embeddings, weights, precision='highest') + bias


def _top_people(scores, top_k):
  return jax.lax.top_k(jax.nn.softmax(scores), top_k)


def _on_shared_scale(params, problem):
  """`params` for embeddings that are not yet standardised by the problem."""
  weights, bias = params
  weights = (weights.T / problem.scale).T
  return weights, bias - problem.mean @ weights


def _total_loss(params, problem):
  """Cross-entropy summed over the pictures, and the penalty."""
  shared_logits = logits(_on_shared_scale(params, problem), problem.shared)
  return _loss_at(params, shared_logits, problem)


def _loss_at(params, shared_logits, problem):
  """`_total_loss` with the logits of the shared pictures given."""
  own_logits = logits(_on_shared_scale(params, problem), problem.own)
  own_targets = jnp.full(len(problem.own), problem.own_target)
  losses = optax.softmax_cross_entropy_with_integer_labels
  return (
    problem.penalty / 2 * jnp.sum(params[0] ** 2)
    + jnp.sum(problem.weights * losses(shared_logits, problem.targets))
    + jnp.sum(problem.own_weights * losses(own_logits, own_targets))
  )


def _minimize(loss, params, max_steps, limit):
  value, grad = jax.value_and_grad(loss)(params)
  start = Progress(params, value, grad, _OPTIMIZER.init(params), 0)
  return _advance(loss, start, max_steps, limit)


def _advance(
  loss: Callable[[Params], Scalar], start: Progress, max_steps, limit
) -> Progress:
  """Steps until no derivative is larger than `limit`."""

  def unfinished(now):
    sizes = [jnp.max(jnp.abs(x)) for x in jax.tree.leaves(now.grad)]
    return (now.steps < max_steps) & (jnp.max(jnp.stack(sizes)) > limit)

  def step(now):
    updates, state = _OPTIMIZER.update(
      now.grad,
      now.state,
      now.params,
      value=now.value,
      grad=now.grad,
      value_fn=loss,
    )
    params = optax.apply_updates(now.params, updates)
    search = state[-1]
    return Progress(params, search.value, search.grad, state, now.steps + 1)

  return jax.lax.while_loop(unfinished, step, start)


def _carried(base, problem):
  """Standardises the base's function of pictures as the problem does."""
  weights, bias = base.solution.params
  return weights * problem.scale[:, None], bias + problem.mean @ weights


def _log_others(logits, person):
  """Log of the sum of all other people's exponentials, [N] of [N, C]."""
  is_own = jnp.arange(logits.shape[1]) == person
  return jax.nn.logsumexp(jnp.where(is_own, -jnp.inf, logits), 1)


def _solve_column(params, rest, problem, max_steps, limit):
  """Weights [D] and bias of the cloaked person, all others' kept."""
  folded = _on_shared_scale(params, problem)
  own_rest = _log_others(logits(folded, problem.own), problem.own_target)

  def loss(column):
    unscaled = _on_shared_scale(column, problem)
    mine = logits(unscaled, problem.own)
    # Shared pictures are others' (or weigh 0): the right one's logit is fixed.
    shared = jnp.logaddexp(rest, logits(unscaled, problem.shared))
    own = jnp.logaddexp(own_rest, mine) - mine
    return (
      problem.penalty / 2 * jnp.sum(column[0] ** 2)
      + jnp.sum(problem.weights * shared)
      + jnp.sum(problem.own_weights * own)
    )

  column = jax.tree.map(lambda x: x[..., problem.own_target], params)
  return _minimize(loss, column, max_steps, limit).params


def _with_column(params, column, problem):
  return jax.tree.map(
    lambda x, y: x.at[..., problem.own_target].set(y), params, column
  )


def _largest_of_others(base, rest, params, column, problem):
  """Bounds all derivatives but the own column's from above.

  They are the base's, less the replaced pictures and with the own ones, and
  with what the new column takes of the other pictures' probabilities. That is
  next to nothing for nearly all of them, and only bounded here.
  """
  person = problem.own_target
  after = logits(_on_shared_scale(column, problem), problem.shared)
  before = base.logits[:, person]
  # Probabilities of others are multiplied by 1 + this.
  change = jnp.expm1(jnp.logaddexp(rest, before) - jnp.logaddexp(rest, after))
  error = jnp.abs(problem.weights * change) @ base.probabilities  # [C]
  folded = _on_shared_scale(_with_column(params, column, problem), problem)
  counts = problem.own_weights[:, None]
  old = counts * base.probabilities[problem.rows]
  new = counts * jax.nn.softmax(logits(folded, problem.own))
  weights, grad = base.solution.params[0], base.solution.grad
  of_bias = grad[1] + jnp.sum(new, 0) - jnp.sum(old, 0)
  of_weights = grad[0] - problem.penalty * weights
  of_weights += problem.own.T @ new - problem.shared[problem.rows].T @ old
  of_weights -= problem.mean[:, None] * of_bias
  of_weights /= problem.scale[:, None]
  of_weights += problem.penalty * params[0]
  reach = (base.reach + jnp.abs(problem.mean)) / problem.scale
  largest = jnp.maximum(
    jnp.max(jnp.abs(of_weights) + reach[:, None] * error, 0),
    jnp.abs(of_bias) + error,
  )
  return jnp.max(jnp.where(jnp.arange(len(largest)) == person, 0, largest))


def _start(base, params, column, problem):
  """Where all columns start from, the own one of which is solved."""
  params = _with_column(params, column, problem)
  # Saves the product with all pictures that led to their logits.
  own_logits = logits(_on_shared_scale(column, problem), problem.shared)
  shared_logits = base.logits.at[:, problem.own_target].set(own_logits)
  value, (grad, of_logits) = jax.value_and_grad(_loss_at, (0, 1))(
    params, shared_logits, problem
  )
  _, pull_back = jax.vjp(
    lambda x: logits(_on_shared_scale(x, problem), problem.shared), params
  )
  grad = jax.tree.map(jnp.add, grad, pull_back(of_logits)[0])
  # The memory goes on as if the base's last step had led here.
  move = lambda old, end, here: jax.tree.map(
    lambda a, b, c: c - (b - a), old, end, here
  )
  solution = base.solution
  memory, *rest = solution.state
  memory = memory._replace(
    params=move(memory.params, solution.params, params),
    updates=move(memory.updates, solution.grad, grad),
  )
  return Progress(params, value, grad, (memory, *rest), 0)
