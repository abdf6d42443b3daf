#!/bin/sh
# Run once by the database's container: the application gets a role of its own, which is no superuser.
set -eu
psql --set=ON_ERROR_STOP=1 --username="$POSTGRES_USER" --dbname=postgres <<'SQL'
\getenv password APPLICATION_PASSWORD
CREATE ROLE dvorik LOGIN CREATEDB NOSUPERUSER PASSWORD :'password';
CREATE DATABASE dvorik OWNER dvorik;
SQL
