r"""LFW in colour, among thousands of strangers: a standard to be measured by.

  python experiments/evaluate.py --data_dir=LFW \
    --config=experiments/configs/lfw.py

LFW is the folder or archive of the official lfw-deepfunneled; needs the extra
`align`. 40 people cloak 10 pictures each, one person at a time; in every
gallery of 1-NN there are 5,709 others (`fr_poison-lfw-1`, see
fr_poison/data/standard.py: which pictures is frozen, and none may be another).
The attacks are the recipes as released, on one network and on two of one
family; the trainers' networks are of that family or another one. How long this
takes is not recorded.

The argument `protect=tuning` protects the 22 tuning people instead, to choose
recipes, and nobody who is tested is even in the gallery. `smoke` is the same in
little, with all strangers; its numbers mean nothing.
"""

from configs import orl_recipes
from ml_collections import ConfigDict

from fr_poison import config_args
from fr_poison.data import standard


def get_config(arg=None):
  args = config_args.parse(arg, smoke=False, protect=standard.PROTECTED[0])
  smoke = args['smoke']
  config = orl_recipes.get_config('smoke' if smoke else None)
  (config.standard,) = standard.NAMES  # a frozen list of people and pictures
  config.protect = args['protect']  # 'test' people, or 'tuning' ones
  config.dataset = standard.DATASETS[config.standard]
  config.num_people = None
  config.num_targets = 0  # the public people, see orl.py
  config.num_public = 4 if smoke else 50
  everybody = 40 if config.protect == 'test' else 22
  config.num_protected = 2 if smoke else everybody
  config.num_splits = 1 if smoke else 5
  # Of raw pixels 1-NN is too slow; faceres_deep is the graph of faceres, which
  # is shown LFW at the size that suits it.
  config.networks = tuple(
    name for name in config.networks if name not in ('pixels', 'faceres_deep')
  )
  config.input_size = ConfigDict()
  if not smoke:
    config.surrogates = ('mobilefacenet_tf', 'mobilefacenet_tf+faceplugin')
  config.recognizers = ConfigDict(
    {'nearest_neighbor': {'normalize': False}}  # raw, as the paper's code
  )
  return config
