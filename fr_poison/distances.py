"""Distances between embeddings, for every room that compares them."""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from fr_poison.types import Array, Embeddings


@jax.jit
def squared_distances(
  a: Float[Array, 'M D'], b: Float[Array, 'N D']
) -> Float[Array, 'M N']:
  """Computes squared Euclidean distances, of each of `a` to each of `b`.

  Both are moved by the mean of `a` first: `|a|^2 - 2 ab + |b|^2` loses digits
  when all embeddings are far from zero and close together. Rounding can take
  the distance of equals below zero.
  """
  centre = jnp.mean(a, 0)
  a, b = a - centre, b - centre
  products = jnp.matmul(a, b.T, precision='highest')
  return jnp.sum(a**2, 1)[:, None] - 2 * products + jnp.sum(b**2, 1)


def normalize(embeddings: Embeddings) -> Float[np.ndarray, 'N D']:
  """Scales embeddings to length 1: only directions count; zero stays."""
  lengths = np.linalg.norm(embeddings, axis=-1, keepdims=True)
  return embeddings / np.maximum(lengths, 1e-10)
