"""How much one request may hold, for the page that people read; what enforces it stands where it is read."""

from core.api.serializers import LONGEST_LIST
from core.api.strict_json import MAX_BODY_BYTES, MAX_DEPTH
from core.limits import bound

bound("body of a request", f"{MAX_BODY_BYTES // 1_000_000} MB", otherwise="413 `common.body_too_large`")
bound("depth of a body", f"{MAX_DEPTH} levels", otherwise="400 `common.body_malformed`")
bound("rows of a page", f"{LONGEST_LIST}", otherwise="400 `common.validation_error`")
bound("parameters of an address", "each that the route declares, once", otherwise="400 `common.validation_error`")
