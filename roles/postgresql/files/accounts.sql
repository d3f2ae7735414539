-- Prints the statements that are still missing, one a line. Changes nothing.
WITH wanted AS (
  SELECT :'replication'::name AS replication, :'app'::name AS app, :'database'::name AS database
)
-- pg_monitor: positions and states of replication; pg_checkpoint (15): pg_rewind needs a checkpoint after a promotion
SELECT format('GRANT %I TO %I;', granted.rolname, member.rolname)
  FROM wanted JOIN pg_roles member ON member.rolname = wanted.replication, pg_roles granted
 WHERE granted.rolname IN ('pg_monitor', 'pg_checkpoint') AND NOT pg_has_role(member.oid, granted.oid, 'MEMBER')
UNION ALL
-- what pg_rewind calls, a backup whose start and end are told to the server (two names, two generations), a promotion
SELECT format('GRANT EXECUTE ON FUNCTION pg_catalog.%s TO %I;', callee.oid::regprocedure, member.rolname)
  FROM wanted JOIN pg_roles member ON member.rolname = wanted.replication, pg_proc callee
 WHERE callee.pronamespace = 'pg_catalog'::regnamespace
   AND callee.oid::regprocedure::text IN (
         'pg_ls_dir(text,boolean,boolean)', 'pg_stat_file(text,boolean)',
         'pg_read_binary_file(text)', 'pg_read_binary_file(text,bigint,bigint,boolean)',
         'pg_backup_start(text,boolean)', 'pg_backup_stop(boolean)',
         'pg_start_backup(text,boolean,boolean)', 'pg_stop_backup(boolean,boolean)', 'pg_promote(boolean,integer)')
   AND NOT has_function_privilege(member.oid, callee.oid, 'EXECUTE')
UNION ALL
SELECT format('CREATE DATABASE %I OWNER %I ENCODING ''UTF8'' TEMPLATE template0;', database, app)
  FROM wanted WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = database)
UNION ALL
SELECT format('ALTER DATABASE %I OWNER TO %I;', datname, app)
  FROM wanted JOIN pg_database ON datname = database WHERE pg_get_userbyid(datdba) <> app;
