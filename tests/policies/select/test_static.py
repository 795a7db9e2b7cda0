from __future__ import annotations

from random import Random

from tests.support.select import candidates, context, selector


def test_the_order_is_the_files_whatever_the_load():
    chooser = selector({"by": "static"}, candidates("small", "large", "spare"))
    choice = chooser.choose(context(down=["small"]), None, Random(1))
    assert choice.pools == ("small", "large", "spare")
    assert (choice.by, choice.propensity, choice.reason) == ("static", 1.0, "first of the listed models")
    assert chooser.choose(context(), None, None) == choice
