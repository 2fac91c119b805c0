"""Two spaces, and the line ends of another system."""

import os
import sys


class Walker:
  """Goes through folders.

  :param root: where it begins
  """

  depth = 3

  def __init__(self, root):
    self.root = root

  @staticmethod
  def is_hidden(name):
    return name.startswith(".")

  def names(self, below=""):
    """Yield the names.

    :param below: a folder
    :returns: paths from the root
    """
    for name in sorted(os.listdir(os.path.join(self.root, below))):
      if self.is_hidden(name):
        continue
      path = os.path.join(below, name)
      if os.path.isdir(os.path.join(self.root, path)):
        yield from self.names(path)
      else:
        yield path

  def sizes(self):
    return {
      name: os.path.getsize(os.path.join(self.root, name))
      for name in self.names()
    }


def usage(stream=sys.stderr):
  stream.write("""\
usage: walk ROOT
  -h   this help
""")
  return 2


def main(arguments):
  if len(arguments) != 1:
    return usage()
  total = 0
  for name, size in Walker(arguments[0]).sizes().items():
    print(f"{size:10} {name}")
    total += size
  print(total)
  return 0
