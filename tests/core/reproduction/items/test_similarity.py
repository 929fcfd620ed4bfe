"""Which languages profit, where the tables that it is read from are not there."""

from __future__ import annotations

from typing import Any, cast

import pytest

from core.errors import SettingError
from core.reproduction.items.similarity import SIMILARITY
from core.reproduction.settings import Settings, bound
from core.reproduction.study import Study


def test_what_retrieval_failed_of_fails_it_in_the_same_words(asked_settings: Settings) -> None:
    class Fails:
        def answer(self, *_: Any) -> Any:
            raise SettingError("embed Spanish", "there is no memory", "Use a smaller model.")

    study = Study(cast(Any, Fails()), *bound(asked_settings))
    with pytest.raises(SettingError, match="there is no memory"):
        SIMILARITY.tables(study)
