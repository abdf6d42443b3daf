"""The one route that is compared."""

import os

from django.urls import URLPattern, path

urlpatterns: list[URLPattern] = []
if os.environ["BENCH_PROJECT"] == "shop":
    from scripts.bench.stack.shop.views import ChargeView

    urlpatterns = [path("api/v1/charges", ChargeView.as_view())]
