"""Embeddings of what stands in every gallery: clean pictures and strangers."""

import math
import pathlib

import numpy as np
from jaxtyping import Float

from fr_poison import extractors, keys, locks
from fr_poison.adversaries import purifying
from fr_poison.data.faces import FaceSet
from fr_poison.evaluation.protocol import Protocol
from fr_poison.evaluation.trainer import Trainer
from fr_poison.search import distractors, store
from fr_poison.types import Array, Embeddings, Labels, UInt8Images

# Length of a picture's embedding from which on all are made shorter.
_LONG = 2.0**40


def embed(
  protocol: Protocol,
  trainer: Trainer,
  images: UInt8Images,
  batch_size: int = 20,
  folder: pathlib.Path | None = None,
) -> Embeddings:
  """Embeds pictures as they are compared.

  A training that went wrong can leave embeddings so long that float32 has no
  room for their squares. All of such a network's are divided by one power of
  two, which changes nothing about who is nearest.

  Args:
    protocol: by some of whose pictures the length is judged.
    trainer: whose network it is.
    images: the pictures.
    batch_size: pictures embedded at a time on an accelerator.
    folder: keeps the embeddings for the next run; None: nothing does.
  """
  network = trainer.extractor

  def exponent():
    some = extractors.embed(network, protocol.faces.images[:20], batch_size)
    length = float(np.linalg.norm(some.astype(np.float64), axis=1).max())
    return math.frexp(length)[1] if _LONG < length < math.inf else 0

  key = 'length', network.embed_fn, network.sha256 or trainer
  shorter = protocol.memory.recall(key, exponent)
  if folder:
    found = _stored(folder, network, images, batch_size)
  else:
    found = extractors.embed(network, images, batch_size)
  return np.ldexp(found, -shorter)


def clean_embeddings(
  protocol: Protocol,
  trainer: Trainer,
  filter_: purifying.Purifier = purifying.nothing,
  *,
  batch_size: int = 20,
) -> Embeddings:
  """Embeds the clean pictures, once a network and filter.

  Args:
    protocol: the pictures.
    trainer: whose network it is.
    filter_: what the pictures go through before.
    batch_size: pictures embedded at a time on an accelerator.
  """
  return _embedded(protocol, protocol.faces, trainer, filter_, batch_size)


def _embedded(protocol, faces, trainer, filter_, batch_size):
  network = trainer.extractor
  key = network.embed_fn, network.sha256 or trainer, filter_, faces

  def compute():
    images = purifying.apply(filter_, faces.images)
    is_kept = faces is not protocol.faces and network.sha256
    folder = protocol.store if is_kept else None
    return embed(protocol, trainer, images, batch_size, folder)

  return protocol.memory.recall(key, compute)


def _stored(folder, network, images, batch_size):
  """Reads embeddings that an earlier run made, or makes and keeps them."""
  folder /= keys.of(keys.of_pictures(images))[:16]
  parts = lambda size: (
    images[start : start + size] for start in range(0, len(images), size)
  )
  with locks.turn_together(folder):
    found = store.fill(
      folder, network, parts, len(images), batch_size=batch_size
    )
  return found.embeddings


def strangers(
  protocol: Protocol, others: FaceSet, trainer: Trainer, batch_size: int = 20
) -> tuple[Embeddings, Labels]:
  """Embeds strangers as they stand in a trainer's gallery, and says whose.

  Their pictures go through the trainer's filter, and those that their detector
  flags are dropped.

  Args:
    protocol: which remembers them.
    others: the strangers.
    trainer: whose network it is.
    batch_size: pictures embedded at a time on an accelerator.
  """
  shown = _embedded(protocol, others, trainer, trainer.filter, batch_size)
  if trainer.detector is None:
    return shown, others.labels
  scores = protocol.memory.recall(
    (trainer.detector.digest, others),
    lambda: trainer.detector.score(others.images),
  )
  kept = scores <= trainer.threshold
  return shown[kept], others.labels[kept]


def stranger_distances(
  protocol: Protocol,
  trainer: Trainer,
  probes: Float[Array, 'M D'],
  normalize: bool,
  batch_size: int = 20,
) -> Float[np.ndarray, ' M']:
  """Finds how far the nearest of the protocol's strangers is from each probe.

  Args:
    protocol: which has strangers.
    trainer: as of `strangers`.
    probes: embeddings of that network.
    normalize: compare directions only.
    batch_size: pictures embedded at a time on an accelerator.

  Returns:
    Euclidean distances; infinite where nobody is left.
  """
  shown, _ = strangers(protocol, protocol.strangers, trainer, batch_size)
  if not len(shown):
    return np.full(len(probes), np.inf)
  size = distractors.BLOCK
  (near,) = distractors.nearest_distances(
    probes,
    [len(shown)],
    lambda block: shown[block * size : (block + 1) * size],
    normalize,
  )
  return near
