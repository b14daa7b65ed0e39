"""Nobody visits it."""

urlpatterns: list[object] = []
