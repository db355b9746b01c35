"""The tables of Procrastinate, which keeps the jobs.

Its package brings the schema whole and, beside it, the steps from version to version. The whole one of
3.10 is applied here, in one transaction; the steps would need several, before PostgreSQL 17. pyproject.toml
holds Procrastinate at that version. To take a newer one, write a migration that applies the steps after
LAST_FILE where the database does not have them yet; a test asks for it.
"""

from alembic import op
from procrastinate.schema import SchemaManager

revision = "0001_jobs"
down_revision = None
branch_labels = None
depends_on = None

LAST_FILE = "03.04.00_50_post_add_retry_failed_job_procedure.sql"


def upgrade() -> None:
    run_script(SchemaManager.get_schema())


def run_script(statements: str) -> None:
    """Several statements at once, as they are: no parameters, so nothing in them is read as one."""
    connection = op.get_bind().connection.driver_connection
    assert connection is not None, "migrations run on a database, not into a file"
    with connection.cursor() as cursor:
        cursor.execute(statements)


def downgrade() -> None:
    run_script(DROP_EVERYTHING)


DROP_EVERYTHING = """
DO $$
DECLARE statement text; statements text[];
BEGIN
    SELECT array_agg(what) INTO statements FROM (
        SELECT format('DROP TABLE IF EXISTS %I CASCADE', tablename) AS what FROM pg_tables
        WHERE schemaname = current_schema() AND starts_with(tablename, 'procrastinate_')
        UNION ALL
        SELECT format('DROP FUNCTION IF EXISTS %s CASCADE', oid::regprocedure) FROM pg_proc
        WHERE pronamespace = current_schema()::regnamespace AND starts_with(proname, 'procrastinate_')
        UNION ALL
        SELECT format('DROP TYPE IF EXISTS %I CASCADE', typname) FROM pg_type
        WHERE typnamespace = current_schema()::regnamespace AND starts_with(typname, 'procrastinate_')
          AND (typtype = 'e' OR typrelid IN (SELECT oid FROM pg_class WHERE relkind = 'c'))
    ) AS everything;
    FOREACH statement IN ARRAY coalesce(statements, '{}') LOOP
        EXECUTE statement;
    END LOOP;
END
$$;
"""
