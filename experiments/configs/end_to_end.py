r"""ORL faces as in orl.py; extractor and last layer are fine-tuned together.

  python experiments/evaluate.py --config=experiments/configs/end_to_end.py

By two recipes, see adaptive.py: the paper's, in fewer steps, and a gentle one,
which starts from logistic regression. On LFW, of a small network: the run
`end_to_end` of study_lfw.py, docs/study. How long this takes is not recorded.

A network of one's own, ResNet-18 perhaps, is given by
--config.extractor.checkpoint. The argument `smoke` is the same in little; its
numbers mean nothing.
"""

from configs import adaptive, orl
from ml_collections import ConfigDict


def get_config(arg=None):
  smoke, config = orl.is_smoke(arg), orl.on_one_network(arg)
  config.num_public = 4 if smoke else 20  # left for tuning.py
  config.num_targets = 0  # the public people, see orl.py
  config.recognizers = ConfigDict(
    {
      'linear': {'num_splits': 1},  # what the gentle recipe starts from
      'end_to_end_paper': adaptive.end_to_end(smoke, 'paper'),
      'end_to_end_gentle': adaptive.end_to_end(smoke, 'gentle'),
    }
  )
  return config
