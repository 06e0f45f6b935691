"""The shipped networks on a device against their originals and the CPU.

At the matmul precision `highest`, so in float32 and neither TF32 nor bfloat16.
"""

import pathlib

import jax
import numpy as np

from fr_poison import extractors, files
from fr_poison.types import InputError

# As the original runtimes recorded them; see the README beside them.
_GOLDEN = pathlib.Path(__file__).parents[2] / 'tests' / 'golden'


def _recorded(name):
  """Pictures [N, H, W, 3] in [0, 1] and the original's embeddings [N, D]."""
  with files.opened(_GOLDEN / f'{name}.npz') as file, np.load(file) as arrays:
    images, embeddings = arrays['images'], arrays['embeddings']
  if images.ndim == 3:  # grey
    images = np.repeat(images[..., None], 3, -1)
  return images.astype(np.float32) / 255, embeddings


def _embed(extractor, images, device):
  params, images = jax.device_put((extractor.params, images), device)
  with jax.default_matmul_precision('highest'):
    return np.asarray(extractor.embed_fn(params, images))


def _error(found, expected):
  return float(np.abs(found - expected).max() / np.abs(expected).max())


def errors(name: str, num_images: int) -> dict[str, float | None]:
  """Measures the largest differences, in units of the largest number.

  Args:
    name: of a network that ships.
    num_images: of its recorded pictures, at most.

  Returns:
    `to_original` and `cpu_to_original`, in which the shipped weights' rounding
    to float16 shows, and `to_cpu`; the last two are None where JAX has no CPU
    backend beside the accelerator's.

  Raises:
    InputError: no recorded embeddings, or of another shape.
  """
  extractor, (images, originals) = extractors.load(name), _recorded(name)
  images, originals = images[:num_images], originals[:num_images]
  found = _embed(extractor, images, jax.local_devices()[0])
  if found.shape != originals.shape:
    raise InputError(
      f'{name}: embeddings {list(found.shape)}, recorded are '
      f'{list(originals.shape)}'
    )
  try:
    on_cpu = _embed(extractor, images, jax.local_devices(backend='cpu')[0])
  except RuntimeError:
    on_cpu = None
  return {
    'to_original': _error(found, originals),
    'cpu_to_original': None if on_cpu is None else _error(on_cpu, originals),
    'to_cpu': None if on_cpu is None else _error(found, on_cpu),
  }
