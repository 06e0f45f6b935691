"""The solver of `linear`: L-BFGS from zero, and near a solution.

A gallery of which one person's pictures are replaced has nearly the solution
of the clean one: that person's column is solved alone, and then all of them
from there. Mostly no more than a gradient is left to do, which says so.

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
from jaxtyping import Float, Int

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
  own: Float[Array, 'M D']
  own_target: Int[Array, '']  # whose
  own_weights: Float[Array, ' M']  # 0 for padding, else 1
  mean: Float[Array, ' D']  # of this gallery's columns
  scale: Float[Array, ' D']  # their standard deviation
  penalty: Scalar  # of half the squared weights


# Of a Problem under vmap: what several people share, and what they do not.
_AXES = Problem(None, None, 0, 0, 0, 0, 0, 0, None)


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


@functools.partial(jax.jit, static_argnames='top_k')
def solve_near(
  base: Progress,
  base_logits: tuple[Float[Array, 'N C'], Float[Array, 'T C']],
  problems: Problem,
  probes: Float[Array, 'T D'],
  max_steps: Whole,
  tolerance: Number,
  *,
  top_k: int,
) -> tuple[
  Params,
  Int[Array, ' P'],
  tuple[Float[Array, 'P T top_k'], Int[Array, 'P T top_k']],
]:
  """Solves problems that differ little from a solved one; ranks people.

  Where the own column was enough, all other logits are still the base's.

  Args:
    base: of `solve`, on the same shared pictures with mean 0 and scale 1.
    base_logits: its of the shared pictures and of the probes.
    problems: P of them, stacked but for what they share.
    probes: embeddings of other pictures.
    max_steps: as in `solve`, and `tolerance`.
    tolerance: see there.
    top_k: how many people to name.

  Returns:
    The parameters; steps beyond the own column; where these are 0,
    probabilities and people, for others see `rank`.
  """

  def one(problem):
    limit, person = tolerance * len(problem.targets), problem.own_target
    # The very same function of pictures as the base's.
    weights, bias = base.params
    params = (weights * problem.scale[:, None], bias + problem.mean @ weights)
    # Less than is asked for, as the others' columns make a little more of it.
    column = _solve_column(
      params, base_logits[0], problem, max_steps, limit / 2
    )
    params = jax.tree.map(lambda x, y: x.at[..., person].set(y), params, column)
    start = _start(base, params, base_logits[0], column, problem)
    loss = functools.partial(_total_loss, problem=problem)
    end = _advance(loss, start, max_steps, limit)
    known = logits(_on_shared_scale(column, problem), probes)
    known = base_logits[1].at[:, person].set(known)
    return end.params, end.steps, _top_people(known, top_k)

  return jax.vmap(one, in_axes=(_AXES,))(problems)


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


def _solve_column(params, base_logits, problem, max_steps, limit):
  """Weights [D] and bias of the cloaked person, all others' kept."""
  person = problem.own_target
  others = lambda x: jax.nn.logsumexp(
    jnp.where(jnp.arange(x.shape[1]) == person, -jnp.inf, x), 1
  )
  folded = _on_shared_scale(params, problem)
  rest, own_rest = others(base_logits), others(logits(folded, problem.own))

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

  column = jax.tree.map(lambda x: x[..., person], params)
  return _minimize(loss, column, max_steps, limit).params


def _start(base, params, base_logits, column, problem):
  """Where all columns start from, the own one of which is solved."""
  # Saves the product with all pictures that led to their logits.
  own_logits = logits(_on_shared_scale(column, problem), problem.shared)
  shared_logits = base_logits.at[:, problem.own_target].set(own_logits)
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
  memory, *rest = base.state
  memory = memory._replace(
    params=move(memory.params, base.params, params),
    updates=move(memory.updates, base.grad, grad),
  )
  return Progress(params, value, grad, (memory, *rest), 0)
