# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is PRIVATE to the collection: it can change at any time. Do not import it from outside.

"""The one table of pgpool.conf parameters, as data; settings.py reads it.

Facts of src/config/pool_config_variables.c of the last releases (4.1.23, 4.2.24, 4.3.20, 4.4.17, 4.5.12, 4.6.7 and
4.7.2), one line for each range of majors in which nothing changed. What earlier releases of a major had instead is in
EARLIER: all releases were compared. Each line has:

* name; ``[n]`` wants the number of a node behind it, ``[n?]`` takes one (then it is that node's alone)
* kind: bool, int (32 bits), long, real, text, list, enum, flags; with its unit (ms, s, min, B, kB), and its range or
  words (``@name`` is in WORDS). Units can be written from 4.2 on; before, a number is in the unit named here.
* what applies a change: CFGCXT_INIT is "restart", everything else "reload". What a reload leaves as it was all the same
  is in settings.py (READ_AT_START) and applies.py
* first and last version; the default that is compiled in (the sample files say other things now and then)
"""

from __future__ import annotations

FIRST, LAST = "4.1", "4.7"

WORDS = {
    "backend_flag": "ALLOW_TO_FAILOVER,DISALLOW_TO_FAILOVER,ALWAYS_PRIMARY",
    "backend_flag_4.1": "ALLOW_TO_FAILOVER,DISALLOW_TO_FAILOVER,ALWAYS_MASTER",
    "clustering": "streaming_replication,native_replication,logical_replication,raw,snapshot_isolation",
    "clustering_until_4.6": "streaming_replication,native_replication,logical_replication,slony,raw,snapshot_isolation",
    "facility": "LOCAL0,LOCAL1,LOCAL2,LOCAL3,LOCAL4,LOCAL5,LOCAL6,LOCAL7",
    "message_level": "debug,debug5,debug4,debug3,debug2,debug1,info,notice,warning,error,log,fatal,panic",
    "on_write": "off,transaction,trans_transaction,always,dml_adaptive",
    "on_write_4.1": "off,transaction,trans_transaction,always",
}

