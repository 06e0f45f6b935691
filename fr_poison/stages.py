"""Versions of what is computed: every key of a kept result names them.

Raise a number by one when results of its stage change: other numbers or other
pictures from the same inputs. Refactoring, messages and speed change none.
tests/stages_test.py fails when results change and the number does not, and
says how its reference is made again.
"""

# Networks' embeddings of pictures: layers, preprocessing, published weights.
NETWORKS = 1
# Cloaked pictures: attacks, targets, rounding, what is saved.
CLOAKS = 1
# Networks trained here: losses, augmentation, optimisers, order of pictures.
TRAININGS = 1
# Detectors and purifiers, and what they learn with.
DETECTORS = 1
# Numbers in records: splits, recognizers, filters, noise, strangers, metrics.
RECORDS = 2


def versions(*names: str) -> dict[str, int]:
  """The numbers of these stages by name, for a key."""
  return {name: globals()[name] for name in names}
