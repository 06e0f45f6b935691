"""What a source calls, by its full name, whatever it imports it as."""

import ast


def aliases(tree):
  """What each name that a file imports stands for."""
  names = {}
  for node in ast.walk(tree):
    if isinstance(node, ast.Import):
      for alias in node.names:
        root = alias.name.partition('.')[0]
        names[alias.asname or root] = alias.name if alias.asname else root
        names[f'import {alias.name}'] = alias.name  # also if never used
    elif isinstance(node, ast.ImportFrom) and not node.level:
      for alias in node.names:
        names[alias.asname or alias.name] = f'{node.module}.{alias.name}'
  return names


def dotted(node, names):
  """'os.path.join' of what is written so or imported so; else None."""
  if isinstance(node, ast.Attribute):
    inner = dotted(node.value, names)
    return inner and f'{inner}.{node.attr}'
  return names.get(node.id, node.id) if isinstance(node, ast.Name) else None
