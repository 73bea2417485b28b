"""A Django site in one file that signs people in through Sparekey, with django-allauth.

    pip install django "django-allauth[socialaccount]"
    ISSUER=http://127.0.0.1:3000 CLIENT_ID=… CLIENT_SECRET=… python django_app.py migrate
    ISSUER=http://127.0.0.1:3000 CLIENT_ID=… CLIENT_SECRET=… python django_app.py runserver 8400

Registered with the redirect address http://127.0.0.1/accounts/oidc/sparekey/login/callback/.
"""
import os
import secrets
import sys

import django
from django.conf import settings
from django.core.management import execute_from_command_line
from django.http import JsonResponse
from django.urls import include, path

sparekey = {
    "provider_id": "sparekey",
    "name": "Sparekey",
    "client_id": os.environ["CLIENT_ID"],
    "secret": os.environ["CLIENT_SECRET"],
    "settings": {"server_url": os.environ["ISSUER"], "oauth_pkce_enabled": True, "uid_field": "sub"},
}
settings.configure(
    ALLOWED_HOSTS=["127.0.0.1"],
    AUTHENTICATION_BACKENDS=["allauth.account.auth_backends.AuthenticationBackend"],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": os.environ.get("DATABASE", "django.sqlite3")}},
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "django.contrib.messages", "django.contrib.sessions"]
    + ["allauth", "allauth.account", "allauth.socialaccount", "allauth.socialaccount.providers.openid_connect"],
    LOGIN_REDIRECT_URL="/",
    MIDDLEWARE=["django.contrib.sessions.middleware.SessionMiddleware", "django.middleware.csrf.CsrfViewMiddleware"]
    + ["django.contrib.auth.middleware.AuthenticationMiddleware", "django.contrib.messages.middleware.MessageMiddleware"]
    + ["allauth.account.middleware.AccountMiddleware"],
    ROOT_URLCONF=__name__,
    SECRET_KEY=secrets.token_urlsafe(32),
    # The page of Sparekey asks already.
    SOCIALACCOUNT_LOGIN_ON_GET=True,
    SOCIALACCOUNT_PROVIDERS={"openid_connect": {"APPS": [sparekey]}},
    TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True,
                "OPTIONS": {"context_processors": ["django.template.context_processors.request"]}}],
)
django.setup()


def home(request):
    if not request.user.is_authenticated:
        return JsonResponse({"sign_in": "/accounts/oidc/sparekey/login/"}, status=401)
    known = request.user.socialaccount_set.get().extra_data
    return JsonResponse({"username": request.user.username, "email": request.user.email, "known": known})


urlpatterns = [path("", home), path("accounts/", include("allauth.urls"))]

if __name__ == "__main__":
    execute_from_command_line(sys.argv)
