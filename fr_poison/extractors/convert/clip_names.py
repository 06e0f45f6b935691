"""`ClipVit` under OpenAI's names (clip/model.py), all below `visual`."""

from fr_poison.extractors.convert.state_dict import (
  Entry,
  conv,
  dense,
  layer_norm,
)

# What else the published files hold.
TEXT_TOWER = (
  r'transformer\..+|token_embedding\.weight|ln_final\.(weight|bias)|'
  r'positional_embedding|text_projection|logit_scale|'
  r'input_resolution|context_length|vocab_size'
)


def entries(depth: int) -> list[Entry]:
  """The table of a tower with that many blocks."""
  table = [
    *conv('visual.conv1', 'patches'),
    *layer_norm('visual.ln_pre', 'norm_pre'),
    *layer_norm('visual.ln_post', 'norm_post'),
    # [width, embedding size] on both sides.
    Entry('visual.proj', 'params/projection/kernel', 'plain'),
  ]
  for name in ('class_embedding', 'positional_embedding'):
    table.append(Entry(f'visual.{name}', f'params/{name}', 'plain'))
  for i in range(depth):
    key, name = f'visual.transformer.resblocks.{i}', f'block{i + 1}'
    table += layer_norm(f'{key}.ln_1', f'{name}/norm1')
    # Queries, keys and values side by side, with names of their own.
    for theirs, ours, kind in (
      ('weight', 'kernel', 'dense'),
      ('bias', 'bias', 'plain'),
    ):
      table.append(
        Entry(f'{key}.attn.in_proj_{theirs}', f'params/{name}/qkv/{ours}', kind)
      )
    table += dense(f'{key}.attn.out_proj', f'{name}/out')
    table += layer_norm(f'{key}.ln_2', f'{name}/norm2')
    table += dense(f'{key}.mlp.c_fc', f'{name}/dense1')
    table += dense(f'{key}.mlp.c_proj', f'{name}/dense2')
  return table
