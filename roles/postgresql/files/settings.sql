-- One line for each setting that was refused, or that waits for a restart. Nothing when all is well.
SELECT 'refused ' || coalesce(name, '?') || ' in ' || sourcefile || ' line ' || sourceline || ': ' || error
  FROM pg_file_settings
 WHERE error IS NOT NULL AND error <> 'setting could not be applied';
SELECT 'restart ' || name FROM pg_settings WHERE pending_restart ORDER BY name;