TABLE = r"""
allow_clear_text_frontend_auth            bool                        reload  4.1-4.7 off
allow_multiple_failover_requests_from_node bool                        restart 4.1-4.7 off
allow_sql_comments                        bool                        reload  4.1-4.7 off
app_name_redirect_preference_list         text                        reload  4.1-4.7 ''
arping_cmd text restart 4.1-4.7 '/usr/bin/sudo /usr/sbin/arping -U $_IP_$ -w 1 -I eth0'
arping_path                               text                        restart 4.1-4.7 '/usr/sbin'
authentication_timeout                    int/s:0..                   restart 4.1-4.2 0
authentication_timeout                    int/s:0..                   restart 4.3-4.7 60
auto_failback                             bool                        reload  4.1-4.7 off
auto_failback_interval                    int/s:0..                   reload  4.1-4.7 60
backend_application_name[n]               text                        reload  4.1-4.7 ''
backend_clustering_mode                   enum:@clustering_until_4.6  restart 4.2-4.6 streaming_replication
backend_clustering_mode                   enum:@clustering            restart 4.7-4.7 streaming_replication
backend_data_directory[n]                 text                        reload  4.1-4.7 ''
backend_flag[n]                           flags:@backend_flag_4.1     reload  4.1-4.1 'ALWAYS_MASTER'
backend_flag[n]                           flags:@backend_flag         reload  4.2-4.7 ''
backend_hostname[n]                       text                        reload  4.1-4.7 ''
backend_port[n]                           int:1024..65535             reload  4.1-4.7 0
backend_weight[n]                         real:0..100000000           reload  4.1-4.7 0
black_function_list                       list                        reload  4.1-4.1 'nextval,setval'
black_memqcache_table_list                list                        reload  4.1-4.1 ''
black_query_pattern_list                  list                        reload  4.1-4.1 ''
cache_safe_memqcache_table_list           list                        reload  4.2-4.7 ''
cache_unsafe_memqcache_table_list         list                        reload  4.2-4.7 ''
check_temp_table                          enum:catalog,trace,none,on,off reload  4.1-4.7 catalog
check_unlogged_table                      bool                        reload  4.1-4.7 on
child_life_time                           int/s:0..                   restart 4.1-4.7 300
child_max_connections                     int:0..                     restart 4.1-4.7 0
clear_memqcache_on_escalation             bool                        reload  4.1-4.2 off
clear_memqcache_on_escalation             bool                        reload  4.3-4.7 on
client_idle_limit                         int/s:0..                   reload  4.1-4.7 0
client_idle_limit_in_recovery             int/s:-1..                  reload  4.1-4.7 0
client_min_messages                       enum:@message_level         reload  4.1-4.7 notice
connect_timeout[n?]                       int/ms:0..                  reload  4.1-4.7 10000
connection_cache                          bool                        restart 4.1-4.7 on
connection_life_time                      int/s:0..                   restart 4.1-4.7 0
database_redirect_preference_list         text                        reload  4.1-4.7 ''
delay_threshold                           long/B:0..                  reload  4.1-4.7 0
delay_threshold_by_time                   int/s:0..                   reload  4.4-4.4 0
delay_threshold_by_time                   int/ms:0..                  reload  4.5-4.7 0
delegate_ip                               text                        restart 4.4-4.7 ''
delegate_IP                               text                        restart 4.1-4.7 ''
detach_false_primary                      bool                        reload  4.1-4.7 off
disable_load_balance_on_write             enum:@on_write_4.1          reload  4.1-4.1 transaction
disable_load_balance_on_write             enum:@on_write              reload  4.2-4.7 transaction
dml_adaptive_object_relationship_list     text                        reload  4.2-4.7 ''
enable_consensus_with_half_votes          bool                        restart 4.1-4.7 off
enable_pool_hba                           bool                        reload  4.1-4.7 off
enable_shared_relcache                    bool                        restart 4.1-4.7 on
fail_over_on_backend_error                bool                        reload  4.1-4.7 on
failback_command                          text                        reload  4.1-4.7 ''
failover_command                          text                        reload  4.1-4.7 ''
failover_if_affected_tuples_mismatch      bool                        reload  4.1-4.7 off
failover_on_backend_error                 bool                        reload  4.1-4.7 on
failover_on_backend_shutdown              bool                        reload  4.3-4.7 off
failover_require_consensus                bool                        restart 4.1-4.2 off
failover_require_consensus                bool                        restart 4.3-4.7 on
failover_when_quorum_exists               bool                        restart 4.1-4.2 off
failover_when_quorum_exists               bool                        restart 4.3-4.7 on
follow_master_command                     text                        reload  4.1-4.1 ''
follow_primary_command                    text                        reload  4.2-4.7 ''
health_check_database[n?]                 text                        reload  4.1-4.7 'postgres'
health_check_max_retries[n?]              int:0..                     reload  4.1-4.7 0
health_check_password[n?]                 text                        reload  4.1-4.7 ''
health_check_period[n?]                   int/s:0..                   reload  4.1-4.7 0
health_check_retry_delay[n?]              int/s:0..                   reload  4.1-4.7 1
health_check_test                         bool                        restart 4.1-4.7 off
health_check_timeout[n?]                  int/s:0..                   reload  4.1-4.7 20
health_check_user[n?]                     text                        reload  4.1-4.5 'nobody'
health_check_user[n?]                     text                        reload  4.6-4.7 ''
heartbeat_destination[n]                  text                        restart 4.1-4.1 ''
heartbeat_destination_port[n]             int:1024..65535             restart 4.1-4.1 0
heartbeat_device[n]                       text                        restart 4.1-4.7 ''
heartbeat_hostname[n]                     text                        restart 4.2-4.7 ''
heartbeat_port[n]                         int:1024..65535             restart 4.2-4.7 0
hostname[n]                               text                        restart 4.2-4.7 'localhost'
if_cmd_path                               text                        restart 4.1-4.7 '/sbin'
if_down_cmd text restart 4.1-4.7 '/usr/bin/sudo /sbin/ip addr del $_IP_$/24 dev eth0'
if_up_cmd text restart 4.1-4.7 '/usr/bin/sudo /sbin/ip addr add $_IP_$/24 dev eth0 label eth0:0'
ignore_leading_white_space                bool                        reload  4.1-4.7 on
insert_lock                               bool                        reload  4.1-4.7 on
listen_addresses                          list                        restart 4.1-4.7 'localhost'
listen_backlog_multiplier                 int:1..                     restart 4.1-4.2 32
listen_backlog_multiplier                 int:1..                     restart 4.3-4.7 2
load_balance_mode                         bool                        restart 4.1-4.2 off
load_balance_mode                         bool                        restart 4.3-4.7 on
lobj_lock_table                           text                        reload  4.1-4.7 ''
log_backend_messages                      enum:none,terse,verbose     reload  4.6-4.7 none
log_client_messages                       bool                        reload  4.1-4.7 off
log_connections                           bool                        reload  4.1-4.7 off
log_destination                           flags:stderr,syslog         reload  4.1-4.7 'stderr'
log_directory                             text                        restart 4.2-4.5 '/tmp/pgpool_logs'
log_directory                             text                        reload  4.6-4.7 '/tmp/pgpool_logs'
log_disconnections                        bool                        reload  4.2-4.7 off
log_error_verbosity                       enum:terse,default,verbose  reload  4.1-4.7 default
log_file_mode                             int:0..                     restart 4.2-4.5 0600
log_file_mode                             int:0..                     reload  4.6-4.7 0600
log_filename                              text                        restart 4.2-4.5 'pgpool-%Y-%m-%d_%H%M%S.log'
log_filename                              text                        reload  4.6-4.7 'pgpool-%Y-%m-%d_%H%M%S.log'
log_hostname                              bool                        reload  4.1-4.7 off
log_line_prefix                           text                        reload  4.1-4.2 '%t: pid %p: '
log_line_prefix                           text                        reload  4.3-4.7 '%m: %a pid %p: '
log_min_messages                          enum:@message_level         reload  4.1-4.7 warning
log_pcp_processes                         bool                        reload  4.5-4.6 on
log_pcp_processes                         bool                        reload  4.7-4.7 off
log_per_node_statement                    bool                        reload  4.1-4.7 off
log_rotation_age                          int/min:0..                 restart 4.2-4.5 1440
log_rotation_age                          int/min:0..                 reload  4.6-4.7 1440
log_rotation_size                         int/kB:0..2097151           restart 4.2-4.5 10240
log_rotation_size                         int/kB:0..2097151           reload  4.6-4.7 10240
log_standby_delay                         enum:always,if_over_threshold,none reload  4.1-4.2 none
log_standby_delay                         enum:always,if_over_threshold,none reload  4.3-4.7 if_over_threshold
log_statement                             bool                        reload  4.1-4.7 off
log_truncate_on_rotation                  bool                        restart 4.2-4.5 off
log_truncate_on_rotation                  bool                        reload  4.6-4.7 off
logdir                                    text                        restart 4.1-4.6 '/tmp'
logdir                                    text                        restart 4.7-4.7 ''
logging_collector                         bool                        restart 4.2-4.7 off
master_slave_mode                         bool                        restart 4.1-4.1 off
master_slave_sub_mode                     enum:slony,stream,logical   restart 4.1-4.1 stream
max_pool                                  int:0..                     restart 4.1-4.7 4
max_spare_children                        int:1..                     reload  4.4-4.7 10
memory_cache_enabled                      bool                        restart 4.1-4.7 off
memqcache_auto_cache_invalidation         bool                        reload  4.1-4.7 on
memqcache_cache_block_size                int/B:512..                 restart 4.1-4.7 1048576
memqcache_expire                          int/s:0..                   restart 4.1-4.7 0
memqcache_max_num_cache                   int:0..                     restart 4.1-4.7 1000000
memqcache_maxcache                        int/B:0..                   restart 4.1-4.7 409600
memqcache_memcached_host                  text                        restart 4.1-4.7 'localhost'
memqcache_memcached_port                  int:0..                     restart 4.1-4.7 11211
memqcache_method                          enum:shmem,memcached        restart 4.1-4.7 shmem
memqcache_oiddir                          text                        restart 4.1-4.7 '/var/log/pgpool/oiddir'
memqcache_total_size                      long/B:0..                  restart 4.1-4.7 67108864
min_spare_children                        int:1..                     reload  4.4-4.7 5
notice_per_node_statement                 bool                        reload  4.1-4.7 off
num_init_children                         int:1..                     restart 4.1-4.7 32
other_pgpool_hostname[n]                  text                        restart 4.1-4.1 'localhost'
other_pgpool_port[n]                      int:1024..65535             restart 4.1-4.1 0
other_wd_port[n]                          int:1024..65535             restart 4.1-4.1 0
pcp_listen_addresses                      text                        restart 4.1-4.3 'localhost'
pcp_listen_addresses                      list                        restart 4.4-4.7 'localhost'
pcp_port                                  int:1024..65535             restart 4.1-4.7 9898
pcp_socket_dir                            list                        restart 4.1-4.7 '/tmp'
pgpool_port[n]                            int:1024..65535             restart 4.2-4.7 0
pid_file_name                             text                        restart 4.1-4.7 '/var/run/pgpool/pgpool.pid'
ping_path                                 text                        restart 4.1-4.7 '/bin'
pool_passwd                               text                        restart 4.1-4.7 'pool_passwd'
port                                      int:1024..65535             restart 4.1-4.7 9999
prefer_lower_delay_standby                bool                        reload  4.3-4.7 off
primary_routing_query_pattern_list        list                        reload  4.2-4.7 ''
process_management_mode                   enum:static,dynamic         reload  4.4-4.7 static
process_management_strategy               enum:aggressive,gentle,lazy reload  4.4-4.7 gentle
read_only_function_list                   list                        reload  4.2-4.7 ''
recovery_1st_stage_command                text                        reload  4.1-4.7 ''
recovery_2nd_stage_command                text                        reload  4.1-4.7 ''
recovery_database                         text                        reload  4.7-4.7 'postgres'
recovery_password                         text                        reload  4.1-4.7 ''
recovery_timeout                          int/s:0..                   reload  4.1-4.7 90
recovery_user                             text                        reload  4.1-4.5 'nobody'
recovery_user                             text                        reload  4.6-4.7 ''
relcache_expire                           long/s:0..                  restart 4.1-4.7 0
relcache_query_target                     enum:master,load_balance_node reload  4.1-4.1 master
relcache_query_target                     enum:primary,load_balance_node reload  4.2-4.7 primary
relcache_size                             int:0..                     restart 4.1-4.7 256
replicate_select                          bool                        reload  4.1-4.7 off
replication_mode                          bool                        restart 4.1-4.7 off
replication_stop_on_mismatch              bool                        reload  4.1-4.7 off
reserved_connections                      int:0..                     restart 4.1-4.7 0
reset_query_list                          list                        reload  4.1-4.7 'ABORT;DISCARD ALL'
search_primary_node_timeout               int/s:0..                   reload  4.1-4.7 300
serialize_accept                          bool                        restart 4.1-4.7 off
socket_dir                                text                        restart 4.1-4.3 '/tmp'
sr_check_database                         text                        reload  4.1-4.7 'postgres'
sr_check_password                         text                        reload  4.1-4.7 ''
sr_check_period                           int/s:0..                   reload  4.1-4.2 0
sr_check_period                           int/s:0..                   reload  4.3-4.7 10
sr_check_user                             text                        reload  4.1-4.5 'nobody'
sr_check_user                             text                        reload  4.6-4.7 ''
ssl                                       bool                        restart 4.1-4.7 off
ssl_ca_cert                               text                        restart 4.1-4.7 ''
ssl_ca_cert_dir                           text                        restart 4.1-4.7 ''
ssl_cert                                  text                        restart 4.1-4.7 ''
ssl_ciphers                               text                        restart 4.1-4.7 'HIGH:MEDIUM:+3DES:!aNULL'
ssl_crl_file                              text                        restart 4.2-4.7 ''
ssl_dh_params_file                        text                        restart 4.1-4.7 ''
ssl_ecdh_curve                            text                        restart 4.1-4.7 'prime256v1'
ssl_key                                   text                        restart 4.1-4.7 ''
ssl_passphrase_command                    text                        restart 4.2-4.7 ''
ssl_prefer_server_ciphers                 bool                        restart 4.1-4.7 off
statement_level_load_balance              bool                        reload  4.1-4.7 off
syslog_facility                           enum:@facility              reload  4.1-4.7 LOCAL0
syslog_ident                              text                        reload  4.1-4.7 'pgpool'
trusted_server_command                    text                        reload  4.4-4.7 'ping -q -c3 %h'
trusted_servers                           text                        restart 4.1-4.7 ''
unix_socket_directories                   list                        restart 4.4-4.7 '/tmp'
unix_socket_group                         text                        restart 4.4-4.7 ''
unix_socket_permissions                   int:0..0777                 restart 4.4-4.7 0777
use_watchdog                              bool                        restart 4.1-4.7 off
user_redirect_preference_list             text                        reload  4.5-4.7 ''
wd_authkey                                text                        restart 4.1-4.7 ''
wd_de_escalation_command                  text                        reload  4.1-4.7 ''
wd_escalation_command                     text                        reload  4.1-4.7 ''
wd_heartbeat_deadtime                     int/s:1..                   restart 4.1-4.7 30
wd_heartbeat_keepalive                    int/s:1..                   restart 4.1-4.7 2
wd_heartbeat_listen_addresses             text                        restart 4.7-4.7 ''
wd_heartbeat_listen_port                  int:0..                     restart 4.7-4.7 0
wd_heartbeat_port                         int:1024..65535             restart 4.1-4.1 9694
wd_hostname                               text                        restart 4.1-4.1 ''
wd_interval                               int/s:0..                   restart 4.1-4.7 10
wd_ipc_socket_dir                         text                        restart 4.1-4.7 '/tmp'
wd_life_point                             int:0..                     restart 4.1-4.7 3
wd_lifecheck_dbname                       text                        reload  4.1-4.2 'postgres'
wd_lifecheck_dbname                       text                        reload  4.3-4.7 'template1'
wd_lifecheck_method                       enum:query,heartbeat,external restart 4.1-4.7 heartbeat
wd_lifecheck_password                     text                        reload  4.1-4.7 ''
wd_lifecheck_query                        text                        restart 4.1-4.7 'SELECT 1'
wd_lifecheck_user                         text                        reload  4.1-4.5 'nobody'
wd_lifecheck_user                         text                        reload  4.6-4.7 ''
wd_listen_address                         text                        restart 4.7-4.7 ''
wd_listen_port                            int:1024..65535             restart 4.7-4.7 0
wd_lost_node_removal_timeout              int/s:0..                   reload  4.3-4.7 0
wd_monitoring_interfaces_list             list                        restart 4.1-4.7 ''
wd_no_show_node_removal_timeout           int/s:0..                   reload  4.3-4.7 0
wd_port                                   int:1024..                  restart 4.1-4.1 9000
wd_port[n]                                int:1024..65535             restart 4.2-4.7 0
wd_priority                               int:0..                     restart 4.1-4.7 1
wd_remove_shutdown_nodes                  bool                        reload  4.3-4.7 off
white_function_list                       list                        reload  4.1-4.1 ''
white_memqcache_table_list                list                        reload  4.1-4.1 ''
work_dir                                  text                        restart 4.7-4.7 '/tmp'
write_function_list                       list                        reload  4.2-4.2 'nextval,setval'
write_function_list                       list                        reload  4.3-4.7 ''
"""

