"""The service's fixtures."""

from __future__ import annotations

import asyncio

import pytest


@pytest.fixture
def serving(tmp_path):
    """Runs a coroutine function of a Served: `serving(work, **what served takes)`."""

    def run(work, **changes):
        from support_service import served

        async def main():
            async with served(tmp_path, **changes) as here:
                async with asyncio.timeout(60):
                    return await work(here)

        return asyncio.run(main())

    return run
