r"""Candidates for a recipe, on people who are not tested later: ORL.

  python experiments/evaluate.py --config=experiments/configs/tuning.py

The people are those who are the trainer's own material in adaptive.py,
end_to_end.py and study.py, the first of the same draw: half of them stay that,
the others cloak, one at a time. Each candidate is a column. Take the one whose
worst protection is lowest, among those that cost less than two points of
accuracy. Under two hours on 2 CPU cores, by what a step takes.

The argument `of=end_to_end` compares recipes of that recognizer, a row each.
The argument `smoke` is the same in little; its numbers mean nothing.
"""

from configs import adaptive
from ml_collections import ConfigDict

from fr_poison import config_args


def get_config(arg=None):
  args = config_args.parse(arg, smoke=False, of=('adaptive', 'end_to_end'))
  smoke = args['smoke']
  config = adaptive.get_config('smoke' if smoke else None)
  config.num_people = config.num_public
  config.num_public = config.num_people // 2
  config.num_protected = config.num_people - config.num_public
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
  del config.recognizers.end_to_end_gentle
  return config


def _candidates(smoke):
  """The paper's recipe, the tuned one, and what is between them."""
  paper, tuned = (adaptive.training(smoke, x) for x in ('paper', 'tuned'))
  found = {'paper': paper, 'tuned': tuned}
  if smoke:
    return found
  rate = {'name': 'adam', 'learning_rate': 5e-4}
  margin = tuned['head'] | {'margin': 0.3}
  return found | {
    'paper_adam': paper | {'optimizer': tuned['optimizer']},
    'paper_arcface': paper | {'head': tuned['head']},
    'tuned_lower_rate': tuned | {'optimizer': rate},
    'tuned_smaller_margin': tuned | {'head': margin},
  }
