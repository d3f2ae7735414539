-- One line for each thing that is not well: a setting that was refused or waits for a restart, a file that was not read yet.
SELECT 'reload' WHERE pg_conf_load_time() < greatest((pg_stat_file(:'settings')).modification,
                                                     (pg_stat_file(current_setting('hba_file'))).modification);
SELECT 'refused ' || coalesce(name, '?') || ' in ' || sourcefile || ' line ' || sourceline || ': ' || error
  FROM pg_file_settings
 WHERE error IS NOT NULL AND error <> 'setting could not be applied';
SELECT 'restart ' || name FROM pg_settings WHERE pending_restart ORDER BY name;
