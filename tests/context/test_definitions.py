"""The definitions of the languages that bracket, colon and `end` their functions each in their own way."""

from __future__ import annotations

import pytest

from codefuse_lsp.context.definitions import Definition, LineSpan, definition, enclosing_definition

C = """\
// Finds.
static int *find(int a) {
  struct point *p;
  return a;
}
struct point {
  int x;
};
typedef struct {
  int y;
} pair;
"""
CPP = """\
/** A shop. */
template <typename T>
class Shop : Base {
 public:
  // Sells.
  int sell(int a) const { return 1; }
};
int Shop::buy() {
}
namespace n {
void g() {}
}
Shop::~Shop() {}
"""
CSHARP = """\
namespace N {
/// A shop.
[Serializable]
public class Shop {
  // Sells.
  [Log]
  public int Sell() { return 1; }
  void F() { int G() { return 1; } }
}
record R(int A);
struct S {}
}
"""
RUBY = """\
# A module.
module M
  # A shop.
  class Shop < Base
    # Sells.
    def sell(a)
      1
    end
    def self.buy
    end
  end
end
"""
PHP = """\
<?php
/** A shop. */
#[A]
class Shop {
  /** Sells. */
  #[B]
  public function sell() { return 1; }
}
function f() {}
trait T {}
$x = function () { return 1; };
$y = fn($a) => $a;
"""
LUA = """\
-- Adds.
local function f(x)
  return x
end
function M.g(a)
end
function M:h() end
local k = function() return 1 end
M.z = function() end
t = { a = function() end }
call(function() end)
"""
SHELL = """\
# Greets.
f() {
  echo
}
function g {
  echo
}
"""


@pytest.mark.parametrize(
    ("text", "language", "line", "expected"),
    [
        (C, "c", 0, ("find", "", 0, 5, False)),
        (C, "c", 2, ("find", "", 0, 5, False)),
        (C, "c", 6, ("point", "", 5, 8, True)),
        (C, "c", 9, ("pair", "", 8, 11, True)),
        (CPP, "cpp", 1, ("Shop", "", 0, 7, True)),
        (CPP, "cpp", 4, ("sell", "Shop", 4, 6, False)),
        (CPP, "cpp", 8, ("buy", "Shop", 7, 9, False)),
        (CPP, "cpp", 9, None),
        (CPP, "cpp", 10, ("g", "", 10, 11, False)),
        (CPP, "cpp", 12, ("~Shop", "Shop", 12, 13, False)),
        (CSHARP, "csharp", 0, None),
        (CSHARP, "csharp", 2, ("Shop", "", 1, 9, True)),
        (CSHARP, "csharp", 5, ("Sell", "Shop", 4, 7, False)),
        (CSHARP, "csharp", 9, ("R", "", 9, 10, True)),
        (CSHARP, "csharp", 10, ("S", "", 10, 11, True)),
        (RUBY, "ruby", 0, ("M", "", 0, 12, True)),
        (RUBY, "ruby", 2, ("Shop", "M", 2, 11, True)),
        (RUBY, "ruby", 6, ("sell", "Shop", 4, 8, False)),
        (RUBY, "ruby", 9, ("buy", "Shop", 8, 10, False)),
        (PHP, "php", 2, ("Shop", "", 1, 8, True)),
        (PHP, "php", 5, ("sell", "Shop", 4, 7, False)),
        (PHP, "php", 8, ("f", "", 8, 9, False)),
        (PHP, "php", 9, ("T", "", 9, 10, True)),
        (PHP, "php", 10, ("x", "", 10, 11, False)),
        (PHP, "php", 11, ("y", "", 11, 12, False)),
        (LUA, "lua", 2, ("f", "", 0, 4, False)),
        (LUA, "lua", 5, ("g", "M", 4, 6, False)),
        (LUA, "lua", 6, ("h", "M", 6, 7, False)),
        (LUA, "lua", 7, ("k", "", 7, 8, False)),
        (LUA, "lua", 8, ("z", "M", 8, 9, False)),
        (LUA, "lua", 9, ("a", "", 9, 10, False)),
        (LUA, "lua", 10, None),
        (SHELL, "shellscript", 2, ("f", "", 0, 4, False)),
        (SHELL, "shellscript", 5, ("g", "", 4, 7, False)),
    ],
)
def test_the_innermost_definition_has_its_name_and_its_owner(
    text: str, language: str, line: int, expected: tuple[str, str, int, int, bool] | None
) -> None:
    span = enclosing_definition(text, language, line)
    if expected is None:
        assert span is None
        return
    name, owner, start, stop, is_class = expected
    assert span == LineSpan(start, stop)
    assert definition(text, language, span) == Definition(name, owner, span, is_class)


@pytest.mark.parametrize("language", ["css", "html", "json", "markdown", "toml", "yaml"])
def test_a_language_without_functions_has_no_definitions(language: str) -> None:
    assert enclosing_definition("a:\n  b: c\n", language, 1) is None
