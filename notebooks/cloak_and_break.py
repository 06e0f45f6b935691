"""Cloak and break: one person's photos, and a trainer who moves last.

A plain program with cells: run it, or step through it in an editor that knows
`# %%`. About a minute on two CPU cores; needs `pip install -e '.[orl]'`.
"""

# %% [markdown]
# # Cloak and break
#
# Somebody cloaks their photos with LowKey before they post them. Everybody's
# photos are scraped, and a recognizer is trained on them. We look at what it
# makes of *clean* photos of that person, taken later: on the network that the
# cloak was made for, on another one, and behind a blur.

# %%
import pathlib

import numpy as np

from fr_poison import evaluation, extractors
from fr_poison.data import datasets, squeeze
from fr_poison.report import drawing

NUM_PEOPLE = 20  # of the 40
NUM_STEPS = 50  # LowKey's own
NUM_SPLITS = 20  # ways to divide everybody's pictures
PERSON = 0  # who cloaks
STRIP = pathlib.Path('cloak_and_break.png')

# %% [markdown]
# ## People and networks
#
# ORL has 40 people with 10 grey pictures each. Networks are functions: weights
# go in as an argument, pictures are RGB in [0, 1] of any size. `mobile` is the
# one that the cloak will be made for; `dlib` is of another family. Each is
# shown the part of the aligned pictures that it was trained on.

# %%
faces = datasets.load('orl')
faces = faces.subset(np.flatnonzero(faces.labels < NUM_PEOPLE))
own = np.flatnonzero(faces.labels == PERSON)
mobile, dlib = (
  extractors.on_frame(extractors.load(name), faces.alignment)
  for name in ('mobilefacenet_tf', 'dlib_resnet')
)

# %% [markdown]
# ## The number
#
# The **protection rate**: the recognizer's gallery has seven pictures of each
# person, cloaked ones of whoever cloaks; it is asked about the other three,
# clean ones. How many of that person's does it get wrong? 1-NN needs no
# training worth the name, and it is the recognizer against which cloaks do
# best. `Protocol` says who cloaks, and draws the galleries.

# %%
protocol = evaluation.Protocol.draw(
  faces, protected=[PERSON], num_splits=NUM_SPLITS
)


def protection(trainer, scraped):
  """Percent of the person's clean probes that the trainer's 1-NN gets wrong."""
  result = evaluation.measure(protocol, scraped, trainer, normalize=True)
  return 100 * result.protection.value


waiting = evaluation.Trainer(mobile)
print(f'no cloak, mobilefacenet_tf: {protection(waiting, faces.images):.0f}%')

# %% [markdown]
# ## The cloak
#
# LowKey climbs: away from the picture's own embedding, in the picture and in a
# blurred copy, at a price on LPIPS. The ball of 8 grey levels is ours, so that
# it can be compared. What comes back lies on the 8-bit grid: a cloak that
# exists before rounding only protects nobody.

# %%
cloaks = evaluation.cloak(
  protocol, 'lowkey', [mobile], epsilon=8 / 255, num_steps=NUM_STEPS
)
made = cloaks.fields
print(f'improved: {made["num_improved"]} of {made["num_cloaked"]}')
print(f'to be seen: DSSIM {made["dssim"]:.3f}, PSNR {made["psnr"]:.1f} dB')

# %% [markdown]
# Before, after, and ten times the difference:

# %%
STRIP.write_bytes(drawing.strip(faces.images[own[:3]], cloaks.images[own[:3]]))

# %% [markdown]
# ## The control
#
# Is it the cloak's aim that protects, or just the damage? The noise control has
# the cloak's very pixel changes, in another order: as strong, as smooth, aimed
# at nothing.

# %%
noise = evaluation.noise_control(protocol, cloaks)

# %% [markdown]
# ## The trainer moves
#
# They have the network that the cloak was made for; or wait for another; or
# blur whatever they get. They need not know that anything was cloaked.

# %%
blur = squeeze.make('gaussian', sigma=1.5)
blurring = evaluation.Trainer(mobile, 'squeezing', filter=blur)
rates = {
  'mobilefacenet_tf': protection(waiting, cloaks),
  'the same, noise instead': protection(waiting, noise),
  'dlib_resnet': protection(evaluation.Trainer(dlib), cloaks),
  'the first, behind a blur': protection(blurring, cloaks),
}
for trainer, rate in rates.items():
  print(f'{trainer:26} {rate:4.0f}% protected')

# %% [markdown]
# One person is an anecdote: `experiments/evaluate.py` does this for ten, one at
# a time, with intervals, and `docs/trainers.md` has the trainer's better moves.
# Things to try here: both networks at once (a list of two), another `PERSON`,
# Fawkes, or a stronger blur inside the attack.
