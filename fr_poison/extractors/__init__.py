"""Pictures -> embeddings: face networks in Flax, pretrained or trained here."""

from fr_poison.extractors.embedding import embed
from fr_poison.extractors.loading import create, load, train_fn, with_params
from fr_poison.extractors.registry import (
  PIXELS,
  Extractor,
  NetworkSpec,
  architectures,
  names,
  spec,
)

__all__ = [
  'PIXELS',
  'Extractor',
  'NetworkSpec',
  'architectures',
  'create',
  'embed',
  'load',
  'names',
  'spec',
  'train_fn',
  'with_params',
]
