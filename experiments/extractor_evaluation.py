"""How good a face network is while it is trained."""

import numpy as np
from extractor_settings import Settings
from progress import over

from fr_poison import extractors, roc, verification
from fr_poison.data.faces import FaceSet
from fr_poison.data.splits import split_per_person
from fr_poison.recognizers import nearest_neighbor
from fr_poison.training import Trainer, variables


def make(
  settings: Settings, trainer: Trainer, held_out: FaceSet, others: FaceSet
):
  """state -> metrics on pictures that it was not trained on.

  Args:
    settings: of the run.
    trainer: gives `held_out_loss` and, for heads with classes,
      `held_out_accuracy`.
    held_out: other pictures of the people trained on.
    others: people never seen; `eval_accuracy` is that of 1-NN by cosines
      among them, the mean over the splits. For the rest see `make_verify`.

  Raises:
    InputError: the others are too few to be told apart.
  """
  tell = _make_tell(settings, others)
  verify = make_verify(others.labels, settings.recipe.seed)

  def evaluate(state):
    known = trainer.evaluate(state, held_out.images, held_out.labels)
    network = trainer.extractor._replace(params=variables(state))
    embeddings, mirrored = (
      extractors.embed(
        network,
        images,
        settings.batch_size,
        over(f'embedding, {settings.network}', delay=5),
      )
      for images in (others.images, others.images[:, :, ::-1])
    )
    return (
      {f'held_out_{name}': value for name, value in known.items()}
      | {'eval_accuracy': tell(embeddings)}
      | verify(verification.flip_average(embeddings, mirrored))
    )

  return evaluate


def make_verify(labels: np.ndarray, seed: int):
  """Embeddings of pictures and their mirror images -> verification metrics.

  `verification_auc` and `verification_eer` are over 3,000 genuine and as many
  impostor pairs of all the people, `verification_accuracy` over as many in up
  to ten folds of different people; fewer where there are fewer.

  Raises:
    InputError: people without such pairs.
  """
  num_people = len(np.unique(labels))
  anyone = verification.draw(labels, num_folds=1, seed=seed)
  num_folds = min(10, num_people // 2)
  apart = verification.draw(labels, num_folds=num_folds, seed=seed)

  def verify(embeddings):
    scores = verification.score(embeddings, anyone)
    accuracy = verification.accuracy(
      verification.score(embeddings, apart), apart.is_genuine, apart.folds
    )
    return {
      'verification_auc': roc.auc(scores, anyone.is_genuine),
      'verification_eer': verification.eer(scores, anyone.is_genuine),
      'verification_accuracy': accuracy,
    }

  return verify


def _make_tell(settings, others):
  """Embeddings -> share of pictures whose nearest neighbour is the person."""
  splits = [
    split_per_person(
      others.labels,
      settings.test_fraction,
      seed=settings.recipe.seed * 10_000 + i,
      names=others.names,
    )
    for i in range(settings.num_splits)
  ]

  def tell(embeddings):
    correct = []
    for split in splits:
      gallery = embeddings[split.train], others.labels[split.train]
      model = nearest_neighbor.fit(*gallery, normalize=True)
      found = nearest_neighbor.predict(model, embeddings[split.test])
      correct.append(np.mean(found == others.labels[split.test]))
    return float(np.mean(correct))

  return tell
