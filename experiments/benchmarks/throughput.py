"""Training, embedding and search on an accelerator, with their transfers."""

import functools
import statistics
import time

import jax
import numpy as np

from benchmarks import lowkey_step, search, timing
from fr_poison import extractors
from fr_poison.adversaries import adversarial_training
from fr_poison.search import nearest
from fr_poison.training import Recipe, Trainer

_CLASSES = 8


def adversarial_step(
  name: str, dtype: str, batch_size: int, repeats: int
) -> dict[str, float]:
  """Times a pmapped step of ArcFace, half of whose pictures are attacked first.

  Args:
    name: of the network.
    dtype: of its computation.
    batch_size: pictures on each device, at least 8.
    repeats: steps that are timed; the median counts.
  """
  extractor = lowkey_step.network(name, dtype)
  recipe = Recipe(
    num_epochs=1,
    batch_size=batch_size * jax.device_count(),
    optimizer={'name': 'sgd', 'learning_rate': 1e-4},
    head={'name': 'arcface'},
    dtype=dtype,
  )
  attack_fn = adversarial_training.make_attack(
    extractor.embed_fn, recipe.make_head()
  )
  count = recipe.batch_size * (repeats + 1)
  trainer = Trainer(
    recipe,
    extractor,
    num_classes=_CLASSES,
    num_images=count,
    wrap=lambda step: adversarial_training.wrap_with_attack(step, attack_fn),
  )
  sampler = trainer.sampler(
    lowkey_step.images(extractor, count), np.arange(count) % _CLASSES
  )
  times = [time.perf_counter()]
  for _, sums in trainer.steps(trainer.init(), sampler):
    loss = float(sums['loss'] / sums['count'])
    times.append(time.perf_counter())
  first, *seconds = np.diff(times).tolist()
  return {
    'devices': jax.device_count(),
    'batch': recipe.batch_size,
    'images_per_second': recipe.batch_size / statistics.median(seconds),
    'first_step_s': first,
    'loss': loss,
  }


def embedding(
  name: str, dtype: str, batch_size: int, count: int, repeats: int
) -> dict[str, float]:
  """Times `extractors.embed` of uint8 pictures in the host's memory.

  Args:
    name: of the network.
    dtype: of its computation.
    batch_size: pictures on a device at a time.
    count: of pictures.
    repeats: the median counts.
  """
  extractor = lowkey_step.network(name, dtype)
  images = lowkey_step.images(extractor, count)
  run = lambda: extractors.embed(extractor, images, batch_size)
  seconds, _ = timing.medians({'run': run}, repeats)
  return {
    'devices': jax.local_device_count(),
    'batch': batch_size,
    'images_per_second': count / seconds['run'],
  }


_faces = functools.cache(search.directions)


def searching(
  num_faces: int, num_columns: int, num_probes: int, k: int, repeats: int
) -> dict[str, float]:
  """Times the exact search in a gallery in the host's memory.

  Args:
    num_faces: in the gallery.
    num_columns: of the embeddings.
    num_probes: searched at a time.
    k: nearest faces of each.
    repeats: the median counts.
  """
  gallery = _faces(num_faces, num_columns, 0)
  probes = _faces(num_probes, num_columns, 1)
  run = lambda: nearest.top_k(probes, gallery, k).indices
  seconds, _ = timing.medians({'run': run}, repeats)
  return {
    'faces': num_faces,
    'columns': num_columns,
    'probes': num_probes,
    'seconds': seconds['run'],
  }
