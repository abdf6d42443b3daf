"""What ``make`` runs: the supervisor, the tests, the laws."""
