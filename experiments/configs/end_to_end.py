r"""ORL faces as in orl.py; extractor and last layer are fine-tuned together.

  python experiments/evaluate.py --config=experiments/configs/end_to_end.py

docs/end_to_end/table.md is of version 0.1.0 and mobileface, a weak network:
there LowKey protected at 97% and Fawkes at 37%, where the logistic regression
that it starts from leaves 100% and 67%; on ORL and with the preset `gentle`:
other presets leave less. It took under 5 minutes on 2 CPU cores. No run on
today's network is recorded yet.

The argument `preset` chooses the training: `gentle`, `adam` (1e-3) or
`adadelta` (1.0), as in `end_to_end.py:preset=adam`. A network of one's own,
ResNet-18 perhaps, is given by --config.extractor.checkpoint. The argument
`smoke` is the same in little; its numbers mean nothing.
"""

from configs import adaptive, orl
from ml_collections import ConfigDict

from fr_poison import config_args


def get_config(arg=None):
  parsed = config_args.parse(arg, smoke=False, preset='gentle')
  smoke, preset = parsed['smoke'], parsed['preset']
  config = orl.on_one_network('smoke' if smoke else None)
  config.recognizers = ConfigDict(
    {
      'linear': {'num_splits': 1},  # what the gentle preset starts from
      'end_to_end': adaptive.end_to_end(smoke, preset),
    }
  )
  return config
