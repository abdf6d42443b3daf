"""``python -m config.health_check``: asks the web server beside it, as the container's health check does."""

import os
import sys
import urllib.error
import urllib.request


def main() -> int:
    _, _, port = os.environ.get("BIND", "").rpartition(":")
    # The server answers only to the names it was given.
    host = os.environ.get("ALLOWED_HOSTS", "127.0.0.1").partition(",")[0].lstrip(".")
    address = f"http://127.0.0.1:{port or os.environ.get('PORT') or 8000}/health"
    try:
        request = urllib.request.Request(address, headers={"Host": host})
        with urllib.request.urlopen(request, timeout=4) as answer:  # noqa: S310 (our own loopback address)
            print(answer.read().decode())
    except (urllib.error.URLError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
