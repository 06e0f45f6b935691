"""The extractor and a new last layer, fine-tuned together.

The paper's end-to-end recognizer: all weights learn to keep the enrolled
people apart by cross entropy, from pretrained ones on (section 1.2 of its
code: Adadelta at rate 1, or the brief's Adam at 1e-3, 10 epochs).
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int

from fr_poison import checks, extractors
from fr_poison.data.splits import Split
from fr_poison.extractors import Extractor
from fr_poison.recognizers import linear
from fr_poison.recognizers.ranking import Ranking
from fr_poison.training import Recipe, Trainer, variables
from fr_poison.types import Array, Embeddings, InputError, Labels, UInt8Images


class EndToEnd(NamedTuple):
  """A fine-tuned network, its last layer, and whom its classes stand for."""

  extractor: Extractor  # with the new weights
  head: dict
  logits: Callable[[dict, Embeddings], Float[Array, 'N L']]
  people: Int[Array, ' _']  # those that can be answered


class Public(NamedTuple):
  """Other people's pictures that the trainer learns from and never answers."""

  images: UInt8Images
  labels: Labels  # from 0


class Fitter:
  """Trains on many galleries; the steps are compiled once for each size."""

  def __init__(
    self,
    extractor: Extractor,
    recipe: Recipe,
    public: Public | None = None,
    *,
    start_head: str = 'random',
  ):
    """Remembers how to train.

    Args:
      extractor: the network to start from.
      recipe: of the training; its head has classes.
      public: pictures that every gallery is trained together with, such as
        clean and cloaked ones of public people (the paper's `--robust`).
      start_head: 'random', or 'linear' for the weights that `linear` finds on
        the features as they are: with few pictures a random layer spoils the
        features before it has learnt anything (Kumar et al., ICLR 2022).

    Raises:
      InputError: a head without classes, an unknown start, or 'linear' for
        another head than softmax.
    """
    check_start_head(start_head, recipe)
    self._start_head = start_head
    self._logits = recipe.make_head().logits
    if self._logits is None:
      raise InputError(f'head: {recipe.head["name"]} has no classes to answer')
    self._extractor, self._recipe, self._public = extractor, recipe, public
    self._trainers = {}

  def fit(self, images: UInt8Images, labels: Labels) -> EndToEnd:
    """Trains on a gallery.

    Raises:
      InputError: the loss is no longer finite.
    """
    people, classes = np.unique(labels, return_inverse=True)
    if self._public:
      images = np.concatenate([images, self._public.images])
      classes = np.append(classes, self._public.labels + len(people))
    size = int(classes.max()) + 1, len(classes)
    if size not in self._trainers:
      self._trainers[size] = Trainer(
        self._recipe, self._extractor, num_classes=size[0], num_images=size[1]
      )
    trainer = self._trainers[size]
    start = trainer.init()
    if self._start_head == 'linear':
      head = _linear_head(self._extractor, images, classes)
      start = start.replace(params=start.params | {'head': head})
      if start.ema:
        start = start.replace(ema=jax.tree.map(jnp.array, start.params))
    state = trainer.fit(images, classes, start)
    head = (state.ema or state.params)['head']
    extractor = self._extractor._replace(params=variables(state), sha256=None)
    return EndToEnd(extractor, head, self._logits, people)


def check_start_head(start_head: str, recipe: Recipe) -> None:
  """Refuses a start that the recipe's head cannot have, as `Fitter` does."""
  checks.known('start_head', start_head, ('random', 'linear'))
  if start_head == 'linear' and recipe.head['name'] != 'softmax':
    raise InputError(
      f"start_head: 'linear' is for a softmax head, not {recipe.head['name']}"
    )


def _linear_head(extractor, images, classes):
  """Logistic regression on the features, as a softmax head's parameters."""
  model = linear.fit(extractors.embed(extractor, images), classes)
  kernel = np.asarray(model.weights) / model.scale[:, None]
  bias = np.asarray(model.bias) - model.mean @ kernel
  return {
    'kernel': jnp.asarray(kernel, jnp.float32),
    'bias': jnp.asarray(bias, jnp.float32),
  }


@checks.checked
def rank(
  model: EndToEnd, probes: UInt8Images, top_k: checks.Count = 1
) -> Ranking:
  """Ranks the likeliest people of pictures.

  Scores are probabilities.

  Raises:
    InputError: top_k beyond the number of people.
  """
  checks.whole('top_k', top_k, 1, len(model.people))
  embeddings = extractors.embed(model.extractor, probes)
  logits = model.logits(model.head, embeddings)
  # Public people are not answered.
  scores = np.asarray(jax.nn.softmax(logits[:, : len(model.people)]))
  order = np.argsort(-scores, 1, kind='stable')[:, :top_k]
  return Ranking(model.people[order], np.take_along_axis(scores, order, 1))


@checks.checked
def rank_protected(
  clean: UInt8Images,
  cloaked: UInt8Images,
  labels: Labels,
  protected: Sequence[int],
  splits: Sequence[Split],
  *,
  fitter: Fitter,
  top_k: checks.Count = 1,
) -> list[Ranking]:
  """Ranks as `ranking` says, with one training a split and person.

  People whose pictures no attack changed share that of the clean gallery.

  Raises:
    InputError: top_k beyond the number of people, a protected person without
      a training picture, or a loss that is no longer finite.
  """
  rankings = []
  for train, test in splits:
    checks.whole('top_k', top_k, 1, len(np.unique(labels[train])))
    missing = np.setdiff1d(protected, labels[train])
    if len(missing):
      raise InputError(f'label {missing[0]}: no training picture')
    unchanged, found = None, []
    for person in protected:
      own = train[labels[train] == person]
      ranking = unchanged
      is_clean = np.array_equal(clean[own], cloaked[own])
      if not is_clean or unchanged is None:
        gallery = clean.copy()
        gallery[own] = cloaked[own]
        model = fitter.fit(gallery[train], labels[train])
        ranking = rank(model, clean[test], top_k)
      unchanged = ranking if is_clean else unchanged
      found.append(ranking)
    rankings.append(Ranking(*map(np.stack, zip(*found, strict=True))))
  return rankings
