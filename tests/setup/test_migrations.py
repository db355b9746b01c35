"""The migrations make exactly the models' schema, and go back."""

from collections.abc import Callable

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from flask import Flask
from flask_migrate import downgrade
from procrastinate.schema import migrations_path
from sqlalchemy import inspect, text
from sqlalchemy.orm import Session

from tests.conftest import Databases, dispose, make_app
from webapp import config, migrating
from webapp.db import db
from webapp.errors import Refused

# Everything the database would notice: columns with types, defaults and nullability, constraints,
# indexes, triggers, functions and enumerations; those of Procrastinate included.
INVENTORY = text(
    """
    SELECT 'column', table_name, column_name, concat_ws(' ', data_type, is_nullable, column_default)
      FROM information_schema.columns WHERE table_schema = 'public'
    UNION ALL SELECT 'constraint', conrelid::regclass::text, conname, pg_get_constraintdef(oid)
      FROM pg_constraint WHERE connamespace = 'public'::regnamespace
    UNION ALL SELECT 'index', tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'
    UNION ALL SELECT 'trigger', tgrelid::regclass::text, tgname, pg_get_triggerdef(oid)
      FROM pg_trigger WHERE NOT tgisinternal
    UNION ALL SELECT 'function', proname, pg_get_function_identity_arguments(oid), md5(prosrc)
      FROM pg_proc WHERE pronamespace = 'public'::regnamespace
    UNION ALL SELECT 'type', typname, typtype::text, ''
      FROM pg_type WHERE typnamespace = 'public'::regnamespace
    ORDER BY 1, 2, 3, 4
    """
)


@pytest.fixture
def empty_app(databases: Databases, settings: config.Settings) -> Flask:
    """An application on a database without any table."""
    name = databases.create()
    app = make_app(settings, databases.url(name))
    yield app
    dispose(app)
    databases.drop(name)


def inventory(app: Flask) -> list[tuple[str, ...]]:
    with app.app_context(), db.engine.connect() as connection:
        return [tuple(row) for row in connection.execute(INVENTORY)]


@pytest.mark.filterwarnings("ignore:Computed default")  # PostgreSQL spells the expression its own way
def test_the_migrated_schema_is_that_of_the_models(database: Session) -> None:
    options = {"compare_type": True, "compare_server_default": True, "include_name": migrating.ours}
    context = MigrationContext.configure(database.connection(), opts=options)
    assert compare_metadata(context, db.metadata) == []


def test_every_check_and_unique_constraint_of_the_models_is_in_the_database(database: Session) -> None:
    there = inspect(database.connection())
    for table in db.metadata.tables.values():
        wanted = {str(constraint.name) for constraint in table.constraints if constraint.name}
        found = {entry["name"] for entry in there.get_check_constraints(table.name)}
        found |= {entry["name"] for entry in there.get_unique_constraints(table.name)}
        found |= {entry["name"] for entry in there.get_foreign_keys(table.name)}
        found.add(there.get_pk_constraint(table.name)["name"])
        assert wanted <= found, table.name


def test_going_down_to_nothing_and_up_again_makes_the_same_schema(empty_app: Flask) -> None:
    migrating.migrate(empty_app)
    first = inventory(empty_app)
    with empty_app.app_context():
        downgrade(directory=str(migrating.FOLDER), revision="base")
    left = {(kind, name) for kind, name, *_ in inventory(empty_app) if "alembic_version" not in name}
    assert left == set()
    migrating.migrate(empty_app)
    assert inventory(empty_app) == first


def test_each_migration_goes_down_one_step_and_up_again(empty_app: Flask) -> None:
    for script in reversed(migrating.revisions()):
        before = inventory(empty_app)
        migrating.migrate(empty_app, script.revision)
        after = inventory(empty_app)
        with empty_app.app_context():
            downgrade(directory=str(migrating.FOLDER), revision="-1")
        assert [row for row in inventory(empty_app) if "alembic_version" not in row[1]] == [
            row for row in before if "alembic_version" not in row[1]
        ]
        migrating.migrate(empty_app, script.revision)
        assert inventory(empty_app) == after


def test_there_is_one_chain_of_migrations_numbered_in_order() -> None:
    names = [script.revision for script in reversed(migrating.revisions())]
    assert [int(name.split("_")[0]) for name in names] == list(range(1, len(names) + 1))


def test_every_schema_file_of_procrastinate_has_been_applied() -> None:
    applied = {
        script.module.LAST_FILE for script in migrating.revisions() if hasattr(script.module, "LAST_FILE")
    }
    newest = max(path.name for path in migrations_path.glob("*.sql"))
    assert newest == max(applied), "a newer Procrastinate: write a migration that applies its new files"


def test_a_database_of_a_newer_version_is_refused(empty_app: Flask) -> None:
    migrating.migrate(empty_app, "0001_jobs")
    with empty_app.app_context(), db.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999_future'"))
    with pytest.raises(Refused, match="9999_future"):
        migrating.ensure_schema(empty_app)


def test_an_older_database_is_brought_up_to_date(empty_app: Flask) -> None:
    migrating.migrate(empty_app, "0003_pricing")
    migrating.ensure_schema(empty_app)
    assert migrating.current_revision(empty_app) == migrating.newest_revision()


def test_a_current_database_is_left_alone(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    called: list[Callable[..., object]] = []
    monkeypatch.setattr(migrating, "migrate", called.append)
    migrating.ensure_schema(app)
    assert called == []
