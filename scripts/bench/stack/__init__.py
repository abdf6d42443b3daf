"""The Django project that most would have written: what Dvorik is compared with."""
