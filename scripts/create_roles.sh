#!/bin/sh
# Run once by the database's container: the owner of the tables, as whom migrations run, and the application's own role.
# Neither is a superuser; what the application may do to the tables is granted with them, by `manage.py migrate`.
set -eu
psql --set=ON_ERROR_STOP=1 --username="$POSTGRES_USER" --dbname=postgres <<'SQL'
\getenv owner_password OWNER_PASSWORD
\getenv password APPLICATION_PASSWORD
CREATE ROLE dvorik LOGIN CREATEDB NOSUPERUSER PASSWORD :'owner_password';
CREATE ROLE dvorik_app LOGIN NOSUPERUSER PASSWORD :'password';
CREATE DATABASE dvorik OWNER dvorik;
SQL
