from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.e2e.far_end import FarEnd


@pytest.fixture
async def far_end() -> AsyncIterator[FarEnd]:
    async with FarEnd() as there:
        yield there
