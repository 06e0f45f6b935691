import extractor_evaluation
import numpy as np


def test_people_are_told_apart_in_pairs():
  # Six people of two pictures each: 6 genuine pairs, in three folds of two.
  labels = np.repeat(np.arange(6), 2)
  verify = extractor_evaluation.make_verify(labels, seed=0)
  perfect = verify(np.eye(6)[labels])
  assert perfect == {
    'verification_auc': 1.0,
    'verification_eer': 0.0,
    'verification_accuracy': 1.0,
  }
  blind = verify(np.ones((12, 3)))
  assert list(blind.values()) == [0.5, 0.5, 0.5]
