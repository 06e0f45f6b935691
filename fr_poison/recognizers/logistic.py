"""The solver of `linear`: L-BFGS on a gallery, from zero.

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
AXES = Problem(None, None, 0, 0, 0, 0, 0, 0, None)


class Progress(NamedTuple):
  """Where the solver is."""

  params: Params  # weights [D, C] and bias [C]
  value: Array  # [], the loss at params
  grad: Params  # its gradient
  state: Any  # of _OPTIMIZER
  steps: Array  # []


Loss = Callable[[Params, Problem], Array]

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
  start = begin(total_loss, problem, params)
  return advance(total_loss, problem, start, max_steps, tolerance)


def begin(loss: Loss, problem: Problem, params: Params) -> Progress:
  """Before the first step."""
  value, grad = jax.value_and_grad(loss)(params, problem)
  return Progress(params, value, grad, _OPTIMIZER.init(params), 0)


@functools.partial(jax.jit, static_argnames='top_k')
def rank(
  params: Params, problems: Problem, probes: Embeddings, *, top_k: int
) -> tuple[Array, Array]:
  """Probabilities and people [P, T, top_k] of solved problems."""
  one = lambda params, problem: best(
    on_shared_scale(params, problem), probes, top_k=top_k
  )
  return jax.vmap(one, in_axes=(0, AXES))(params, problems)


@functools.partial(jax.jit, static_argnames='top_k')
def best(
  params: Params, probes: Embeddings, *, top_k: int
) -> tuple[Array, Array]:
  """Probabilities and people [T, top_k] of [T, D], likeliest first."""
  return top_people(logits(params, probes), top_k)


def top_people(scores: Array, top_k: int) -> tuple[Array, Array]:
  """`best` of logits [T, C]."""
  return jax.lax.top_k(jax.nn.softmax(scores), top_k)


@jax.jit
def logits(params: Params, embeddings: Embeddings) -> Array:
  """[N, C] of [N, D]."""
  weights, bias = params
  return jnp.matmul(embeddings, weights, precision='highest') + bias


def on_shared_scale(params: Params, problem: Problem) -> Params:
  """`params` for embeddings that are not yet standardised by the problem."""
  weights, bias = params
  weights = (weights.T / problem.scale).T
  return weights, bias - problem.mean @ weights


def total_loss(params: Params, problem: Problem) -> Array:
  """Cross-entropy summed over the pictures, and the penalty."""
  return loss_at(params, shared_logits(params, problem), problem)


def shared_logits(params: Params, problem: Problem) -> Array:
  """[N, C] of the shared pictures."""
  return logits(on_shared_scale(params, problem), problem.shared)


def loss_at(params: Params, shared_logits: Array, problem: Problem) -> Array:
  """`total_loss` with the logits of the shared pictures given."""
  own_logits = logits(on_shared_scale(params, problem), problem.own)
  own_targets = jnp.full(len(problem.own), problem.own_target)
  losses = optax.softmax_cross_entropy_with_integer_labels
  return (
    problem.penalty / 2 * jnp.sum(params[0] ** 2)
    + jnp.sum(problem.weights * losses(shared_logits, problem.targets))
    + jnp.sum(problem.own_weights * losses(own_logits, own_targets))
  )


def advance(
  loss: Loss,
  problem: Problem,
  start: Progress,
  max_steps: int,
  tolerance: float,
) -> Progress:
  """Steps until the largest derivative of the loss over N is small."""
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
