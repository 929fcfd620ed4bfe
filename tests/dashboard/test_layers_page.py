from tests.dashboard.conftest import OpenPage


def test_opens(open_page: OpenPage) -> None:
    page = open_page("layers")
    assert not page.exception
    assert page.title[0].value == "Where in the model does it happen?"