# What the first releases of a major had instead, up to the last that did; "none": it did not know the name.
EARLIER = r"""
failover_on_backend_shutdown       bool         reload  4.3.0-4.3.8 on
failover_on_backend_shutdown       bool         reload  4.4.0-4.4.5 on
failover_on_backend_shutdown       bool         reload  4.5.0-4.5.0 on
health_check_test                  none         -       4.1.0-4.1.10 -
health_check_test                  none         -       4.2.0-4.2.7 -
health_check_test                  none         -       4.3.0-4.3.0 -
log_line_prefix                    text         reload  4.3.0-4.3.0 '%t: pid %p: '
log_rotation_age                   int/min:10.. restart 4.2.0-4.2.4 1440
log_rotation_size                  int/kB:1..   restart 4.2.0-4.2.1 0
notice_per_node_statement          none         -       4.1.0-4.1.21 -
notice_per_node_statement          none         -       4.2.0-4.2.18 -
notice_per_node_statement          none         -       4.3.0-4.3.11 -
notice_per_node_statement          none         -       4.4.0-4.4.8 -
pcp_listen_addresses               text         restart 4.1.0-4.1.11 '*'
pcp_listen_addresses               text         restart 4.2.0-4.2.8 '*'
pcp_listen_addresses               text         restart 4.3.0-4.3.1 '*'
recovery_user                      text         reload  4.1.0-4.1.18 ''
recovery_user                      text         reload  4.2.0-4.2.15 ''
recovery_user                      text         reload  4.3.0-4.3.8 ''
recovery_user                      text         reload  4.4.0-4.4.5 ''
recovery_user                      text         reload  4.5.0-4.5.0 ''
wd_heartbeat_listen_addresses      none         -       4.7.0-4.7.0 -
wd_heartbeat_listen_port           none         -       4.7.0-4.7.0 -
wd_initial_node_showup_time        int/s:0..    reload  4.3.0-4.3.0 0
wd_lifecheck_password              text         reload  4.1.0-4.1.14 'postgres'
wd_lifecheck_password              text         reload  4.2.0-4.2.11 'postgres'
wd_lifecheck_password              text         reload  4.3.0-4.3.4 'postgres'
wd_lifecheck_password              text         reload  4.4.0-4.4.1 'postgres'
wd_listen_address                  none         -       4.7.0-4.7.0 -
wd_listen_port                     none         -       4.7.0-4.7.0 -
wd_no_show_node_removal_timeout    none         -       4.3.0-4.3.0 -
"""

__all__ = ("EARLIER", "FIRST", "LAST", "TABLE", "WORDS")
