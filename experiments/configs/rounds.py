r"""Three rounds: the tool, the trainer, the author's answer, the trainer again.

  python experiments/evaluate.py --config=experiments/configs/rounds.py

ORL, one network. Round 0: PGD at 8/255 before the trainer who waits. Round 1:
the trainer learns from what it makes of public people (`tuned`, see
adaptive.py). Round 2: the author answers, on what that trainer trained as well:
by the same tool, by Protego's loss, by a queue of cloaks that differ, by PGD
through blur, JPEG, a mirror and half the size. Round 3: the trainer learns from
these. Pictures published in round 0 meet the trainer of round 3, too. Both
sides learn from public people; the protected ones are others. A run that was
stopped and is started again goes on. How long this takes is not recorded.

The argument `smoke` is the same in little; its numbers mean nothing.
"""

from configs import adaptive, cells, orl
from ml_collections import ConfigDict

# Labels of the tool of round 0, and of what else authors answer with.
TOOL = 'pgd_8'
ANSWERS = 'protego_planar', 'diverse', 'eot_pgd'


def get_config(arg=None):
  smoke, config = orl.is_smoke(arg), orl.on_one_network(arg)
  (network,) = config.surrogates
  config.num_public = 4 if smoke else 20
  config.num_targets = 0
  if smoke:
    config.num_protected = 1
  # Masks are made anew in every split.
  config.num_splits = 1 if smoke else 2
  config.attacks = ConfigDict(attacks(smoke))
  config.surrogates = surrogates(network)
  config.adversaries = ConfigDict(adversaries(smoke, network))
  return config


def attacks(smoke):
  """Settings by label: the tool's, and the answers'."""
  known = cells.attacks(smoke)
  if smoke:  # another budget will do
    return {TOOL: known[TOOL], 'pgd_16': known[TOOL] | {'epsilon': 16 / 255}}
  known['eot_pgd'] = {'epsilon': 8 / 255, 'num_steps': 30, 'scale': 0.5}
  return {label: known[label] for label in (TOOL, *ANSWERS)}


def surrogates(network):
  """The network as it is, and as the trainer of round 1 trained it."""
  return network, f'{network} round_1'


def adversaries(smoke, network):
  """Who waits, and the trainers of rounds 1 and 3."""
  learns = {
    'kind': 'adaptive',
    'networks': (network,),
    'training': adaptive.training(smoke, 'tuned'),
    # Round 3 learns from eight cloaks of each picture, which takes its time;
    # three seeds, as in adaptive.py, would show how much one is worth.
    'training_seeds': 1,
  }
  return {
    'oblivious': {},
    'round_1': learns
    | {'round': 1, 'attacks': (TOOL,), 'surrogates': (network,)},
    'round_3': learns
    | {
      'round': 3,
      'attacks': tuple(attacks(smoke)),
      'surrogates': surrogates(network),
    },
  }
