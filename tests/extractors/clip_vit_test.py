"""CLIP's image towers are OpenAI's."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from extractors import recipe

from fr_poison import weights
from fr_poison.extractors import clip_vit
from fr_poison.extractors.convert import state_dict
from fr_poison.types import InputError

TINY = {'patch': 8, 'width': 128, 'depth': 1, 'embedding_size': 6}
# Of the rest of the published file.
TEXT_KEYS = (
  'transformer.resblocks.0.attn.in_proj_weight',
  'token_embedding.weight',
  'positional_embedding',
  'logit_scale',
  'input_resolution',
)


def _images(size=16):
  codes = np.random.default_rng(0).integers(0, 256, (2, size, size, 3))
  return codes.astype(np.float32)


def test_vitb32_is_openais(golden):
  recipe.check_published('clip_vitb32', golden('clip_vitb32'))


@pytest.mark.parametrize(
  'name, count',
  [
    # Width w, d blocks, patches of p: patches 3 p^2 w, class w, positions
    # (1 + (224 / p)^2) w, two norms 4 w, projection w * embedding size, and
    # 12 w^2 + 13 w a block: qkv 3 w^2 + 3 w, out w^2 + w, two dense layers
    # 8 w^2 + 5 w, two norms 4 w. 87.85, 86.19 and 303.97 million published.
    ('vitb32', 2_359_296 + 768 + 38_400 + 3072 + 393_216 + 12 * 7_087_872),
    ('vitb16', 589_824 + 768 + 151_296 + 3072 + 393_216 + 12 * 7_087_872),
    ('vitl14', 602_112 + 1024 + 263_168 + 4096 + 786_432 + 24 * 12_596_224),
  ],
)
def test_parameters_are_as_many_as_published(name, count):
  assert recipe.count_parameters(f'clip_{name}') == count


def _tiny():
  module = clip_vit.ClipVit(**TINY)
  return module, recipe.random_variables(module, _images())


def test_the_text_tower_of_the_file_is_ignored_and_nothing_else():
  module, variables = _tiny()
  state = state_dict.to_state_dict(clip_vit.TABLE, variables)
  convert = functools.partial(
    state_dict.to_flax,
    clip_vit.TABLE,
    expected=weights.expected_shapes(module, 16, None),
    ignored=clip_vit.TEXT_TOWER,
  )
  text = dict.fromkeys(TEXT_KEYS, np.zeros(2, np.int64))
  jax.tree.map(np.testing.assert_array_equal, convert(state | text), variables)
  with pytest.raises(InputError, match=r'unexpected: visual\.attnpool\.bias'):
    convert(state | {'visual.attnpool.bias': np.zeros(2)})


def test_remat_and_half_precision_compute_the_same():
  module, variables = _tiny()
  again = clip_vit.ClipVit(**TINY, remat=True)
  jax.tree.map(
    lambda a, b: np.testing.assert_allclose(a, b, 1e-3, 1e-4 * abs(b).max()),
    recipe.gradients(again, variables, _images()),
    recipe.gradients(module, variables, _images()),
  )
  embed = jax.jit(module.apply)
  full = embed(variables, _images())
  half = embed(variables, _images().astype(jnp.bfloat16))
  assert half.dtype == jnp.float32 and (full != half).any()
  np.testing.assert_allclose(half, full, atol=0.1 * full.std())


def test_a_tower_is_that_of_transformers():
  torch = pytest.importorskip('torch', reason='torch is not installed')
  theirs = pytest.importorskip(
    'transformers', reason='transformers is not installed'
  )
  module, variables = _tiny()
  state = state_dict.to_state_dict(clip_vit.TABLE, variables)
  config = theirs.CLIPVisionConfig(
    hidden_size=128,
    intermediate_size=512,
    projection_dim=6,
    num_hidden_layers=1,
    num_attention_heads=2,
    image_size=16,
    patch_size=8,
    hidden_act='quick_gelu',
  )
  tower = theirs.CLIPVisionModelWithProjection(config).eval()
  tower.load_state_dict(
    {
      key: torch.from_numpy(np.array(array))
      for key, array in _renamed(state).items()
    }
  )
  pixels = torch.from_numpy(_images().transpose(0, 3, 1, 2) / 255)
  with torch.no_grad():
    expected = tower(pixel_values=pixels).image_embeds.numpy()
  ours = jax.jit(module.apply)(variables, _images() / 255)
  assert np.abs(ours - expected).max() <= 5e-5 * expected.std()


# OpenAI's names, below `visual`, as transformers has them.
_RENAMED = (
  ('transformer.resblocks', 'vision_model.encoder.layers'),
  ('ln_pre', 'vision_model.pre_layrnorm'),
  ('ln_post', 'vision_model.post_layernorm'),
  ('ln_1', 'layer_norm1'),
  ('ln_2', 'layer_norm2'),
  ('attn.', 'self_attn.'),
  ('mlp.c_fc', 'mlp.fc1'),
  ('mlp.c_proj', 'mlp.fc2'),
  ('conv1', 'vision_model.embeddings.patch_embedding'),
  ('class_', 'vision_model.embeddings.class_'),
  ('positional_embedding', 'vision_model.embeddings.position_embedding.weight'),
)


def _renamed(state):
  """Where queries, keys and values are three layers."""
  result = {'visual_projection.weight': state.pop('visual.proj').T}
  for key, array in state.items():
    key = key.removeprefix('visual.')
    for old, new in _RENAMED:
      key = key.replace(old, new)
    if 'in_proj' not in key:
      result[key] = array
      continue
    for part, third in zip('qkv', np.split(array, 3), strict=True):
      result[key.replace('in_proj_', f'{part}_proj.')] = third
  return result
