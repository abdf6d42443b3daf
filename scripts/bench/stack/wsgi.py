"""The WSGI application of the common stack."""

from django.core.wsgi import get_wsgi_application

application = get_wsgi_application()
