"""Alembic's entry, run by ``Ledger`` when it opens: migrates over the connection, and in the transaction, that it is given.

There is no command line and no ini file: to add a migration, add a file to ``versions/`` and change ``tables.py`` to match.
"""

from alembic import context

from reckon.ledger.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
context.run_migrations()
