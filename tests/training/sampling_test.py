import numpy as np
import pytest

from fr_poison.training.sampling import Sampler
from fr_poison.types import InputError

LABELS = np.array([0, 1, 1, 2, 2, 2, 2])
# Each picture is known by its brightness.
IMAGES = np.tile(np.arange(7, dtype=np.uint8)[:, None, None, None], (2, 2, 3))


def test_an_epoch_shows_every_picture_once():
  sampler = Sampler(IMAGES, LABELS, 3, seed=5)
  assert (sampler.steps_per_epoch, sampler.num_classes) == (3, 3)
  orders = []
  for epoch in (0, 1):
    seen = []
    for step in range(3 * epoch, 3 * epoch + 3):
      batch = sampler.batch(step)
      assert batch['images'].shape == (3, 2, 2, 3)
      index = np.round(batch['images'][:, 0, 0, 0] * 255).astype(int)
      np.testing.assert_array_equal(batch['labels'], LABELS[index])
      np.testing.assert_array_equal(batch['position'], range(3))
      seen += index[batch['mask'] > 0].tolist()
    assert sorted(seen) == list(range(7))
    # 7 = 3 + 3 + 1: the last batch has two rows too many.
    np.testing.assert_array_equal(batch['mask'], [1, 0, 0])
    orders.append(seen)
  assert orders[0] != orders[1]


@pytest.mark.parametrize('balanced', [False, True])
def test_a_batch_depends_on_seed_and_step_alone(balanced):
  make = lambda seed: Sampler(IMAGES, LABELS, 4, seed=seed, balanced=balanced)
  sampler = make(5)
  forward = [sampler.indices(step).tolist() for step in range(6)]
  backward = [make(5).indices(step).tolist() for step in reversed(range(6))]
  assert forward == backward[::-1]
  assert forward != [make(6).indices(step).tolist() for step in range(6)]
  assert len({tuple(order) for order in forward}) == 6


def test_balanced_draws_people_alike_and_then_their_pictures():
  sampler = Sampler(IMAGES, LABELS, 600, balanced=True)
  index = sampler.indices(0)
  # 600 draws: each person 200 times, each of the last one's pictures 50 times;
  # standard deviations below 12 and 7.
  people = np.bincount(LABELS[index])
  assert np.abs(people - 200).max() < 50
  assert np.abs(np.bincount(index)[3:] - 50).max() < 30
  assert sampler.batch(1)['mask'].all()


def test_an_epoch_of_draws_is_as_long_as_said():
  given = Sampler(IMAGES, LABELS, 3, balanced=True, steps_per_epoch=50)
  usual = Sampler(IMAGES, LABELS, 3, balanced=True)
  assert (given.steps_per_epoch, usual.steps_per_epoch) == (50, 3)
  for step in (0, 49):
    np.testing.assert_array_equal(given.indices(step), usual.indices(step))


def test_a_person_drawn_once_may_give_several_pictures():
  once = Sampler(IMAGES, LABELS, 3, seed=2, balanced=True)
  sampler = Sampler(IMAGES, LABELS, 8, seed=2, balanced=True, per_person=3)
  for step in range(4):
    people = LABELS[sampler.indices(step)]
    # Three people, the third one of them for what is left of the batch; the
    # draws of people come first, and so are those without repeats.
    expected = np.repeat(LABELS[once.indices(step)], 3)[:8]
    np.testing.assert_array_equal(people, expected)


def test_what_cannot_be_sampled_is_refused():
  for message, images, labels, size in (
    ('0 labels for 0 pictures', IMAGES[:0], LABELS[:0], 2),
    ('label 1 has no picture', IMAGES, LABELS * 2, 2),
    ('6 labels for 7 pictures', IMAGES, LABELS[1:], 2),
    ('label -1 is below 0', IMAGES, LABELS - 1, 2),
  ):
    with pytest.raises(InputError, match=f'^training: .*{message}'):
      Sampler(images, labels, size)
  with pytest.raises(InputError, match='^batch_size: 0; a whole number'):
    Sampler(IMAGES, LABELS, 0)
