"""Outside services that are made up: what they promise to the tests that lean on them."""
