import numpy as np
import pytest

from fr_poison.recognizers import ranking
from fr_poison.types import InputError


def test_the_first_row_that_is_not_finite_is_named():
  ranking.check_embeddings(np.zeros((2, 3)))
  broken = np.zeros((4, 3))
  broken[2:, 1] = np.inf, np.nan
  with pytest.raises(InputError, match='^clean: .* row 2$'):
    ranking.check_embeddings(broken, 'clean')
  with pytest.raises(InputError, match=r'^embeddings: .* got \[3\]'):
    ranking.check_embeddings(broken[0])
