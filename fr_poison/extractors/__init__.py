"""Pictures -> embeddings: pretrained face networks in Flax."""

from fr_poison.extractors.registry import (
  PIXELS,
  Extractor,
  NetworkSpec,
  load,
  names,
  spec,
)

__all__ = ['PIXELS', 'Extractor', 'NetworkSpec', 'load', 'names', 'spec']
