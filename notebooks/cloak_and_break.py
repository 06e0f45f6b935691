"""Cloak and break: one person's photos, and a trainer who moves last.

A plain program with cells: run it, or step through it in an editor that knows
`# %%`. Under a minute on two CPU cores; needs `pip install -e '.[orl]'`.
"""

# %% [markdown]
# # Cloak and break
#
# Somebody cloaks his photos with LowKey before he posts them. Everybody's
# photos are scraped, and a recognizer is trained on them. We look at what it
# makes of *clean* photos of him, taken later: on the network that the cloak was
# made for, on another one, and behind a blur.

# %%
import pathlib

import jax
import numpy as np

from fr_poison import attacks, extractors
from fr_poison.adversaries import oblivious
from fr_poison.attacks import noise
from fr_poison.data import datasets, squeeze
from fr_poison.data.faces import to_float
from fr_poison.data.splits import split_per_person
from fr_poison.recognizers import nearest_neighbor
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
# go in as an argument, pictures are RGB in [0, 1] of any size. `mobileface` is
# the one that the cloak will be made for; `faceres` is of another family.

# %%
faces = datasets.load('orl')
faces = faces.subset(np.flatnonzero(faces.labels < NUM_PEOPLE))
own = np.flatnonzero(faces.labels == PERSON)
mobileface = extractors.load('mobileface')
faceres = extractors.load('faceres', input_size=128)

# %% [markdown]
# ## The number
#
# The **protection rate**: the recognizer trains on seven pictures of each
# person, his as they were scraped; it is tested on the other three, his clean.
# How many of his does it get wrong? 1-NN needs no training worth the name, and
# it is the recognizer against which cloaks do best.

# %%
splits = [
  split_per_person(faces.labels, 0.3, seed=seed) for seed in range(NUM_SPLITS)
]


def protection(network, scraped, squeezer=lambda images: images):
  """Percent of the person's clean test pictures that 1-NN gets wrong.

  Args:
    network: whose embeddings are compared, all of length 1.
    scraped: uint8 [N, H, W, 3], the whole set as the trainer has it.
    squeezer: what he does to every picture first, and to those he is asked
      about.
  """
  errors = oblivious.evaluate(
    nearest_neighbor,
    extractors.embed(network, squeezer(faces.images)),
    extractors.embed(network, squeezer(scraped)),
    faces.labels,
    [PERSON],
    splits,
    normalize=True,
  )
  return 100 * errors.protected.mean()


print(f'no cloak, mobileface: {protection(mobileface, faces.images):.0f}%')

# %% [markdown]
# ## The cloak
#
# LowKey climbs: away from the picture's own embedding, in the picture and in a
# blurred copy, at a price on LPIPS. The ball of 8 grey levels is ours, so that
# it can be compared. What comes back lies on the 8-bit grid: a cloak that
# exists before rounding only protects nobody.

# %%
attack = attacks.lowkey(
  [mobileface.embed_fn], epsilon=8 / 255, num_steps=NUM_STEPS
)
adv_images, info = attacks.run(
  attack, [mobileface.params], jax.random.key(0), to_float(faces.images[own])
)
cloaked = faces.images.copy()
cloaked[own] = np.round(np.asarray(adv_images) * 255)
print(f'improved: {int(info["improved"].sum())} of {len(own)}')
print(f'squared distance moved: {info["feature_distance"].mean():.2f} of 4')

# %% [markdown]
# Before, after, and ten times the difference:

# %%
STRIP.write_bytes(drawing.strip(faces.images[own[:3]], cloaked[own[:3]]))

# %% [markdown]
# ## The control
#
# Is it the cloak's aim that protects, or just the damage? `matched_noise` has
# the cloak's very pixel changes, in another order: as strong, as smooth, aimed
# at nothing.

# %%
change = cloaked[own].astype(np.int16) - faces.images[own]
noisy = faces.images.copy()
noisy[own] = np.clip(faces.images[own] + noise.matched_noise(change), 0, 255)

# %% [markdown]
# ## The trainer moves
#
# He has the network that the cloak was made for; or waits for another; or
# blurs whatever he gets. He need not know that anything was cloaked.

# %%
blur = squeeze.make('gaussian', sigma=1.5)
rates = {
  'mobileface': protection(mobileface, cloaked),
  'mobileface, noise instead': protection(mobileface, noisy),
  'faceres': protection(faceres, cloaked),
  'mobileface behind a blur': protection(mobileface, cloaked, blur),
}
for trainer, rate in rates.items():
  print(f'{trainer:26} {rate:4.0f}% protected')

# %% [markdown]
# One person is an anecdote: `experiments/evaluate.py` does this for ten, one at
# a time, with intervals, and `docs/trainers.md` has the trainer's better moves.
# Things to try here: both networks at once (a list of two `embed_fn`s), another
# `PERSON`, Fawkes, or a stronger blur inside the attack.
