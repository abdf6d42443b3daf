"""Routes about people and their sessions, under ``/api/v1/``."""

from django.urls import path

from accounts.api import admin_views, session_views, views

urlpatterns = [
    path("auth/login", session_views.LoginView.as_view(), name="auth-login"),
    path("auth/login-token", session_views.LoginTokenView.as_view(), name="auth-login-token"),
    path("auth/telegram", session_views.TelegramView.as_view(), name="auth-telegram"),
    path("auth/refresh", session_views.RefreshView.as_view(), name="auth-refresh"),
    path("auth/logout", session_views.LogoutView.as_view(), name="auth-logout"),
    path("auth/logout-all", session_views.LogoutAllView.as_view(), name="auth-logout-all"),
    path("auth/otp", session_views.OtpView.as_view(), name="auth-otp"),
    path("auth/password", session_views.PasswordView.as_view(), name="auth-password"),
    path("auth/me", session_views.MeView.as_view(), name="auth-me"),
    path("auth/sessions", session_views.SessionListView.as_view(), name="auth-sessions"),
    path("auth/sessions/<uuid:session_id>", session_views.SessionView.as_view(), name="auth-session"),
    path("admins", admin_views.AdminListView.as_view(), name="admins"),
    path("admins/<uuid:admin_id>", admin_views.AdminView.as_view(), name="admin"),
    path("users", views.UserListView.as_view(), name="users"),
    path("users/by-telegram/<str:telegram_id>", views.UserByTelegramView.as_view(), name="user-by-telegram"),
    path("users/<uuid:user_id>", views.UserView.as_view(), name="user"),
]
