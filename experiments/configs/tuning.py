r"""Candidates for a recipe, on people who are not tested later.

  python experiments/evaluate.py --config=experiments/configs/tuning.py

The people of ORL are those who are the trainer's own material in adaptive.py,
end_to_end.py and study.py, the first of the same draw: half of them stay that,
the others cloak, one at a time. Each candidate is a column. Take the one whose
worst protection is lowest, among those that cost less than two points of
accuracy, or least if none does.

The argument `on=lfw` asks 10 of the tuning people of `fr_poison-lfw-1` instead
(--data_dir=LFW), with the cloaks and the trainer's material of study_lfw.py;
nobody who is tested there is even in the gallery. The records are docs/tuning.
`of=end_to_end` compares recipes of that recognizer, a row each, on ORL. `smoke`
is the same in little; its numbers mean nothing. How long this takes is not
recorded.
"""

from configs import adaptive, study_lfw
from ml_collections import ConfigDict

from fr_poison import config_args

_ON_LFW = 10  # protected tuning people, of 22


def get_config(arg=None):
  args = config_args.parse(
    arg, smoke=False, of=('adaptive', 'end_to_end'), on=('orl', 'lfw')
  )
  smoke = args['smoke']
  config = (_orl if args['on'] == 'orl' else _lfw)(smoke)
  if args['of'] == 'end_to_end':
    config.adversaries = ConfigDict({'oblivious': {}})
    config.recognizers = ConfigDict(
      {
        f'end_to_end_{name}': adaptive.end_to_end(smoke, name)
        for name in ('paper', 'gentle', 'adam')
      }
    )
    return config
  trainer = config.adversaries.adaptive_paper.to_dict()
  config.adversaries = ConfigDict({'oblivious': {}})
  for name, recipe in _candidates(smoke).items():
    one = trainer | {'training': recipe}
    config.adversaries[f'adaptive_{name}'] = ConfigDict(one)
  return config


def _orl(smoke):
  config = adaptive.get_config('smoke' if smoke else None)
  config.num_people = config.num_public
  config.num_public = config.num_people // 2
  config.num_protected = config.num_people - config.num_public
  del config.recognizers.end_to_end_gentle
  return config


def _lfw(smoke):
  config = study_lfw.get_config('smoke' if smoke else None).runs.moves
  del config.program
  config.protect = 'tuning'
  config.num_protected = 1 if smoke else _ON_LFW
  # Only what a recipe is chosen by.
  config.noise_control = False
  config.saved = ConfigDict()
  return config


def _candidates(smoke):
  """The paper's recipe, the tuned one, and others by loss and step."""
  paper, tuned = (adaptive.training(smoke, x) for x in ('paper', 'tuned'))
  found = {'paper': paper, 'tuned': tuned}
  if smoke:
    return found
  margin = {'head': {'name': 'arcface', 'scale': 16.0, 'margin': 0.5}}
  alike = {'balanced': True, 'per_person': 4}
  triplets = alike | {'head': {'name': 'triplet', 'margin': 0.5}}
  for name, more, rate in (
    ('arcface', margin, 2e-3),
    ('arcface_slower', margin, 5e-4),
    ('arcface_slowest', margin, 1e-4),
    ('triplet', triplets, 1e-4),
  ):
    optimizer = {'optimizer': {'name': 'adam', 'learning_rate': rate}}
    found[name] = adaptive.SIXTEEN_EPOCHS | more | optimizer
  return found
