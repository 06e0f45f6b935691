"""Distances between embeddings, for every room that compares them."""

import jax
import jax.numpy as jnp
import numpy as np

from fr_poison.types import Array, Embeddings


@jax.jit
def squared_distances(a: Embeddings, b: Embeddings) -> Array:
  """Computes squared Euclidean distances [M, N] of [M, D] and [N, D].

  Both are moved by the mean of `a` first: `|a|^2 - 2 ab + |b|^2` loses digits
  when all embeddings are far from zero and close together. Rounding can take
  the distance of equals below zero.
  """
  centre = jnp.mean(a, 0)
  a, b = a - centre, b - centre
  products = jnp.matmul(a, b.T, precision='highest')
  return jnp.sum(a**2, 1)[:, None] - 2 * products + jnp.sum(b**2, 1)


def normalize(embeddings: Embeddings) -> np.ndarray:
  """Scales embeddings [N, D] to length 1: only directions count; zero stays."""
  lengths = np.linalg.norm(embeddings, axis=-1, keepdims=True)
  return embeddings / np.maximum(lengths, 1e-10)
