r"""ORL faces as in orl.py, with logistic regression beside 1-NN.

  python experiments/evaluate.py --config=experiments/configs/linear.py

On LFW: the run `linear` of study_lfw.py, docs/study. How long this takes is not
recorded.

The argument `smoke` is the same in little; its numbers mean nothing.
"""

from configs import orl
from ml_collections import ConfigDict


def get_config(arg=None):
  smoke, config = orl.is_smoke(arg), orl.on_one_network(arg)
  config.num_splits = 1 if smoke else 5
  config.networks += ('faceres',) if smoke else ('faceplugin',)
  # C: inverse strength of the penalty, as scikit-learn's.
  config.recognizers = ConfigDict(
    {'nearest_neighbor': {'normalize': True}, 'linear': {'C': 1.0}}
  )
  # Half of a person's pictures are from before there was a tool.
  config.histories = ConfigDict(
    {'half clean': {'clean': 0.5, 'fawkes': 0.25, 'lowkey': 0.25}}
  )
  return config
