"""node:test, jest, vitest, go test and cargo test, each really run where its program is found.

jest and vitest are found where `npm install --global jest vitest` puts them; test_javascript_reports.py reads what they
have printed, wherever it runs.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from codefuse_lsp.errors import SandboxUnavailable
from codefuse_lsp.execution.run import find_wall
from codefuse_lsp.verification.claims import Claim
from codefuse_lsp.verification.copies import copies_of
from codefuse_lsp.verification.drafts import Draft, Failure
from codefuse_lsp.verification.runners import Project, runner_for
from codefuse_lsp.verification.running import LIMITS, Runs
from codefuse_lsp.verification.verifying import verified
from tests.verification.workspaces import digest

JS_CODE = """\
function area(w, h) {
  if (w < 0) throw new RangeError('negative');
  return w * h + (w === 7 ? 1 : 0);
}
module.exports = { area };
"""
JS_TESTS = """\
const assert = require('node:assert/strict');
const fs = require('node:fs');
const { describe, it } = require('node:test');
const { area } = require('./area');

describe('area', () => {
  it('multiplies', () => {
    assert.equal(area(2, 3), 6);
  });
  it('of seven', () => {
    assert.equal(area(7, 2), 14);
  });
  it('errs', () => {
    nothing();
  });
  it('rewrites the code', () => {
    fs.writeFileSync('area.js', '');
  });
});
"""
JEST_TESTS = """\
const fs = require('fs');
const { area } = require('./area');

describe('area', () => {
  it('multiplies', () => {
    expect(area(2, 3)).toBe(6);
  });
  it('of seven', () => {
    expect(area(7, 2)).toBe(14);
  });
  it('errs', () => {
    nothing();
  });
  it('rewrites the code', () => {
    fs.writeFileSync('area.js', '');
  });
});
"""
VITEST_TESTS = JEST_TESTS.replace(
    "const fs = require('fs');\nconst { area } = require('./area');\n",
    "import fs from 'node:fs';\nimport { describe, expect, it } from 'vitest';\nimport { area } from './area';\n",
)
GO_CODE = """\
package shapes

func Area(w, h int) int {
\tif w == 7 {
\t\treturn 1
\t}
\treturn w * h
}
"""
GO_TESTS = """\
package shapes

import (
\t"os"
\t"testing"
)

func TestArea(t *testing.T) {
\tif Area(2, 3) != 6 {
\t\tt.Fatal("wrong")
\t}
}

func TestOfSeven(t *testing.T) {
\tif got := Area(7, 2); got != 14 {
\t\tt.Errorf("got %d, want 14", got)
\t}
}

func TestPanics(t *testing.T) {
\tvar none *int
\tt.Log(*none)
}

func TestRewritesTheCode(t *testing.T) {
\tos.WriteFile("area.go", nil, 0o644)
}
"""
RUST_CODE = """\
pub fn area(w: i32, h: i32) -> i32 {
    if w == 7 {
        return 1;
    }
    w * h
}
"""
RUST_TESTS = """\

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn multiplies() {
        assert_eq!(area(2, 3), 6);
    }

    #[test]
    fn of_seven() {
        assert_eq!(area(7, 2), 14);
    }

    #[test]
    fn errs() {
        let none: Option<i32> = None;
        none.unwrap();
    }

    #[test]
    fn rewrites_the_code() {
        std::fs::write("src/lib.rs", "").unwrap();
    }
}
"""


@dataclass(frozen=True)
class Kind:
    """A language's project: its files, its tests, and which of them end how."""

    tool: str
    framework: str
    language: str
    files: dict[str, str]
    source: str
    test: str
    tests: str
    good: str
    bug: str
    errs: str
    harm: str


KINDS = (
    Kind(
        *("node", "node:test", "javascript", {"package.json": "{}", "area.js": JS_CODE}, "area.js", "area.test.js"),
        *(JS_TESTS, "area > multiplies", "area > of seven", "area > errs", "area > rewrites the code"),
    ),
    Kind(
        *("jest", "jest", "javascript", {"package.json": "{}", "area.js": JS_CODE}, "area.js", "area.test.js"),
        *(JEST_TESTS, "area > multiplies", "area > of seven", "area > errs", "area > rewrites the code"),
    ),
    Kind(
        *("vitest", "vitest", "javascript", {"package.json": "{}", "area.js": JS_CODE}, "area.js", "area.test.js"),
        *(VITEST_TESTS, "area > multiplies", "area > of seven", "area > errs", "area > rewrites the code"),
    ),
    Kind(
        *(
            "go",
            "go test",
            "go",
            {"go.mod": "module shapes\n\ngo 1.19\n", "area.go": GO_CODE},
            "area.go",
            "area_test.go",
        ),
        *(GO_TESTS, "TestArea", "TestOfSeven", "TestPanics", "TestRewritesTheCode"),
    ),
    Kind(
        *("cargo", "cargo test", "rust"),
        {"Cargo.toml": '[package]\nname = "shapes"\nversion = "0.1.0"\nedition = "2021"\n', "src/lib.rs": RUST_CODE},
        *("src/lib.rs", "src/lib.rs", RUST_TESTS),
        *("tests::multiplies", "tests::of_seven", "tests::errs", "tests::rewrites_the_code"),
    ),
)


@pytest.mark.parametrize("kind", KINDS, ids=[kind.framework for kind in KINDS])
async def test_each_runner_tells_good_tests_from_faults_bugs_and_harm(kind: Kind, tmp_path: Path) -> None:
    tool = shutil.which(kind.tool)
    if tool is None:
        pytest.skip(f"NO {kind.tool.upper()}: install it to have its tests run here")
    try:
        await find_wall()
    except SandboxUnavailable as error:
        pytest.skip(f"NO SANDBOX: {error}")
    root = tmp_path / "workspace"
    for name, text in kind.files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    packages = [folder for folder in Path(tool).resolve().parents if folder.name == "node_modules"]
    if packages:  # as they would be installed in the workspace
        (root / "node_modules").symlink_to(packages[0], target_is_directory=True)
    existing = kind.files[kind.source] if kind.source == kind.test else ""
    runner = runner_for(Project(root, kind.source, kind.test, kind.language, kind.framework, existing + kind.tests))
    before, told = digest(root), []

    async def mend(tests: str, failures: Sequence[Failure], trouble: str) -> str:
        told.extend(failures)
        return ""

    async def expect(masked: str, claim: Claim) -> str:
        return "14"

    async with copies_of(root, tmp_path / "copies") as copies:
        runs = Runs(runner, copies, {}, replace(LIMITS, wall_s=120.0))
        verdict = await verified(Draft(existing, kind.tests, kind.language), runs.run, mend, expect, 1)
    assert verdict.passed == (kind.good,)
    assert [(bug.name, bug.expected) for bug in verdict.bugs] == [(kind.bug, "14")]
    assert verdict.bugs[0].actual in ("1", "15")
    assert [failure.name for failure in told] == [kind.errs]
    reasons = {dropped.name: dropped.reason for dropped in verdict.dropped}
    assert reasons[kind.harm] == f"it changes or deletes what is not its own: {kind.source}"
    assert digest(root) == before and list((tmp_path / "copies").iterdir()) == []
