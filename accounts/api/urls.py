"""Routes about people, under ``/api/v1/``."""

from django.urls import path

from accounts.api import views

urlpatterns = [
    path("users", views.UserListView.as_view(), name="users"),
    path("users/by-telegram/<str:telegram_id>", views.UserByTelegramView.as_view(), name="user-by-telegram"),
    path("users/<uuid:user_id>", views.UserView.as_view(), name="user"),
]
